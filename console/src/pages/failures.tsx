// What went wrong in a deployment, by cause, and trying it again.
import { useEffect, useRef } from "preact/hooks";
import { all, failedStates, path, post, type Counts, type Task } from "../api";
import { useOne } from "../list";
import { Failure, State, useDoing } from "../parts";
import { linkTo } from "../route";
import { numberText, t } from "../texts";

const tasksMax = 2000; // of each state are looked at: for more the causes are known by then
const namesShown = 5;

interface Cause {
  state: string;
  code: number;
  text: string;
  tasks: Task[];
}

function causesOf(tasks: Task[]): Cause[] {
  const causes = new Map<string, Cause>();
  for (const task of tasks) {
    const key = `${task.state} ${task.result_code} ${task.result_msg}`;
    const cause = causes.get(key) ?? { state: task.state, code: task.result_code, text: task.result_msg, tasks: [] };
    cause.tasks.push(task);
    causes.set(key, cause);
  }
  return [...causes.values()].sort((a, b) => b.tasks.length - a.tasks.length);
}

async function readFailures(deployment: string) {
  const to = path("deployments", deployment, "tasks");
  const lists = await Promise.all(failedStates.map((state) => all<Task>(to, { state }, tasksMax)));
  return { causes: causesOf(lists.flatMap((list) => list.items)), whole: lists.every((list) => list.whole) };
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
        const { state, code, text } = cause;
        await post(path("deployments", deployment, "retry"), undefined, { state, result_code: code, result_msg: text });
      } finally {
        retried();
      }
    });
  const names = cause.tasks.slice(0, namesShown);
  return (
    <li>
      <div>
        <State state={cause.state} /> <b>{t("devices_count", { count: numberText(cause.tasks.length) })}</b>{" "}
        {cause.text || (cause.code ? t("result_code", { code: cause.code }) : t("no_reason"))}
      </div>
      <div class="note">
        {names.map((task) => (
          <a key={task.id} href={linkTo("devices", task.product, task.device)}>
            {task.device}
          </a>
        ))}
        {cause.tasks.length > namesShown && " …"}
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
  const found = useOne(deployment, () => readFailures(deployment));
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) found.refresh(); // in place: what is shown stays until the new causes are there
    first.current = false;
  }, failedStates.map((state) => counts[state]));
  return (
    <section class="causes">
      <h2>{t("failures")}</h2>
      <Failure error={found.error} retry={found.refresh} />
      {found.value?.whole === false && <p class="note">{t("failures_part", { count: numberText(tasksMax) })}</p>}
      <ul>
        {found.value?.causes.map((cause) => (
          <CauseRow
            key={`${cause.state} ${cause.code} ${cause.text}`}
            deployment={deployment}
            cause={cause}
            mayChange={mayChange}
            retried={retried}
          />
        ))}
      </ul>
    </section>
  );
}
