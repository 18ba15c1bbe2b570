import { useState } from "preact/hooks";
import { path, type Upload } from "../api";
import { useList } from "../list";
import { Empty, Search } from "../parts";
import { Table, useSorting } from "../table";
import { t } from "../texts";
import { FilterHead } from "./filters";
import { uploadColumns, useUploadActions } from "./upload_rows";

const states: Upload["state"][] = ["created", "uploading", "stored", "done", "failed", "expired", "cancelled"];

export function UploadsPage() {
  const [product, setProduct] = useState("");
  const [state, setState] = useState("");
  const [prefix, setPrefix] = useState("");
  const sorting = useSorting("-created_at");
  const list = useList<Upload>({
    path: "/uploads",
    query: { product, state, name_prefix: prefix, sort: sorting.sort },
    key: (upload) => upload.id,
    topic: "upload",
    keyOf: (happened) => happened.task,
    one: state ? undefined : (id) => path("uploads", id), // else a row may leave the list
  });
  const actions = useUploadActions(list);
  const none =
    product || state || prefix ? (
      <Empty title={t("no_match")} next={t("no_match_next")} />
    ) : (
      <Empty title={t("no_uploads")} next={t("no_uploads_next")} command="ferry upload FILE --device-info device_info.json" />
    );
  return (
    <>
      <FilterHead
        title={t("uploads")} refresh={list.refresh} product={product} setProduct={setProduct}
        state={state} states={states} setState={setState}
      >
        <Search label={t("name_begins_with")} value={prefix} set={setPrefix} />
      </FilterHead>
      <Table caption={t("uploads")} list={list} keyOf={(one) => one.id} columns={uploadColumns(actions.cell, true, sorting)} empty={none} />
      {actions.dialog}
    </>
  );
}
