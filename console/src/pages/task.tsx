// One device's share of a deployment, and what the device reported about it.
import type { ComponentChildren } from "preact";
import { failedStates, get, path, post, type Task } from "../api";
import { useOne } from "../list";
import { Facts, Failure, Heading, Percent, Refresh, State, useDoing } from "../parts";
import { linkTo } from "../route";
import { useMayChange } from "../session";
import { bytesText, t, timeText } from "../texts";
import { Reports, resultText } from "./reports";

function facts(task: Task): [string, ComponentChildren][] {
  return [
    [t("device"), <a href={linkTo("devices", task.product, task.device)}>{`${task.product}/${task.device}`}</a>],
    [t("file"), <a href={linkTo("resources", task.product, task.name)}>{task.name}</a>],
    [t("deployment"), <a href={linkTo("deployments", task.deployment)}>{t("deployment_of", { resource: task.name })}</a>],
    [t("size"), bytesText(task.size)],
    [t("state"), <State state={task.state} />],
    [t("progress"), <Percent value={task.percent} label={task.name} />],
    [t("result"), resultText(task) || "–"],
    [t("ordered"), timeText(task.created_at)],
    [t("changed"), timeText(task.updated_at)],
  ];
}

function Actions({ task, changed }: { task: Task; changed: () => void }) {
  const doing = useDoing();
  const steer = (how: string) =>
    doing.run(async () => {
      await post(path("deployments", task.deployment, "tasks", task.id, how));
      changed();
    });
  const open = task.state === "queued" || task.state === "offered" || task.state === "downloading";
  const again = failedStates.includes(task.state) || task.state === "cancelled";
  return (
    <>
      {again && (
        <button type="button" disabled={doing.busy} onClick={() => steer("retry")}>
          {t("try_again")}
        </button>
      )}
      {open && (
        <button type="button" class="danger" disabled={doing.busy} onClick={() => steer("cancel")}>
          {t("cancel_task")}
        </button>
      )}
      <Failure error={doing.error} />
    </>
  );
}

export function TaskPage({ deployment, id }: { deployment: string; id: string }) {
  const mayChange = useMayChange();
  const to = path("deployments", deployment, "tasks", id);
  const { value, error, refresh } = useOne(id, () => get<Task>(to), ["download"], (one) => one.task === id);
  return (
    <>
      <Heading title={value ? t("task_of", { device: value.device }) : t("task")}>
        <Refresh onClick={refresh} />
        {value && mayChange && <Actions task={value} changed={refresh} />}
      </Heading>
      <Failure error={error} retry={refresh} />
      {value && <Facts rows={facts(value)} />}
      <Reports path={`${to}/reports`} topic="download" task={id} />
    </>
  );
}
