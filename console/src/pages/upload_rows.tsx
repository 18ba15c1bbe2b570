// The rows of uploads, as the page of all uploads and that of one device show them.
import { isWhole, type Upload } from "../api";
import type { List } from "../list";
import { Percent, State } from "../parts";
import { linkTo } from "../route";
import { useMayChange } from "../session";
import type { Column, Sorting } from "../table";
import { bytesText, t, timeText } from "../texts";
import type { ComponentChildren } from "preact";
import { DeleteButton, FetchLink, useDeletion } from "./row_actions";

export function uploadColumns(
  actions: (row: Upload) => ComponentChildren,
  withDevice: boolean,
  sorting?: Sorting,
): Column<Upload>[] {
  const link = (one: Upload) => (
    <a href={linkTo("devices", one.product, one.device, "uploads")}>{`${one.product}/${one.device}`}</a>
  );
  const device: Column<Upload> = { title: t("device"), show: link, wide: true };
  return [
    {
      title: t("file"),
      show: (one) => (
        <>
          <a href={linkTo("uploads", one.id)}>{one.name}</a>
          {withDevice && <span class="thin">{link(one)}</span>}
        </>
      ),
    },
    ...(withDevice ? [device] : []),
    { title: t("size"), width: "narrow", wide: true, show: (one) => bytesText(one.size) },
    { title: t("state"), width: "narrow", show: (one) => <State state={one.state} /> },
    { title: t("progress"), width: "narrow", wide: true, show: (one) => <Percent value={one.percent} label={one.name} /> },
    { title: t("sent"), sorting, sort: "-created_at", width: "middle", wide: true, show: (one) => timeText(one.created_at) },
    { title: t("actions"), width: "pair", show: actions },
  ];
}

export function useUploadActions(list: List<Upload>) {
  const mayChange = useMayChange();
  const deletion = useDeletion("uploads", list, () => t("delete_upload_what"));
  const cell = (one: Upload) => (
    <span class="row-actions">
      {isWhole(one) && <FetchLink kind="uploads" file={one} />}
      {mayChange && <DeleteButton name={one.name} ask={() => deletion.ask(one)} />}
    </span>
  );
  return { cell, dialog: deletion.dialog };
}
