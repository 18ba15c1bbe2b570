// What went to and from one device, and when it came and went itself, in one list by time.
import type { Presence, Task, Upload } from "../api";
import { path } from "../api";
import { isGone, type Happened } from "../events";
import { useList, type List } from "../list";
import { Empty, Percent, State } from "../parts";
import { linkTo } from "../route";
import { Table, type Column } from "../table";
import { bytesText, t, timeText } from "../texts";
import { resultText } from "./reports";

/** at: by what it is put in its place. */
type Moment = { at: string } & ({ way: "down"; it: Task } | { way: "up"; it: Upload } | { way: "presence"; it: Presence });

const nothing = "~"; // behind every time: none is known yet

/** The time down to which a list is known. */
function endOf({ next, rows }: List<Moment>): string {
  return next === null ? "" : (rows[rows.length - 1]?.at ?? nothing);
}

/** Rows of one list that lie before the end of what is known of another are held back until that is known. */
function merge(lists: List<Moment>[]): List<Moment> {
  const last = lists.reduce((a, b) => (endOf(a) >= endOf(b) ? a : b));
  const rows = lists.flatMap((list) => list.rows).filter(({ at }) => at >= endOf(last));
  rows.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  return {
    rows,
    loading: lists.some((list) => list.loading),
    next: lists.every((list) => list.next === null) ? null : lists.map((list) => list.next).join(" "),
    searching: lists.some((list) => list.searching),
    error: lists.find((list) => list.error)?.error ?? null,
    fetchMore: () => last.fetchMore(),
    refresh: () => lists.forEach((list) => list.refresh()),
    put: () => {},
  };
}

function momentsOf<T>(list: List<T>, momentOf: (row: T) => Moment): List<Moment> {
  return { ...list, rows: list.rows.map(momentOf), put: () => {} };
}

function linkOf(one: Moment): string {
  return one.way === "down" ? linkTo("deployments", one.it.deployment, "tasks", one.it.id) : linkTo("uploads", one.it.id);
}

function CameOrWent({ it }: { it: Presence }) {
  const came = it.state === "online";
  const key = !came ? "went" : it.before === "online" ? "came_back" : "came";
  return <span class={`online ${came ? "online-yes" : "online-no"}`}>{t(key)}</span>;
}

function What({ one }: { one: Moment }) {
  if (one.way === "presence") return <CameOrWent it={one.it} />;
  return (
    <>
      <span aria-hidden="true">{one.way === "down" ? "↓" : "↑"}</span>{" "}
      <span class="hidden">{t(one.way === "down" ? "to_device" : "from_device")}</span>
      <a href={linkOf(one)}>{one.it.name}</a>
    </>
  );
}

export function Timeline({ product, device }: { product: string; device: string }) {
  const mine = (happened: Happened) => happened.product === product && happened.device === device;
  const query = { product, device };
  const downs = useList<Task>({
    path: "/downloads", query, key: (task) => task.id, topic: "download", keyOf: (happened) => happened.task, concerns: mine,
  });
  const ups = useList<Upload>({
    path: "/uploads", query, key: (upload) => upload.id, topic: "upload", keyOf: (happened) => happened.task, concerns: mine,
    one: (id) => path("uploads", id),
  });
  const comings = useList<Presence>({
    path: path("devices", product, device, "presence"), query: {}, key: (event) => event.id, topic: "device",
    concerns: (happened) => mine(happened) && !isGone(happened),
  });
  const columns: Column<Moment>[] = [
    { title: t("what_happened"), show: (one) => <What one={one} /> },
    { title: t("size"), width: "narrow", wide: true, show: ({ way, it }) => (way === "presence" ? "" : bytesText(it.size)) },
    { title: t("state"), width: "narrow", show: ({ way, it }) => (way === "presence" ? "" : <State state={it.state} />) },
    {
      title: t("progress"), width: "narrow", wide: true,
      show: ({ way, it }) => (way === "presence" ? "" : <Percent value={it.percent} label={it.name} />),
    },
    { title: t("result"), width: "middle", wide: true, show: ({ way, it }) => (way === "presence" ? it.result_msg : resultText(it)) },
    { title: t("time"), width: "middle", wide: true, show: ({ at }) => timeText(at) },
  ];
  const list = merge([
    momentsOf(downs, (it) => ({ way: "down", at: it.created_at, it })),
    momentsOf(ups, (it) => ({ way: "up", at: it.created_at, it })),
    momentsOf(comings, (it) => ({ way: "presence", at: it.time, it })),
  ]);
  const none = (
    <>
      <Empty title={t("no_downloads")} next={t("no_downloads_next")} command={`ferryctl deploy ${product} FILE --device ${device}`} />
      <Empty title={t("no_uploads")} next={t("no_uploads_next")} command="ferry upload FILE --device-info device_info.json" />
    </>
  );
  return (
    <Table
      caption={t("timeline_of", { device })} list={list} keyOf={({ way, it }) => way + it.id} columns={columns} empty={none}
    />
  );
}
