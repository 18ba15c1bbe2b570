// How a deployment went over time. The tasks are read once; what happens then comes by the events.
import { useEffect, useState } from "preact/hooks";
import { all, ApiError, failedStates, path, type Deployment, type Task, type TaskState } from "../api";
import { Chart, type Bar } from "../chart";
import { useEvents } from "../events";
import { Failure } from "../parts";
import { numberText, t, timeText } from "../texts";

const tasksMax = 2000; // for more the shape is known by then
const barCount = 24;

interface Known {
  state: TaskState;
  at: number;
}

function useKnown(deployment: string) {
  const [known, setKnown] = useState<Map<string, Known>>(new Map());
  const [error, setError] = useState<ApiError | null>(null);
  const read = async () => {
    try {
      const { items } = await all<Task>(path("deployments", deployment, "tasks"), {}, tasksMax);
      setKnown(new Map(items.map((task) => [task.id, { state: task.state, at: Date.parse(task.updated_at) }])));
      setError(null);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    }
  };
  useEffect(() => void read(), [deployment]);
  useEvents(["download"], (happened) => {
    if (happened.some((one) => one.anything)) return void read();
    const mine = happened.filter((one) => one.deployment === deployment && one.task && one.state && one.time);
    if (mine.length === 0) return;
    const next = new Map(known);
    for (const one of mine) next.set(one.task!, { state: one.state as TaskState, at: Date.parse(one.time!) });
    setKnown(next);
  });
  return { known: [...known.values()], error, read };
}

function barsOf(known: Known[], begin: number): Bar[] {
  const good = known.filter((one) => one.state === "done").map((one) => one.at);
  const bad = known.filter((one) => failedStates.includes(one.state) || one.state === "cancelled").map((one) => one.at);
  const end = Math.max(begin + 1, ...good, ...bad);
  const until = (times: number[], limit: number) => times.filter((time) => time <= limit).length;
  return Array.from({ length: barCount }, (_, index) => {
    const limit = begin + ((end - begin) * (index + 1)) / barCount;
    const [done, failed] = [until(good, limit), until(bad, limit)];
    return { label: timeText(new Date(limit).toISOString()), good: done, bad: failed, open: known.length - done - failed };
  });
}

export function ProgressChart({ deployment }: { deployment: Deployment }) {
  const { known, error, read } = useKnown(deployment.id);
  const total = deployment.counts?.total ?? 0;
  if (known.length === 0 && !error) return null;
  return (
    <section>
      <h2>{t("over_time")}</h2>
      <Failure error={error} retry={read} />
      {total > tasksMax && <p class="note">{t("over_time_part", { count: numberText(tasksMax) })}</p>}
      <Chart caption={t("over_time_of", { resource: deployment.resource })} bars={barsOf(known, Date.parse(deployment.created_at))} />
    </section>
  );
}
