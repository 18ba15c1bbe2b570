import { path, type Resource } from "../api";
import { useList } from "../list";
import { Empty, Heading, Refresh } from "../parts";
import { Table, type Column } from "../table";
import { bytesText, t, timeText } from "../texts";
import { useResourceActions } from "./resource_rows";

export function VersionsPage({ product, name }: { product: string; name: string }) {
  const list = useList<Resource>({
    path: "/resources",
    query: { product, name },
    key: (resource) => resource.id,
    topic: "resource",
    keyOf: (happened) => happened.resource,
    one: (id) => path("resources", id),
    concerns: (happened) => happened.product === product,
  });
  const actions = useResourceActions(list);
  const newest = list.rows[0]?.id;
  const columns: Column<Resource>[] = [
    {
      title: t("version"),
      show: (one) => (one.id === newest ? `${timeText(one.created_at)} (${t("newest")})` : timeText(one.created_at)),
    },
    { title: t("size"), width: "narrow", wide: true, show: (one) => bytesText(one.size) },
    { title: t("description"), wide: true, show: (one) => one.description },
    { title: "SHA-256", wide: true, show: (one) => <code>{one.sha256}</code> },
    { title: t("actions"), width: "actions", show: actions.cell },
  ];
  const none = <Empty title={t("no_resources")} next={t("no_resources_next")} command={`ferryctl resource add ${product} FILE --name NAME`} />;
  return (
    <>
      <Heading title={`${product} / ${name}`}>
        <Refresh onClick={list.refresh} />
      </Heading>
      <Table caption={t("versions_of", { name })} list={list} keyOf={(one) => one.id} columns={columns} empty={none} />
      {actions.dialog}
    </>
  );
}
