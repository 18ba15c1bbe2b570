// The operator API as the console uses it: one function for requests, and the shape of what comes back.

export type Role = "viewer" | "operator" | "admin";

export interface Caller {
  kind: "user" | "token";
  name: string;
  role: Role;
  products: string[] | null;
  csrf_token: string | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Product {
  name: string;
  /** online null: it is not known. */
  counts?: { devices: number; online: number | null };
}

export interface Device {
  product: string;
  name: string;
  disabled: boolean;
  created_at: string;
  old_secret_until: string | null;
  tags: string[];
  /** Null: it is not known. */
  online: boolean | null;
  connected_since: string | null;
  last_seen_at: string | null;
}

export interface Resource {
  id: string;
  product: string;
  name: string;
  size: number;
  md5: string;
  sha256: string;
  created_at: string;
  description: string;
}

/** A resource that is sent in parts. */
export interface ResourceUpload {
  id: string;
  size: number;
  offset: number;
  /** The id of what it became. */
  resource: string | null;
}

export const taskStates = [
  "queued", "offered", "downloading", "done", "failed", "timed_out", "rejected", "cancelled",
] as const;
export type TaskState = (typeof taskStates)[number];
export type Counts = Record<TaskState | "total", number>;
/** The states that "retry" of a deployment queues again. */
export const failedStates: TaskState[] = ["failed", "timed_out", "rejected"];

export function failuresIn(counts: Counts): number {
  return failedStates.reduce((sum, state) => sum + counts[state], 0);
}

export interface Deployment {
  id: string;
  product: string;
  resource: string;
  resource_id: string;
  state: "active" | "paused" | "finished" | "cancelled";
  all: boolean;
  rate_per_min: number;
  retries: number;
  expanding: boolean;
  created_at: string;
  counts?: Counts;
}

export interface Task {
  id: string;
  deployment: string;
  product: string;
  device: string;
  name: string;
  size: number;
  state: TaskState;
  percent: number;
  result_code: number;
  result_msg: string;
  created_at: string;
  updated_at: string;
}

export interface Upload {
  id: string;
  product: string;
  device: string;
  name: string;
  size: number;
  md5: string;
  state: "created" | "uploading" | "stored" | "done" | "failed" | "expired" | "cancelled";
  percent: number;
  result_code: number;
  result_msg: string;
  created_at: string;
  updated_at: string;
  stored_at: string | null;
}

/** The file is there once the platform has verified it. */
export function isWhole(upload: Upload): boolean {
  return upload.stored_at !== null && (upload.state === "stored" || upload.state === "done");
}

/** What a device said about a task. */
export interface Report {
  number: number;
  time: string;
  state: "running" | "done" | "failed";
  percent: number;
  result_code: number;
  result_msg: string;
}

export interface Status {
  version: string;
  healthy: boolean;
  health: string;
  broker_connected: boolean;
  /** Null: it is not known. */
  devices_connected: number | null;
  certificate_expires: string | null;
  totals: Record<string, number>;
}

/** That a device came or went. */
export interface Presence {
  id: string;
  time: string;
  before: "online" | "offline";
  state: "online" | "offline";
  result_msg: string;
}

/** Transfers that ended in some time. */
export interface Ended {
  done: number;
  failed: number;
  cancelled: number;
  /** Of those that are done. */
  bytes: number;
}

export interface StatisticsItem {
  since: string;
  uploads: Ended;
  downloads: Ended;
}

export interface Statistics {
  step: "hour" | "day";
  since: string;
  until: string;
  items: StatisticsItem[];
}

/** An answer that is not 2xx, or none at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

export type Query = Record<string, string | number | boolean | undefined>;

const root = "/api/v1";
let csrf = "";
let onLoggedOut = () => {};
let reading = new AbortController();

/** What happens when the session is over: the caller of the next request hears of it too. */
export function whenLoggedOut(then: () => void): void {
  onLoggedOut = then;
}

/** The word of the session, which every change carries. */
export function useCsrf(token: string | null): void {
  csrf = token ?? "";
}

export function path(...parts: string[]): string {
  return parts.map((part) => "/" + encodeURIComponent(part)).join("");
}

export function urlOf(to: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return root + to + (text ? "?" + text : "");
}

function problemOf(status: number, text: string): ApiError {
  try {
    const problem = JSON.parse(text) as { code?: string; detail?: string };
    return new ApiError(status, problem.code ?? "internal", problem.detail ?? String(status));
  } catch {
    return new ApiError(status, status === 0 ? "network" : "internal", String(status));
  }
}

function failed(error: ApiError): never {
  if (error.status === 401 && error.code !== "login_failed") onLoggedOut();
  throw error;
}

async function call<T>(method: string, url: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  let text: string;
  try {
    const signal = method === "GET" ? reading.signal : null;
    answer = await fetch(url, { method, headers, body: body === undefined ? null : JSON.stringify(body), signal });
    text = await answer.text();
  } catch {
    throw problemOf(0, "");
  }
  if (!answer.ok) failed(problemOf(answer.status, text));
  return (text ? JSON.parse(text) : undefined) as T;
}

export const get = <T>(to: string, query?: Query) => call<T>("GET", urlOf(to, query));
export const post = <T>(to: string, body?: unknown, query?: Query) => call<T>("POST", urlOf(to, query), body);
export const patch = <T>(to: string, body: unknown) => call<T>("PATCH", urlOf(to), body);
export const remove = (to: string) => call<void>("DELETE", urlOf(to));

/** Logs out. Nothing is read meanwhile: it would be refused. */
export async function endSession(): Promise<void> {
  reading.abort();
  try {
    await remove("/session");
  } finally {
    reading = new AbortController();
  }
}

/** The bytes of something, or as many of the first ones. */
export async function getBytes(to: string, most?: number): Promise<Uint8Array<ArrayBuffer>> {
  const headers: Record<string, string> = most ? { Range: `bytes=0-${most - 1}` } : {};
  let answer: Response;
  try {
    answer = await fetch(urlOf(to), { headers, signal: reading.signal });
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
  } catch {
    throw problemOf(0, "");
  }
  return failed(problemOf(answer.status, await answer.text()));
}

export interface Sending {
  done: Promise<Resource>;
  abort: () => void;
}

/** Sends a file as a new version of a resource. fetch() tells nothing of its progress, the older interface does. */
export function sendResource(product: string, name: string, file: File, onSent: (bytes: number) => void): Sending {
  const request = new XMLHttpRequest();
  const done = new Promise<Resource>((resolve, reject) => {
    request.open("POST", urlOf("/resources", { product, name }));
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as Resource);
      else reject(problemOf(request.status, request.responseText));
    };
    request.onerror = () => reject(problemOf(0, ""));
    request.onabort = () => reject(new ApiError(0, "aborted", ""));
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}

/** Sends what a file has from an offset on. onSent hears how much of the whole is gone. */
export function sendPart(upload: string, offset: number, part: Blob, onSent: (bytes: number) => void) {
  const request = new XMLHttpRequest();
  const done = new Promise<void>((resolve, reject) => {
    request.open("PATCH", urlOf(path("resource-uploads", upload)));
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.setRequestHeader("Tus-Resumable", "1.0.0");
    request.setRequestHeader("Upload-Offset", String(offset));
    request.upload.onprogress = (event) => onSent(offset + event.loaded);
    request.onload = () => {
      if (request.status === 204) resolve();
      else reject(problemOf(request.status, request.responseText));
    };
    request.onerror = () => reject(problemOf(0, ""));
    request.onabort = () => reject(new ApiError(0, "aborted", ""));
    request.send(part);
  });
  return { done, abort: () => request.abort() };
}

/** Every row of a list, but no more than a cap. Tells whether that was all. */
export async function all<T>(to: string, query: Query, cap: number): Promise<{ items: T[]; whole: boolean }> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(250, cap - items.length);
    const page: Page<T> = await get<Page<T>>(to, { ...query, limit, cursor });
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor && items.length < cap);
  return { items, whole: !cursor };
}
