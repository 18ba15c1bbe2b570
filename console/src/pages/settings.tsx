// What ferryd runs with, and what of it is used. They are changed where ferryd is started.
import { get, type Status } from "../api";
import type { Quota, Setting } from "../admin";
import { topics } from "../events";
import { useList, useOne } from "../list";
import { Empty, Facts, Failure, Heading, Refresh } from "../parts";
import { Table, type Column } from "../table";
import { bytesText, numberText, secondsText, t } from "../texts";

interface Platform {
  settings: Setting[];
  status: Status;
}

async function readPlatform(): Promise<Platform> {
  const [{ items }, status] = await Promise.all([get<{ items: Setting[] }>("/settings"), get<Status>("/status")]);
  return { settings: items, status };
}

function valueText(setting: Setting, value: Setting["value"]): string {
  if (value === null) return "–";
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (typeof value === "string") return value;
  if (setting.type === "seconds") return secondsText(value);
  return /bytes|size/.test(setting.name) ? bytesText(value) : numberText(value);
}

function Settings({ settings }: { settings: Setting[] }) {
  return (
    <table class="settings">
      <caption class="hidden">{t("settings")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("setting")}</th>
          <th scope="col">{t("value")}</th>
          <th scope="col" class="wide">
            {t("default")}
          </th>
        </tr>
      </thead>
      <tbody>
        {settings.map((one) => (
          <tr key={one.name}>
            <th scope="row">
              <code>{one.name}</code>
              <span class="help" lang="en">
                {one.help}
              </span>
            </th>
            <td>{one.value === one.default ? valueText(one, one.value) : <b>{valueText(one, one.value)}</b>}</td>
            <td class="wide">{valueText(one, one.default)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ofLimit(used: string, limit: number, limitText: string): string {
  return limit > 0 ? t("done_of", { done: used, total: limitText }) : used;
}

function Quotas() {
  const list = useList<Quota>({ path: "/quota", query: {}, key: (quota) => quota.product, topic: ["upload", "resource", "audit"] });
  const columns: Column<Quota>[] = [
    { title: t("product"), show: (one) => one.product },
    { title: t("size"), width: "middle", show: ({ used, limits }) => ofLimit(bytesText(used.bytes), limits.product_bytes, bytesText(limits.product_bytes)) },
    { title: t("files"), width: "middle", show: ({ used, limits }) => ofLimit(numberText(used.files), limits.product_files, numberText(limits.product_files)) },
  ];
  const none = <Empty title={t("no_products")} next={t("no_products_next")} command="ferryctl product add demo" />;
  return <Table caption={t("quota")} list={list} keyOf={(one) => one.product} columns={columns} empty={none} />;
}

function used({ totals, version }: Status): [string, string][] {
  const number = (name: string) => numberText(totals[name] ?? 0);
  const bytes = (name: string) => bytesText(totals[name] ?? 0);
  return [
    [t("version"), version],
    [t("products"), number("products")],
    [t("devices"), number("devices")],
    [t("resources"), `${number("resources")} (${bytes("resource_bytes")})`],
    [t("uploads"), bytes("uploads_stored_bytes")],
  ];
}

export function SettingsPage() {
  const { value, error, refresh } = useOne("settings", readPlatform, topics);
  return (
    <>
      <Heading title={t("settings")}>
        <Refresh onClick={refresh} />
      </Heading>
      <Failure error={error} retry={refresh} />
      {value && <Facts rows={used(value.status)} />}
      <h2>{t("quota")}</h2>
      <Quotas />
      <h2>{t("settings")}</h2>
      <p class="note">{t("settings_what")}</p>
      {value && <Settings settings={value.settings} />}
    </>
  );
}
