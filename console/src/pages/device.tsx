import { useState } from "preact/hooks";
import { get, patch, path, type Device, type Task, type Upload } from "../api";
import { isGone } from "../events";
import { useList, useOne } from "../list";
import { Ago, Confirm, Empty, Facts, Failure, Heading, Online, Percent, Refresh, State, useDoing } from "../parts";
import { linkTo } from "../route";
import { useMayChange } from "../session";
import { Table, type Column } from "../table";
import { bytesText, t, timeText } from "../texts";
import { RotateDialog, TagsDialog } from "./device_dialogs";
import { resultText } from "./reports";
import { Timeline } from "./timeline";
import { uploadColumns, useUploadActions } from "./upload_rows";

interface ActionsProps {
  device: Device;
  set: (device: Device) => void;
  refresh: () => void;
}

function Actions({ device, set, refresh }: ActionsProps) {
  const [open, setOpen] = useState<"" | "tags" | "rotate" | "disable">("");
  const doing = useDoing();
  const close = () => setOpen("");
  const change = async (disabled: boolean) =>
    set(await patch<Device>(path("devices", device.product, device.name), { disabled }));
  return (
    <>
      <button type="button" onClick={() => setOpen("tags")}>
        {t("tags")}
      </button>
      <button type="button" onClick={() => setOpen("rotate")}>
        {t("new_secret")}
      </button>
      {device.disabled ? (
        <button type="button" disabled={doing.busy} onClick={() => doing.run(() => change(false))}>
          {t("enable")}
        </button>
      ) : (
        <button type="button" class="danger" onClick={() => setOpen("disable")}>
          {t("disable")}
        </button>
      )}
      <Failure error={doing.error} />
      {open === "tags" && <TagsDialog device={device} close={close} set={set} />}
      {open === "rotate" && <RotateDialog device={device} close={close} rotated={refresh} />}
      {open === "disable" && (
        <Confirm
          title={t("disable_title", { device: device.name })} text={t("disable_what")} button={t("disable")}
          act={() => change(true)} close={close}
        />
      )}
    </>
  );
}

function Downloads({ product, device }: { product: string; device: string }) {
  const list = useList<Task>({
    path: "/downloads",
    query: { product, device },
    key: (task) => task.id,
    topic: "download",
    keyOf: (happened) => happened.task,
    concerns: (happened) => happened.product === product && happened.device === device,
  });
  const columns: Column<Task>[] = [
    { title: t("file"), show: (one) => <a href={linkTo("deployments", one.deployment, "tasks", one.id)}>{one.name}</a> },
    { title: t("size"), width: "narrow", wide: true, show: (one) => bytesText(one.size) },
    { title: t("state"), width: "middle", show: (one) => <State state={one.state} /> },
    { title: t("progress"), width: "narrow", wide: true, show: (one) => <Percent value={one.percent} label={one.name} /> },
    { title: t("result"), width: "middle", wide: true, show: resultText },
    { title: t("ordered"), width: "middle", wide: true, show: (one) => timeText(one.created_at) },
  ];
  const none = <Empty title={t("no_downloads")} next={t("no_downloads_next")} command={`ferryctl deploy ${product} FILE --device ${device}`} />;
  return (
    <Table caption={t("downloads_of", { device })} list={list} keyOf={(one) => one.id} columns={columns} empty={none} />
  );
}

function Uploads({ product, device }: { product: string; device: string }) {
  const list = useList<Upload>({
    path: "/uploads",
    query: { product, device },
    key: (upload) => upload.id,
    topic: "upload",
    keyOf: (happened) => happened.task,
    one: (id) => path("uploads", id),
    concerns: (happened) => happened.product === product && happened.device === device,
  });
  const actions = useUploadActions(list);
  const none = <Empty title={t("no_uploads")} next={t("no_uploads_next")} command="ferry upload FILE --device-info device_info.json" />;
  return (
    <>
      <Table
        caption={t("uploads_of", { device })} list={list} keyOf={(one) => one.id} empty={none}
        columns={uploadColumns(actions.cell, false)}
      />
      {actions.dialog}
    </>
  );
}

const parts = { "": Timeline, downloads: Downloads, uploads: Uploads };
type Part = keyof typeof parts;

export function isPart(name: string): name is Part {
  return name in parts;
}

export function DevicePage({ product, device, part }: { product: string; device: string; part: Part }) {
  const mayChange = useMayChange();
  const [round, setRound] = useState(0); // a new one reads the lists again
  const { value, error, refresh, set } = useOne(
    `${product}/${device}`,
    () => get<Device>(path("devices", product, device)),
    ["device"],
    (one) => one.product === product && one.device === device,
    isGone,
  );
  const again = () => {
    refresh();
    setRound(round + 1);
  };
  const Shown = parts[part];
  const tab = (to: Part, text: string) => (
    <a href={linkTo("devices", product, device, ...(to ? [to] : []))} aria-current={part === to ? "true" : undefined}>
      {text}
    </a>
  );
  return (
    <>
      <Heading title={device}>
        <Refresh onClick={again} />
        {value && mayChange && <Actions device={value} set={set} refresh={refresh} />}
      </Heading>
      <Failure error={error} retry={refresh} />
      {value && (
        <>
          <Facts
            rows={[
              [t("product"), product],
              [t("state"), <State state={value.disabled ? "disabled" : "enabled"} />],
              [t("connection"), <Online device={value} />],
              [t("last_seen"), <Ago time={value.last_seen_at} />],
              [t("tags"), value.tags.join(" ")],
              [t("registered"), timeText(value.created_at)],
              [t("old_secret_until"), timeText(value.old_secret_until)],
            ]}
          />
          <nav class="tabs" aria-label={t("transfers")}>
            {tab("", t("timeline"))}
            {tab("downloads", t("downloads"))}
            {tab("uploads", t("uploads"))}
          </nav>
          <Shown key={round} product={product} device={device} />
        </>
      )}
    </>
  );
}
