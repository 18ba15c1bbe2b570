import { useState } from "preact/hooks";
import { path, type Upload } from "../api";
import { useList } from "../list";
import { Empty, Heading, Refresh, Search, Select } from "../parts";
import { Table } from "../table";
import { stateText, t } from "../texts";
import { ProductFilter } from "./choice";
import { uploadColumns, useUploadActions } from "./upload_rows";

const states: Upload["state"][] = ["created", "uploading", "stored", "done", "failed", "expired", "cancelled"];

export function UploadsPage() {
  const [product, setProduct] = useState("");
  const [state, setState] = useState("");
  const [prefix, setPrefix] = useState("");
  const list = useList<Upload>({
    path: "/uploads",
    query: { product, state, name_prefix: prefix },
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
      <Heading title={t("uploads")}>
        <Refresh onClick={list.refresh} />
      </Heading>
      <div class="filters">
        <ProductFilter value={product} set={setProduct} />
        <Select
          label={t("state")} value={state} set={setState}
          options={[["", t("any_state")], ...states.map((one): [string, string] => [one, stateText(one)])]}
        />
        <Search label={t("name_begins_with")} value={prefix} set={setPrefix} />
      </div>
      <Table caption={t("uploads")} list={list} keyOf={(one) => one.id} columns={uploadColumns(actions.cell, true)} empty={none} />
      {actions.dialog}
    </>
  );
}
