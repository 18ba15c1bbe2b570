// What a device reported about one task, as it comes in.
import type { Report } from "../api";
import { isGone, type Topic } from "../events";
import { useList } from "../list";
import { Empty, Percent, State } from "../parts";
import { Table, type Column } from "../table";
import { numberText, t, timeText } from "../texts";

export function resultText(one: { result_code: number; result_msg: string }): string {
  const code = one.result_code ? t("result_code", { code: one.result_code }) : "";
  return [code, one.result_msg].filter((part) => part !== "").join(": ");
}

interface ReportsProps {
  /** Of the API. */
  path: string;
  topic: Topic;
  task: string;
}

export function Reports({ path, topic, task }: ReportsProps) {
  const list = useList<Report>({
    path,
    query: {},
    key: (report) => String(report.number),
    topic,
    concerns: (happened) => happened.task === task && !isGone(happened),
  });
  const columns: Column<Report>[] = [
    { title: t("number"), width: "number", wide: true, show: (one) => numberText(one.number) },
    { title: t("time"), width: "middle", show: (one) => timeText(one.time) },
    { title: t("state"), width: "narrow", show: (one) => <State state={one.state} /> },
    { title: t("progress"), width: "middle", wide: true, show: (one) => <Percent value={one.percent} label={String(one.number)} /> },
    { title: t("result"), show: resultText },
  ];
  return (
    <>
      <h2>{t("reports")}</h2>
      <Table
        caption={t("reports")} list={list} keyOf={(one) => String(one.number)} columns={columns}
        empty={<Empty title={t("no_reports")} next={t("no_reports_next")} />}
      />
    </>
  );
}
