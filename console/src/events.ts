// What the platform tells by itself (GET /api/v1/events): pages hear it in bundles. While there is no stream, because
// the platform is away or serves too many of them, pages show a button to refresh.
import { useEffect, useState } from "preact/hooks";

export interface Happened {
  kind: Topic;
  product?: string;
  device?: string | null;
  /** Of a download or an upload. */
  task?: string | null;
  deployment?: string | null;
  resource?: string | null;
  /** Events are missing: everything may have changed. */
  anything?: boolean;
}

export type Topic = "download" | "upload" | "deployment" | "device" | "resource";

export const topics: Topic[] = ["download", "upload", "deployment", "device", "resource"];
const pauseMs = 400;

const listeners = new Set<(happened: Happened[]) => void>();
const watchers = new Set<(live: boolean) => void>();
let source: EventSource | null = null;
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

function take(kind: Topic, event: MessageEvent<string>): void {
  try {
    tell({ ...(JSON.parse(event.data) as object), kind });
  } catch {
    tell({ kind, anything: true }); // not of the form that we know
  }
}

export function startEvents(): void {
  if (source) return;
  const opened = new EventSource("/api/v1/events");
  source = opened;
  opened.onopen = () => setLive(true);
  opened.onerror = () => {
    setLive(false);
    if (opened.readyState === EventSource.CLOSED) stopEvents(); // else the browser tries again
  };
  for (const topic of topics)
    opened.addEventListener(`${topic}.changed`, (event) => take(topic, event as MessageEvent<string>));
  opened.addEventListener("log.cut", () => topics.forEach((kind) => tell({ kind, anything: true })));
}

export function stopEvents(): void {
  source?.close();
  source = null;
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
