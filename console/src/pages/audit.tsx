// Who did what: the log of every change, and whether it is whole.
import { useState } from "preact/hooks";
import { ApiError } from "../api";
import type { AuditRecord } from "../admin";
import { canVerify, verifyAudit, type Verdict } from "../chain";
import { useList } from "../list";
import { Command, Dialog, Empty, Failure, Heading, Refresh, Search, Select } from "../parts";
import { useSession } from "../session";
import { Table, type Column } from "../table";
import { numberText, t, timeText } from "../texts";
import { ProductFilter } from "./choice";

const hour = 3600;
const periods: [string, "any_time" | "last_hour" | "last_day" | "last_week" | "last_month"][] = [
  ["", "any_time"],
  [String(hour), "last_hour"],
  [String(24 * hour), "last_day"],
  [String(7 * 24 * hour), "last_week"],
  [String(30 * 24 * hour), "last_month"],
];

/** The time so many seconds ago, as the API takes it. */
function ago(seconds: string): string {
  return seconds ? new Date(Date.now() - 1000 * Number(seconds)).toISOString().slice(0, 19) + "Z" : "";
}

function State({ title, state }: { title: string; state: unknown }) {
  return (
    <>
      <h3>{title}</h3>
      <pre tabIndex={0} aria-label={title}>
        {state === null ? "–" : JSON.stringify(state, null, 2)}
      </pre>
    </>
  );
}

function RecordDialog({ record, close }: { record: AuditRecord; close: () => void }) {
  return (
    <Dialog title={`${record.seq}: ${record.action} ${record.object}`} close={close}>
      <p>
        {timeText(record.time)} – {record.actor} {record.from && `(${record.from})`}
      </p>
      <State title={t("before")} state={record.before} />
      <State title={t("after")} state={record.after} />
      <p class="note">
        SHA-256 <code>{record.hash}</code>
      </p>
      <div class="buttons">
        <button type="button" class="main" onClick={close}>
          {t("close")}
        </button>
      </div>
    </Dialog>
  );
}

function VerdictText({ verdict }: { verdict: Verdict }) {
  const { bad, why, records, skipped } = verdict;
  return bad && why ? (
    <p class="failure" role="alert">
      {t(why, { seq: numberText(bad) })}
    </p>
  ) : (
    <p role="status">
      {t("chain_whole", { count: numberText(records) })} {skipped > 0 && t("chain_skipped", { count: numberText(skipped) })}
    </p>
  );
}

function Verify() {
  const [count, setCount] = useState<number | null>(null);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const verify = async () => {
    setVerdict(null);
    setError(null);
    setCount(0);
    try {
      setVerdict(await verifyAudit(setCount));
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setCount(null);
    }
  };
  if (!canVerify())
    return (
      <>
        <p>{t("chain_not_here")}</p>
        <Command text="ferryctl audit verify" />
      </>
    );
  return (
    <section class="verify">
      <button type="button" disabled={count !== null} onClick={verify}>
        {count === null ? t("chain_verify") : t("chain_at", { count: numberText(count) })}
      </button>
      {verdict && <VerdictText verdict={verdict} />}
      <Failure error={error} />
    </section>
  );
}

export function AuditPage() {
  const ofAll = useSession().caller.products === null; // others see a part, which is no chain
  const [filter, setFilter] = useState({ product: "", actor: "", action: "", object: "", since: "" });
  const [shown, setShown] = useState<AuditRecord | null>(null);
  const list = useList<AuditRecord>({ path: "/audit", query: filter, key: (one) => String(one.seq), topic: "audit" });
  const set = (name: keyof typeof filter) => (value: string) => setFilter({ ...filter, [name]: value.trim() });
  const [period, setPeriod] = useState("");
  const columns: Column<AuditRecord>[] = [
    { title: t("number"), width: "number", wide: true, show: (one) => numberText(one.seq) },
    { title: t("time"), width: "middle", wide: true, show: (one) => timeText(one.time) },
    { title: t("who"), wide: true, show: (one) => one.actor },
    { title: t("action"), width: "middle", show: (one) => one.action },
    { title: t("what"), show: (one) => one.object },
    {
      title: t("change"), width: "pair",
      show: (one) => (
        <button type="button" aria-label={t("show_record", { seq: one.seq })} onClick={() => setShown(one)}>
          {t("show")}
        </button>
      ),
    },
  ];
  return (
    <>
      <Heading title={t("audit")}>
        <Refresh onClick={list.refresh} />
      </Heading>
      {ofAll && <Verify />}
      <div class="filters">
        <ProductFilter value={filter.product} set={set("product")} />
        <Search label={t("who")} value="" set={set("actor")} />
        <Search label={t("action_begins_with")} value="" set={set("action")} />
        <Search label={t("what")} value="" set={set("object")} />
        <Select
          label={t("time")} value={period} options={periods.map(([value, key]) => [value, t(key)])}
          set={(value) => {
            setPeriod(value);
            set("since")(ago(value));
          }}
        />
      </div>
      <Table
        caption={t("audit")} list={list} keyOf={(one) => String(one.seq)} columns={columns}
        empty={<Empty title={t("no_match")} next={t("no_match_next")} command="ferryctl audit list" />}
      />
      {shown && <RecordDialog record={shown} close={() => setShown(null)} />}
    </>
  );
}
