import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { failuresIn, get, path, post, taskStates, type Counts, type Deployment, type Task } from "../api";
import { useList, useOne } from "../list";
import { Confirm, Empty, Facts, Failure, Heading, Percent, Refresh, State, useDoing } from "../parts";
import { linkTo } from "../route";
import { useMayChange } from "../session";
import { Table, type Column } from "../table";
import { numberText, stateText, t, timeText } from "../texts";
import { Failures } from "./failures";
import { StateFilter } from "./filters";
import { ProgressChart } from "./progress_chart";
import { resultText } from "./reports";

function Progress({ counts }: { counts: Counts }) {
  const open = counts.queued + counts.offered + counts.downloading;
  const ended = counts.total - open;
  const text = t("ended_of", { ended: numberText(ended), total: numberText(counts.total) });
  return (
    <section class="progress">
      <progress max={Math.max(counts.total, 1)} value={ended} aria-label={text} />
      <p role="status">{text}</p>
      <ul class="tiles small">
        {taskStates
          .filter((state) => counts[state] > 0)
          .map((state) => (
            <li key={state}>
              <b>{numberText(counts[state])}</b> {stateText(state)}
            </li>
          ))}
      </ul>
    </section>
  );
}

interface ActionsProps {
  deployment: Deployment;
  changed: () => void;
}

function Actions({ deployment, changed }: ActionsProps) {
  const [cancelling, setCancelling] = useState(false);
  const doing = useDoing();
  const steer = async (how: string) => {
    await post(path("deployments", deployment.id, how));
    changed();
  };
  const button = (how: string, text: string) => (
    <button type="button" disabled={doing.busy} onClick={() => doing.run(() => steer(how))}>
      {text}
    </button>
  );
  const open = deployment.state === "active" || deployment.state === "paused";
  return (
    <>
      {deployment.state === "active" && button("pause", t("pause"))}
      {deployment.state === "paused" && button("resume", t("resume"))}
      {deployment.counts && failuresIn(deployment.counts) > 0 && button("retry", t("retry_all"))}
      {open && (
        <button type="button" class="danger" onClick={() => setCancelling(true)}>
          {t("cancel")}
        </button>
      )}
      <Failure error={doing.error} />
      {cancelling && (
        <Confirm
          title={t("cancel_title", { resource: deployment.resource })} text={t("cancel_what")} button={t("cancel")}
          act={() => steer("cancel")} close={() => setCancelling(false)}
        />
      )}
    </>
  );
}

function useTasks(id: string, state: string) {
  return useList<Task>({
    path: path("deployments", id, "tasks"),
    query: { state },
    key: (task) => task.id,
    topic: "download",
    keyOf: (happened) => happened.task,
    one: state ? undefined : (task) => path("deployments", id, "tasks", task), // else a row may leave the list
    concerns: (happened) => happened.deployment === id,
  });
}

const columns = (): Column<Task>[] => [
  { title: t("device"), show: (one) => <a href={linkTo("devices", one.product, one.device)}>{one.device}</a> },
  {
    title: t("state"),
    width: "middle",
    show: (one) => (
      <a
        href={linkTo("deployments", one.deployment, "tasks", one.id)}
        aria-label={t("state_of", { state: stateText(one.state), device: one.device })}
      >
        <State state={one.state} />
      </a>
    ),
  },
  { title: t("progress"), width: "middle", wide: true, show: (one) => <Percent value={one.percent} label={one.device} /> },
  { title: t("result"), wide: true, show: resultText },
  { title: t("changed"), width: "middle", wide: true, show: (one) => timeText(one.updated_at) },
];

function facts(deployment: Deployment): [string, ComponentChildren][] {
  return [
    [t("product"), deployment.product],
    [t("state"), <State state={deployment.state} />],
    [t("file"), <a href={linkTo("resources", deployment.product, deployment.resource)}>{deployment.resource}</a>],
    [t("to_whom"), deployment.all ? t("to_all", { product: deployment.product }) : t("to_some")],
    [t("pace"), deployment.rate_per_min ? t("pace_of", { count: numberText(deployment.rate_per_min) }) : t("pace_none")],
    [t("retries"), numberText(deployment.retries)],
    [t("ordered"), timeText(deployment.created_at)],
  ];
}

export function DeploymentPage({ id }: { id: string }) {
  const mayChange = useMayChange();
  const [state, setState] = useState("");
  const { value, error, refresh } = useOne(
    id,
    () => get<Deployment>(path("deployments", id)),
    ["deployment", "download"],
    (one) => one.deployment === id,
  );
  const tasks = useTasks(id, state);
  const changed = () => {
    refresh();
    tasks.refresh();
  };
  const counts = value?.counts;
  return (
    <>
      <Heading title={value ? t("deployment_of", { resource: value.resource }) : t("deployment")}>
        <Refresh onClick={changed} />
        {value && mayChange && <Actions deployment={value} changed={changed} />}
      </Heading>
      <Failure error={error} retry={refresh} />
      {value && <Facts rows={facts(value)} />}
      {counts && <Progress counts={counts} />}
      {value && <ProgressChart deployment={value} />}
      {counts && failuresIn(counts) > 0 && <Failures deployment={id} counts={counts} mayChange={mayChange} retried={changed} />}
      {value && (
        <>
          <h2>{t("tasks")}</h2>
          <div class="filters">
            <StateFilter state={state} states={taskStates} set={setState} />
          </div>
          <Table
            caption={t("tasks")} list={tasks} keyOf={(one) => one.id} columns={columns()}
            empty={<Empty title={t("no_tasks")} next={t(state ? "no_match_next" : "no_tasks_next")} />}
          />
        </>
      )}
    </>
  );
}
