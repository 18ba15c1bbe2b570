// The order of a deployment: to all devices of the product by one more click, to those with a tag, or to chosen ones.
import { useState } from "preact/hooks";
import { get, post, type Deployment, type Device, type Page, type Resource } from "../api";
import { FormDialog, TextField } from "../forms";
import { useOne } from "../list";
import { Failure, Search, Select } from "../parts";
import { go } from "../route";
import { t } from "../texts";

const choices = 50; // devices that are shown to choose from
const retryChoices = ["0", "3", "10"];
const paces: [string, "pace_none" | "pace_10" | "pace_100" | "pace_1000"][] = [
  ["0", "pace_none"],
  ["10", "pace_10"],
  ["100", "pace_100"],
  ["1000", "pace_1000"],
];

interface ChooserProps {
  product: string;
  chosen: string[];
  set: (devices: string[]) => void;
}

function Chooser({ product, chosen, set }: ChooserProps) {
  const [prefix, setPrefix] = useState("");
  const found = useOne(`${product} ${prefix}`, () =>
    get<Page<Device>>("/devices", { product, name_prefix: prefix, limit: choices }),
  );
  const names = (found.value?.items ?? []).filter((one) => !one.disabled).map((one) => one.name);
  const shown = [...chosen.filter((name) => !names.includes(name)), ...names];
  const toggle = (name: string) =>
    set(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <div class="chooser">
      <Search label={t("name_begins_with")} value="" set={setPrefix} />
      <Failure error={found.error} />
      <ul tabIndex={0} aria-label={t("devices")}>
        {shown.map((name) => (
          <li key={name}>
            <label>
              <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} /> {name}
            </label>
          </li>
        ))}
      </ul>
      {found.value?.next && <p class="note">{t("chooser_more", { count: choices })}</p>}
    </div>
  );
}

export function DeliverDialog({ resource, close }: { resource: Resource; close: () => void }) {
  const [to, setTo] = useState<"all" | "tag" | "chosen">("all");
  const [tag, setTag] = useState("");
  const [devices, setDevices] = useState<string[]>([]);
  const [retries, setRetries] = useState("0");
  const [pace, setPace] = useState("0");
  const deliver = async () => {
    const made = await post<Deployment>("/deployments", {
      product: resource.product,
      resource: resource.name,
      resource_id: resource.id,
      ...{ all: { all: true }, tag: { tag }, chosen: { devices } }[to],
      retries: Number(retries),
      rate_per_min: Number(pace),
    });
    close();
    go("deployments", made.id);
  };
  const ready = { all: true, tag: tag !== "", chosen: devices.length > 0 }[to];
  const radio = (value: typeof to, text: string) => (
    <label>
      <input type="radio" name="to" checked={to === value} onChange={() => setTo(value)} /> {text}
    </label>
  );
  return (
    <FormDialog title={t("deliver_name", { name: resource.name })} button={t("deliver")} ready={ready} act={deliver} close={close}>
      <fieldset>
        <legend>{t("to_whom")}</legend>
        {radio("all", t("to_all", { product: resource.product }))}
        {radio("tag", t("to_tag"))}
        {radio("chosen", t("to_chosen", { count: devices.length }))}
      </fieldset>
      {to === "tag" && <TextField label={t("tag")} value={tag} set={(value) => setTag(value.trim())} />}
      {to === "chosen" && <Chooser product={resource.product} chosen={devices} set={setDevices} />}
      <details>
        <summary>{t("how")}</summary>
        <Select label={t("pace")} value={pace} options={paces.map(([value, key]) => [value, t(key)])} set={setPace} />
        <Select label={t("retries")} value={retries} options={retryChoices.map((one) => [one, one])} set={setRetries} />
      </details>
    </FormDialog>
  );
}
