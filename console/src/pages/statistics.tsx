// How many transfers succeeded, and how much went over the line, by the hour or the day. The platform keeps the numbers; they are read
// again when a transfer ends, and when a new hour begins.
import { useEffect, useState } from "preact/hooks";
import { get, type Ended, type Statistics, type StatisticsItem } from "../api";
import { Chart, type Bar, type Part } from "../chart";
import { useOne } from "../list";
import { Failure, Select } from "../parts";
import { bytesText, dayText, numberText, t, timeText } from "../texts";

const open = new Set(["created", "uploading", "queued", "offered", "downloading"]);
const soonestMs = 60_000; // the clock of this machine may be wrong
const spans = {
  hour: { name: "statistics_hour", success: "success_hour", traffic: "traffic_hour" },
  day: { name: "statistics_day", success: "success_day", traffic: "traffic_day" },
} as const;
type Step = keyof typeof spans;

const ends: readonly Part[] = [
  ["good", "chart_good"],
  ["bad", "chart_failed"],
  ["open", "chart_cancelled"],
];
const ways: readonly Part[] = [
  ["down", "traffic_down"],
  ["up", "traffic_up"],
];

function both(item: StatisticsItem): Ended {
  const { uploads: up, downloads: down } = item;
  return {
    done: up.done + down.done,
    failed: up.failed + down.failed,
    cancelled: up.cancelled + down.cancelled,
    bytes: up.bytes + down.bytes,
  };
}

function labelOf(item: StatisticsItem, step: Step): string {
  return step === "day" ? dayText(item.since) : timeText(item.since);
}

function endsOf(item: StatisticsItem, step: Step): Bar {
  const { done, failed, cancelled } = both(item);
  return { label: labelOf(item, step), values: [done, failed, cancelled] };
}

function bytesOf(item: StatisticsItem, step: Step): Bar {
  return { label: labelOf(item, step), values: [item.downloads.bytes, item.uploads.bytes] };
}

/** At the turn of the hour or the day there is one more. */
function useTurn(until: string | undefined, then: () => void): void {
  useEffect(() => {
    if (!until) return;
    const timer = window.setTimeout(then, Math.max(Date.parse(until) - Date.now(), soonestMs));
    return () => clearTimeout(timer);
  }, [until]);
}

function Sums({ items }: { items: StatisticsItem[] }) {
  const total = (number: (item: StatisticsItem) => number) => items.reduce((sum, item) => sum + number(item), 0);
  const [done, failed] = [total((item) => both(item).done), total((item) => both(item).failed)];
  const rate = done + failed > 0 ? `${numberText(Math.floor((1000 * done) / (done + failed)) / 10)} %` : "–";
  return (
    <ul class="tiles small">
      <li>
        <b>{rate}</b> {t("success_rate")}
      </li>
      <li>
        <b>{bytesText(total((item) => item.downloads.bytes))}</b> {t("traffic_down")}
      </li>
      <li>
        <b>{bytesText(total((item) => item.uploads.bytes))}</b> {t("traffic_up")}
      </li>
    </ul>
  );
}

function Charts({ statistics, step }: { statistics: Statistics; step: Step }) {
  const items = statistics.items;
  const ended = items.some((item) => {
    const { done, failed, cancelled } = both(item);
    return done + failed + cancelled > 0;
  });
  if (!ended) return <p class="note">{t("statistics_none")}</p>;
  return (
    <>
      <Sums items={items} />
      <h3>{t("success")}</h3>
      <Chart caption={t(spans[step].success)} bars={items.map((item) => endsOf(item, step))} parts={ends} />
      <h3>{t("traffic")}</h3>
      <Chart caption={t(spans[step].traffic)} bars={items.map((item) => bytesOf(item, step))} parts={ways} amounts text={bytesText} />
    </>
  );
}

export function StatisticsSection() {
  const [step, setStep] = useState<Step>("hour");
  const { value, error, refresh } = useOne(
    step,
    () => get<Statistics>("/statistics", { step }),
    ["upload", "download"],
    (one) => !one.state || !open.has(one.state),
  );
  useTurn(value?.until, refresh);
  return (
    <section class="statistics">
      <h2>{t("statistics")}</h2>
      <div class="filters">
        <Select
          label={t("statistics_of")}
          value={step}
          options={Object.entries(spans).map(([one, { name }]) => [one, t(name)])}
          set={(chosen) => setStep(chosen as Step)}
        />
      </div>
      <Failure error={error} retry={refresh} />
      {value && value.step === step && <Charts statistics={value} step={step} />}
    </section>
  );
}
