// What went wrong in a deployment, by cause, and trying it again.
import { useEffect, useRef } from "preact/hooks";
import { failedStates, get, path, post, type Counts } from "../api";
import { useOne } from "../list";
import { Failure, State, useDoing } from "../parts";
import { numberText, t } from "../texts";

interface Cause {
  state: string;
  result_code: number;
  result_msg: string;
  count: number;
}

interface Causes {
  items: Cause[];
  others: number;
}

interface CauseProps {
  deployment: string;
  cause: Cause;
  mayChange: boolean;
  retried: () => void;
}

function CauseRow({ deployment, cause, mayChange, retried }: CauseProps) {
  const doing = useDoing();
  const retry = () =>
    doing.run(async () => {
      try {
        const { state, result_code, result_msg } = cause;
        await post(path("deployments", deployment, "retry"), undefined, { state, result_code, result_msg });
      } finally {
        retried();
      }
    });
  return (
    <li>
      <div>
        <State state={cause.state} /> <b>{t("devices_count", { count: numberText(cause.count) })}</b>{" "}
        {cause.result_msg || (cause.result_code ? t("result_code", { code: cause.result_code }) : t("no_reason"))}
      </div>
      <Failure error={doing.error} />
      {mayChange && (
        <button type="button" disabled={doing.busy} onClick={retry}>
          {t("retry_these")}
        </button>
      )}
    </li>
  );
}

interface FailuresProps {
  deployment: string;
  counts: Counts;
  mayChange: boolean;
  retried: () => void;
}

export function Failures({ deployment, counts, mayChange, retried }: FailuresProps) {
  const found = useOne(deployment, () => get<Causes>(path("deployments", deployment, "causes")));
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) found.refresh(); // in place: what is shown stays until the new causes are there
    first.current = false;
  }, failedStates.map((state) => counts[state]));
  return (
    <section class="causes">
      <h2>{t("failures")}</h2>
      <Failure error={found.error} retry={found.refresh} />
      <ul>
        {found.value?.items.map((cause) => (
          <CauseRow
            key={`${cause.state} ${cause.result_code} ${cause.result_msg}`}
            deployment={deployment}
            cause={cause}
            mayChange={mayChange}
            retried={retried}
          />
        ))}
      </ul>
      {found.value !== null && found.value.others > 0 && (
        <p class="note">{t("failures_others", { count: numberText(found.value.others) })}</p>
      )}
    </section>
  );
}
