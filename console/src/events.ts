// What the platform tells by itself (GET /api/v1/events): pages hear it in bundles. While there is no stream, because
// the platform is away or serves too many of them, pages show a button to refresh.
//
// Only a page that is seen has a stream. Browsers open six connections to a platform and no more: streams of pages in other
// tabs, or of pages left and kept for "back", would take them, and every request would wait for one of those to end.
import { useEffect, useState } from "preact/hooks";
import { urlOf } from "./api";

export interface Happened {
  kind: Topic;
  product?: string;
  device?: string | null;
  /** Of a download or an upload. */
  task?: string | null;
  deployment?: string | null;
  resource?: string | null;
  /** What it is now, and since when. */
  state?: string;
  time?: string;
  /** Events are missing: everything may have changed. */
  anything?: boolean;
}

/** What it is about was deleted: to ask for it would be answered 404. */
export const isGone = (happened: Happened) => happened.state === "deleted";

/** The types of events in the platform's log, and what each is about. */
const logged = {
  "upload.changed": "upload",
  "download.changed": "download",
  "deployment.changed": "deployment",
  "resource.changed": "resource",
  "device.changed": "device",
  "device.online": "device",
  "device.offline": "device",
} as const;

/** Said, at most once a second, of what is in no log: the platform does not say which of them changed. */
const told = {
  "presence.changed": "device",
  "webhook.changed": "webhook",
  "user.changed": "user",
  "token.changed": "token",
  "audit.appended": "audit",
} as const;

export type EventType = keyof typeof logged;
export type Topic = (typeof logged)[EventType] | (typeof told)[keyof typeof told];

export const eventTypes = Object.keys(logged) as EventType[];
export const topics: Topic[] = [...new Set([...Object.values(logged), ...Object.values(told)])];
const pauseMs = 400;

const listeners = new Set<(happened: Happened[]) => void>();
const watchers = new Set<(live: boolean) => void>();
let started = false;
let source: EventSource | null = null;
let place: string | null = null; // the last event that was heard; empty: none, and the pages are older than the stream
let live = false;
let waiting: Happened[] = [];
let timer = 0;

function setLive(now: boolean): void {
  live = now;
  for (const watcher of watchers) watcher(now);
}

function flush(): void {
  const bundle = waiting;
  waiting = [];
  timer = 0;
  for (const listener of listeners) listener(bundle);
}

function tell(happened: Happened): void {
  waiting.push(happened);
  timer ||= window.setTimeout(flush, pauseMs);
}

function tellAnything(): void {
  topics.forEach((kind) => tell({ kind, anything: true }));
}

/** What the log does not have may have changed while nobody listened. */
function tellUnlogged(): void {
  new Set(Object.values(told)).forEach((kind) => tell({ kind, anything: true }));
}

function take(kind: Topic, event: MessageEvent<string>): void {
  place = event.lastEventId;
  try {
    tell({ ...(JSON.parse(event.data) as object), kind });
  } catch {
    tell({ kind, anything: true }); // not of the form that we know
  }
}

function close(): void {
  source?.close();
  source = null;
}

function open(): void {
  const opened = new EventSource(urlOf("/events", { after: place ?? undefined }));
  source = opened;
  opened.onopen = () => {
    if (place === "") tellAnything(); // what happened meanwhile is not known
    else if (place !== null) tellUnlogged();
    place ??= "";
    setLive(true);
  };
  opened.onerror = () => {
    setLive(false);
    if (opened.readyState === EventSource.CLOSED) close(); // else the browser tries again
  };
  for (const type of eventTypes)
    opened.addEventListener(type, (event) => take(logged[type], event as MessageEvent<string>));
  for (const [type, kind] of Object.entries(told)) opened.addEventListener(type, () => tell({ kind, anything: true }));
  opened.addEventListener("log.cut", tellAnything);
}

function openIfSeen(): void {
  if (document.hidden) close();
  else if (started && !source) open();
}

document.addEventListener("visibilitychange", openIfSeen);

export function startEvents(): void {
  started = true;
  if (document.hidden) place = "";
  openIfSeen();
}

export function stopEvents(): void {
  started = false;
  place = null;
  close();
  setLive(false);
}

/** Calls with what happened to any of the topics, a bundle at a time. */
export function useEvents(wanted: Topic[], then: (happened: Happened[]) => void): void {
  useEffect(() => {
    const listener = (bundle: Happened[]) => {
      const mine = bundle.filter((one) => wanted.includes(one.kind));
      if (mine.length > 0) then(mine);
    };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  });
}

/** Does the platform tell by itself what changes? */
export function useLive(): boolean {
  const [now, setNow] = useState(live);
  useEffect(() => {
    watchers.add(setNow);
    setNow(live);
    return () => void watchers.delete(setNow);
  }, []);
  return now;
}
