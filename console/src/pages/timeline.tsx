// What went to and from one device, both ways in one list by time.
import type { Task, Upload } from "../api";
import { path } from "../api";
import { useList, type List } from "../list";
import { Empty, Percent, State } from "../parts";
import { linkTo } from "../route";
import { Table, type Column } from "../table";
import { bytesText, t, timeText } from "../texts";
import { resultText } from "./reports";

type Moment = { way: "down"; it: Task } | { way: "up"; it: Upload };

const nothing = "~"; // behind every time: none is known yet

/** Rows of one list that lie before the end of what is known of the other are held back until that is known. */
function merge(downs: List<Task>, ups: List<Upload>): List<Moment> {
  const ends = [downs, ups].map((list) => (list.next === null ? "" : (list.rows[list.rows.length - 1]?.created_at ?? nothing)));
  const known = ends[0]! > ends[1]! ? ends[0]! : ends[1]!;
  const rows: Moment[] = [
    ...downs.rows.map((it): Moment => ({ way: "down", it })),
    ...ups.rows.map((it): Moment => ({ way: "up", it })),
  ];
  const shown = rows.filter(({ it }) => it.created_at >= known);
  shown.sort((a, b) => (a.it.created_at < b.it.created_at ? 1 : a.it.created_at > b.it.created_at ? -1 : 0));
  return {
    rows: shown,
    loading: downs.loading || ups.loading,
    next: downs.next === null && ups.next === null ? null : `${downs.next} ${ups.next}`,
    searching: downs.searching || ups.searching,
    error: downs.error ?? ups.error,
    fetchMore: () => (ends[0]! >= ends[1]! && downs.next !== null ? downs : ups).fetchMore(),
    refresh: () => {
      downs.refresh();
      ups.refresh();
    },
    put: () => {},
  };
}

function linkOf({ way, it }: Moment): string {
  return way === "down" ? linkTo("deployments", it.deployment, "tasks", it.id) : linkTo("uploads", it.id);
}

export function Timeline({ product, device }: { product: string; device: string }) {
  const mine = (happened: { product?: string; device?: string | null }) => happened.product === product && happened.device === device;
  const query = { product, device };
  const downs = useList<Task>({
    path: "/downloads", query, key: (task) => task.id, topic: "download", keyOf: (happened) => happened.task, concerns: mine,
  });
  const ups = useList<Upload>({
    path: "/uploads", query, key: (upload) => upload.id, topic: "upload", keyOf: (happened) => happened.task, concerns: mine,
    one: (id) => path("uploads", id),
  });
  const columns: Column<Moment>[] = [
    {
      title: t("file"),
      show: (one) => (
        <>
          <span aria-hidden="true">{one.way === "down" ? "↓" : "↑"}</span>{" "}
          <span class="hidden">{t(one.way === "down" ? "to_device" : "from_device")}</span>
          <a href={linkOf(one)}>{one.it.name}</a>
        </>
      ),
    },
    { title: t("size"), width: "narrow", wide: true, show: ({ it }) => bytesText(it.size) },
    { title: t("state"), width: "narrow", show: ({ it }) => <State state={it.state} /> },
    { title: t("progress"), width: "narrow", wide: true, show: ({ it }) => <Percent value={it.percent} label={it.name} /> },
    { title: t("result"), width: "middle", wide: true, show: ({ it }) => resultText(it) },
    { title: t("time"), width: "middle", wide: true, show: ({ it }) => timeText(it.created_at) },
  ];
  const none = (
    <>
      <Empty title={t("no_downloads")} next={t("no_downloads_next")} command={`ferryctl deploy ${product} FILE --device ${device}`} />
      <Empty title={t("no_uploads")} next={t("no_uploads_next")} command="ferry upload FILE --device-info device_info.json" />
    </>
  );
  return (
    <Table
      caption={t("timeline_of", { device })} list={merge(downs, ups)} keyOf={({ way, it }) => way + it.id} columns={columns} empty={none}
    />
  );
}
