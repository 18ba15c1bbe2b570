// A table of any length: only the rows that are on the screen are in the page, and the next ones are fetched in time.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { List } from "./list";
import { Failure } from "./parts";
import { numberText, t } from "./texts";

/** What a list is sorted by: the parameter "sort", and heads that choose another or turn it round. */
export interface Sorting {
  sort: string;
  /** May the list be sorted so? */
  can: (key: string) => boolean;
  turn: (key: string) => void;
}

const keyOf = (sort: string) => sort.replace(/^-/, "");

/** first: the sort to begin with; every: also by other keys, now. A list of all products has but the first. */
export function useSorting(first: string, every = true): Sorting {
  const [chosen, choose] = useState(first);
  const can = (key: string) => every || keyOf(key) === keyOf(first);
  const sort = can(chosen) ? chosen : first;
  const turned = sort.startsWith("-") ? keyOf(sort) : `-${sort}`;
  return { sort, can, turn: (key) => choose(keyOf(key) === keyOf(sort) ? turned : key) };
}

export interface Column<T> {
  title: string;
  show: (row: T) => ComponentChildren;
  /** How much of the width; "wide" columns are left out on a phone. */
  width?: "number" | "narrow" | "middle" | "actions" | "pair";
  wide?: boolean;
  /** Of a column by which the list can be sorted: the key, with - when the last comes first at the first click. */
  sorting?: Sorting | undefined;
  sort?: string;
}

interface TableProps<T> {
  caption: string;
  list: List<T>;
  keyOf: (row: T) => string;
  columns: Column<T>[];
  /** What stands there when there are no rows. */
  empty: ComponentChildren;
}

const rowHeight = 48; // as --row in style.css
const around = 12; // rows beyond the edges of the screen
const ahead = 60; // rows from the end at which more are fetched

/** The rows to draw: from, to. */
function useWindow(count: number, body: { current: HTMLElement | null }): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, 40]);
  useEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = -(body.current?.getBoundingClientRect().top ?? 0);
      const from = Math.max(0, Math.floor(top / rowHeight) - around);
      const to = Math.ceil((top + innerHeight) / rowHeight) + around;
      setRange((old) => (old[0] === from && old[1] === to ? old : [from, to]));
    };
    const soon = () => void (frame ||= requestAnimationFrame(look));
    look();
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [count]);
  const to = Math.min(Math.max(range[1], 0), count);
  return [Math.min(range[0], to), to];
}

function Spacer({ rows, columns }: { rows: number; columns: number }) {
  return rows > 0 ? (
    <tr class="spacer" aria-hidden="true">
      <td colSpan={columns} style={{ height: `${rows * rowHeight}px` }} />
    </tr>
  ) : null;
}

function classOf<T>(column: Column<T>): string {
  return [column.width ? `${column.width}-column` : "", column.wide ? "wide" : ""].join(" ").trim();
}

function Head<T>({ column }: { column: Column<T> }) {
  const { sorting, sort, title } = column;
  if (!sorting || !sort || !sorting.can(sort)) return <th scope="col" class={classOf(column)}>{title}</th>;
  const sorted = keyOf(sorting.sort) === keyOf(sort);
  const falls = sorting.sort.startsWith("-");
  return (
    <th scope="col" class={classOf(column)} aria-sort={sorted ? (falls ? "descending" : "ascending") : undefined}>
      <button type="button" class="sort" title={t(sorted ? "sort_turn" : "sort_by")} onClick={() => sorting.turn(sort)}>
        {title} {sorted && <span aria-hidden="true">{falls ? "▼" : "▲"}</span>}
      </button>
    </th>
  );
}

export function Table<T>({ caption, list, keyOf, columns, empty }: TableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { rows, next, fetchMore } = list;
  const [from, to] = useWindow(rows.length, body);
  const wanted = next !== null && to > rows.length - ahead;
  useEffect(() => {
    if (wanted) fetchMore(); // once for each page, which may be empty: until the screen is full or the list at its end
  }, [wanted, next]);

  if (list.error && rows.length === 0) return <Failure error={list.error} retry={list.refresh} />;
  if (list.loading) return <p role="status">{t("loading")}</p>;
  if (rows.length === 0) return next === null ? <>{empty}</> : <p role="status">{t("searching")}</p>;
  return (
    <>
      <table aria-rowcount={next === null ? rows.length + 1 : -1}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.title} column={column} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          <Spacer rows={from} columns={columns.length} />
          {rows.slice(from, to).map((row, index) => (
            <tr key={keyOf(row)} aria-rowindex={from + index + 2}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>
                  {column.show(row)}
                </td>
              ))}
            </tr>
          ))}
          <Spacer rows={rows.length - to} columns={columns.length} />
        </tbody>
      </table>
      <Failure error={list.error} retry={list.fetchMore} />
      <p class="count" role="status">
        {t(next === null ? "rows_all" : wanted && list.searching ? "rows_searching" : "rows_more", {
          count: numberText(rows.length),
        })}
      </p>
    </>
  );
}
