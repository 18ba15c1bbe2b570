import { useState } from "preact/hooks";
import { path, type Resource } from "../api";
import { useList } from "../list";
import { Empty, Heading, Refresh, Search } from "../parts";
import { linkTo } from "../route";
import { useMayChange, useSession } from "../session";
import { Table, useSorting, type Column } from "../table";
import { bytesText, t, timeText } from "../texts";
import { NoProducts, ProductChoice } from "./choice";
import { useResourceActions } from "./resource_rows";
import { DropZone } from "./sending";

export function ResourcesPage() {
  const { product, products, known } = useSession();
  const mayChange = useMayChange();
  const [prefix, setPrefix] = useState("");
  const sorting = useSorting("-created_at");
  const list = useList<Resource>({
    path: "/resources",
    query: { product, name_prefix: prefix, sort: sorting.sort },
    key: (resource) => resource.id,
    topic: "resource",
    keyOf: (happened) => happened.resource,
    one: (id) => path("resources", id),
    concerns: (happened) => happened.product === product,
    ready: product !== "",
  });
  const actions = useResourceActions(list);
  const columns: Column<Resource>[] = [
    { title: t("file"), sorting, sort: "name", show: (one) => <a href={linkTo("resources", one.product, one.name)}>{one.name}</a> },
    { title: t("size"), sorting, sort: "-size", width: "narrow", wide: true, show: (one) => bytesText(one.size) },
    { title: t("description"), wide: true, show: (one) => one.description },
    { title: t("added"), sorting, sort: "-created_at", width: "middle", wide: true, show: (one) => timeText(one.created_at) },
    { title: t("actions"), width: "actions", show: actions.cell },
  ];
  const none = prefix ? (
    <Empty title={t("no_match")} next={t("no_match_next")} />
  ) : (
    <Empty title={t("no_resources")} next={t("no_resources_next")} command={`ferryctl resource add ${product} FILE`} />
  );
  return (
    <>
      <Heading title={t("resources")}>
        <Refresh onClick={list.refresh} />
      </Heading>
      {known && products.length === 0 ? <NoProducts /> : null}
      {product && (
        <>
          <div class="filters">
            <ProductChoice />
            <Search label={t("name_begins_with")} value={prefix} set={setPrefix} />
          </div>
          {mayChange && <DropZone key={product} product={product} sent={list.refresh} />}
          <Table caption={t("resources")} list={list} keyOf={(one) => one.id} columns={columns} empty={none} />
        </>
      )}
      {actions.dialog}
    </>
  );
}
