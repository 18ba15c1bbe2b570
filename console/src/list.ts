// A list of the API as a page shows it: fetched page by page as one scrolls, brought up to date row by row.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, type Page, type Query } from "./api";
import { isGone, useEvents, type Happened, type Topic } from "./events";

const pageRows = 250; // the most that the API gives at once
/** So many changed rows are fetched one by one; for more the beginning of the list is read again. */
const singleRows = 8;

export interface List<T> {
  rows: T[];
  /** Nothing has come yet. */
  loading: boolean;
  /** Where more rows may be found; null: these are all. */
  next: string | null;
  /** The newest page was short and not the last one: what fits lies far apart, and is searched for. */
  searching: boolean;
  error: ApiError | null;
  fetchMore: () => void;
  refresh: () => void;
  /** Takes a changed row in; null takes the row out. */
  put: (key: string, row: T | null) => void;
}

export interface ListOf<T> {
  path: string;
  query: Query;
  key: (row: T) => string;
  /** What of the platform's events changes it, the key of the row concerned, and where one row comes from. */
  topic?: Topic | Topic[];
  keyOf?: (happened: Happened) => string | null | undefined;
  one?: ((key: string) => string) | undefined;
  /** Events that it is about; without it, all of the topic. */
  concerns?: (happened: Happened) => boolean;
  /** False: nothing is fetched yet. */
  ready?: boolean;
}

interface State<T> {
  rows: T[];
  next: string | null;
  searching: boolean;
  loading: boolean;
  error: ApiError | null;
}

const empty = { rows: [], next: null, searching: false, loading: true, error: null };

/** Fewer rows than there can be, and yet not the end. */
const isShort = <T>(page: Page<T>) => page.next !== null && page.items.length < pageRows;

/** The rows so far, and a page behind them. */
function withPage<T>(rows: T[], page: Page<T>): State<T> {
  return { rows: rows.concat(page.items), next: page.next, searching: isShort(page), loading: false, error: null };
}

/**
 * The beginning of a list, read again, in front of the rows that were behind it. Behind a short page the old rows stay, also
 * when it has none of them: else a search would begin anew with each event, and not end.
 */
function withHead<T>(old: State<T>, page: Page<T>, key: (row: T) => string): State<T> {
  const last = page.items[page.items.length - 1];
  const at = page.next && last ? old.rows.findIndex((row) => key(row) === key(last)) : -1;
  if (old.loading || (at < 0 && !isShort(page))) return withPage([], page);
  const read = new Set(page.items.map(key));
  const rest = old.rows.slice(at + 1).filter((row) => !read.has(key(row)));
  return { ...old, rows: page.items.concat(rest), error: null };
}

/** Runs what is asked for one after the other; what is asked for meanwhile runs once more. */
function useOneAtATime(run: () => Promise<void>): () => void {
  const state = useRef({ running: false, again: false });
  const latest = useRef(run);
  latest.current = run;
  return useCallback(async () => {
    const now = state.current;
    now.again = now.running;
    if (now.running) return;
    now.running = true;
    do {
      now.again = false;
      await latest.current();
    } while (now.again);
    now.running = false;
  }, []);
}

export function useList<T>(of: ListOf<T>): List<T> {
  const [state, setState] = useState<State<T>>(empty);
  const what = JSON.stringify([of.path, of.query, of.ready]);
  const latest = useRef({ what, state, of });
  latest.current = { what, state, of };

  const load = useCallback(
    async (cursor: string | null, take: (old: State<T>, page: Page<T>) => State<T>) => {
      try {
        const page = await get<Page<T>>(of.path, { ...of.query, limit: pageRows, cursor: cursor ?? undefined });
        // an answer for another list, or behind rows that are no longer the last, is forgotten
        if (latest.current.what === what)
          setState((old) => (cursor === null || old.next === cursor ? take(old, page) : old));
      } catch (error) {
        if (latest.current.what === what) setState((old) => ({ ...old, loading: false, error: error as ApiError }));
      }
    },
    [what],
  );

  const refresh = useOneAtATime(() => load(null, (old, page) => withHead(old, page, of.key)));
  useEffect(() => {
    setState(empty);
    if (of.ready !== false) void load(null, (_, page) => withPage([], page));
  }, [load]);

  const fetchMore = useOneAtATime(async () => {
    const next = latest.current.state.next;
    if (next) await load(next, (old, page) => withPage(old.rows, page));
  });

  const put = useCallback((key: string, row: T | null) => {
    const keyOf = latest.current.of.key;
    setState((old) => ({
      ...old,
      rows: row ? old.rows.map((one) => (keyOf(one) === key ? row : one)) : old.rows.filter((one) => keyOf(one) !== key),
    }));
  }, []);

  const fetchOne = async (key: string, from: string) => {
    try {
      put(key, await get<T>(from));
    } catch (error) {
      if ((error as ApiError).status === 404) put(key, null);
    }
  };

  useEvents([of.topic ?? []].flat(), (bundle) => {
    const happened = bundle.filter((one) => one.anything || (of.concerns?.(one) ?? true));
    if (of.ready === false || happened.length === 0) return;
    const newest = new Map(happened.map((one) => [of.keyOf?.(one) ?? "", one]));
    const shown = new Set(state.rows.map(of.key));
    const one = of.one;
    if (!one || newest.size > singleRows || ![...newest.keys()].every((key) => shown.has(key))) refresh();
    else for (const [key, it] of newest) isGone(it) ? put(key, null) : void fetchOne(key, one(key));
  });

  return { ...state, fetchMore, refresh, put };
}

export interface One<T> {
  value: T | null;
  error: ApiError | null;
  refresh: () => void;
  set: (value: T) => void;
}

/** One thing of the API; it is read again when something happens that concerns it, unless that was its end. */
export function useOne<T>(
  key: string,
  read: () => Promise<T>,
  topics: Topic[] = [],
  concerns: (one: Happened) => boolean = () => true,
  isEnd: (one: Happened) => boolean = () => false,
): One<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const current = useRef(key);
  current.current = key;
  const refresh = useOneAtATime(async () => {
    const asked = current.current;
    try {
      const answer = await read();
      if (current.current !== asked) return;
      setValue(answer);
      setError(null);
    } catch (problem) {
      if (current.current === asked) setError(problem as ApiError);
    }
  });
  useEffect(() => {
    setValue(null);
    setError(null);
    refresh();
  }, [key]);
  useEvents(topics, (happened) => {
    const newest = happened.filter((one) => one.anything || concerns(one)).pop();
    if (newest && isEnd(newest)) setError(new ApiError(404, "not_found", ""));
    else if (newest) refresh();
  });
  return { value, error, refresh, set: setValue };
}
