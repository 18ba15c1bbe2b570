import { useState } from "preact/hooks";
import { path, type Deployment } from "../api";
import { useList } from "../list";
import { Empty, State } from "../parts";
import { linkTo } from "../route";
import { Table, useSorting, type Column } from "../table";
import { numberText, t, timeText } from "../texts";
import { FilterHead } from "./filters";

const states: Deployment["state"][] = ["active", "paused", "finished", "cancelled"];

function Done({ deployment }: { deployment: Deployment }) {
  const { done = 0, total = 0 } = deployment.counts ?? {};
  const text = t("done_of", { done: numberText(done), total: numberText(total) });
  return (
    <span class="percent">
      <progress max={Math.max(total, 1)} value={done} aria-label={`${deployment.resource}: ${text}`} /> {text}
    </span>
  );
}

export function DeploymentsPage() {
  const [product, setProduct] = useState("");
  const [state, setState] = useState("");
  const sorting = useSorting("-created_at", product !== "");
  const list = useList<Deployment>({
    path: "/deployments",
    query: { product, state, counts: true, sort: sorting.sort },
    key: (deployment) => deployment.id,
    topic: "deployment",
    keyOf: (happened) => happened.deployment,
    one: state ? undefined : (id) => path("deployments", id), // else a row may leave the list
  });
  const columns: Column<Deployment>[] = [
    { title: t("file"), sorting, sort: "resource", show: (one) => <a href={linkTo("deployments", one.id)}>{one.resource}</a> },
    { title: t("product"), width: "middle", wide: true, show: (one) => one.product },
    { title: t("state"), width: "narrow", show: (one) => <State state={one.state} /> },
    { title: t("progress"), width: "middle", show: (one) => <Done deployment={one} /> },
    { title: t("ordered"), sorting, sort: "-created_at", width: "middle", wide: true, show: (one) => timeText(one.created_at) },
  ];
  const none =
    product || state ? (
      <Empty title={t("no_match")} next={t("no_match_next")} />
    ) : (
      <Empty title={t("no_deployments")} next={t("no_deployments_next")} command="ferryctl deploy PRODUCT FILE --all" />
    );
  return (
    <>
      <FilterHead
        title={t("deployments")} refresh={list.refresh} product={product} setProduct={setProduct}
        state={state} states={states} setState={setState}
      />
      <Table caption={t("deployments")} list={list} keyOf={(one) => one.id} columns={columns} empty={none} />
    </>
  );
}
