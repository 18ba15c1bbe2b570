// Sending files as resources: by dragging them into the page or by choosing them, one after the other.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, sendResource, type Resource, type Sending } from "../api";
import { largeBytes, sendLarge } from "../large";
import { errorText } from "../parts";
import { bytesText, t } from "../texts";

interface Job {
  id: number;
  file: File;
  sent: number;
  /** The line is broken: it goes on by itself. */
  waiting?: boolean;
  state: "waiting" | "sending" | "done" | "failed";
  error?: string;
  sending?: Sending;
}

/** The files of one product on their way. */
function useJobs(product: string, sent: (resource: Resource) => void) {
  const [jobs, setJobs] = useState<Job[]>([]);
  const change = (id: number, what: Partial<Job>) =>
    setJobs((old) => old.map((job) => (job.id === id ? { ...job, ...what } : job)));

  const send = async (job: Job) => {
    const onSent = (bytes: number) => change(job.id, { sent: bytes });
    const sending =
      job.file.size < largeBytes
        ? sendResource(product, job.file.name, job.file, onSent)
        : sendLarge(product, job.file, onSent, (waiting) => change(job.id, { waiting }));
    change(job.id, { state: "sending", sending });
    try {
      const resource = await sending.done;
      change(job.id, { state: "done", sent: job.file.size });
      sent(resource);
    } catch (problem) {
      const error = problem as ApiError;
      if (error.code === "aborted") setJobs((old) => old.filter((one) => one.id !== job.id));
      else change(job.id, { state: "failed", error: errorText(error) });
    }
  };

  const next = jobs.some((job) => job.state === "sending") ? undefined : jobs.find((job) => job.state === "waiting");
  useEffect(() => {
    if (next) void send(next);
  }, [next?.id]);

  const add = (files: Iterable<File>) =>
    setJobs((old) => {
      const first = Math.max(0, ...old.map((job) => job.id)) + 1;
      const added = [...files].map((file, index): Job => ({ id: first + index, file, sent: 0, state: "waiting" }));
      return old.filter((job) => job.state !== "done").concat(added);
    });
  return { jobs, add };
}

function JobRow({ job }: { job: Job }) {
  const percent = job.file.size > 0 ? (100 * job.sent) / job.file.size : 0;
  return (
    <li>
      <span class="name">{job.file.name}</span> <span>{bytesText(job.file.size)}</span>
      {job.state === "failed" ? (
        <span class="failure" role="alert">
          {job.error}
        </span>
      ) : (
        <progress max={100} value={percent} aria-label={t("sending_name", { name: job.file.name })} />
      )}
      {job.state === "sending" && job.waiting && <span role="status">{t("sending_waits")}</span>}
      {job.state === "done" && <span role="status">{t("sent_whole")}</span>}
      {job.state === "sending" && (
        <button type="button" aria-label={t("stop_name", { name: job.file.name })} onClick={() => job.sending?.abort()}>
          {t("stop")}
        </button>
      )}
    </li>
  );
}

export function DropZone({ product, sent }: { product: string; sent: (resource: Resource) => void }) {
  const { jobs, add } = useJobs(product, sent);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    add(event.dataTransfer?.files ?? []);
  };
  return (
    <section
      class={over ? "drop over" : "drop"} aria-label={t("send_files")} onDrop={drop} onDragLeave={() => setOver(false)}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
    >
      <p>
        {t("drop_here", { product })}{" "}
        <button type="button" onClick={() => input.current?.click()}>
          {t("choose_files")}
        </button>
      </p>
      <input
        ref={input} type="file" multiple hidden aria-label={t("choose_files")}
        onChange={(event) => {
          add(event.currentTarget.files ?? []);
          event.currentTarget.value = "";
        }}
      />
      <ul class="jobs">
        {jobs.map((job) => (
          <JobRow key={job.id} job={job} />
        ))}
      </ul>
    </section>
  );
}
