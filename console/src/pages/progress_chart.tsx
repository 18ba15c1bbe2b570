// How a deployment went over time.
import { get, path, type Deployment, type Page } from "../api";
import { Chart, type Bar } from "../chart";
import { useOne } from "../list";
import { Failure } from "../parts";
import { t, timeText } from "../texts";

interface Point {
  time: string;
  done: number;
  failed: number;
  open: number;
}

function barsOf(points: Point[], deployment: Deployment): Bar[] {
  if (points.length > 0)
    return points.map(({ time, done, failed, open }) => ({ label: timeText(time), values: [done, failed, open] }));
  const open = deployment.counts?.total ?? 0;
  return open > 0 ? [{ label: timeText(deployment.created_at), values: [0, 0, open] }] : [];
}

export function ProgressChart({ deployment }: { deployment: Deployment }) {
  const { value, error, refresh } = useOne(
    deployment.id,
    () => get<Page<Point>>(path("deployments", deployment.id, "progress")),
    ["download"],
    (one) => one.deployment === deployment.id,
  );
  const bars = barsOf(value?.items ?? [], deployment);
  if (bars.length === 0 && !error) return null;
  return (
    <section>
      <h2>{t("over_time")}</h2>
      <Failure error={error} retry={refresh} />
      <Chart caption={t("over_time_of", { resource: deployment.resource })} bars={bars} />
    </section>
  );
}
