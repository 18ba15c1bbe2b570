// The small parts that pages are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, type Device } from "./api";
import { useLive } from "./events";
import { agoText, known, stateText, t, timeText } from "./texts";

/** The heading of a page: it gets the focus when the page opens, so that a screen reader begins there. */
export function Heading({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => { // with the page, or it would take the focus from where somebody quick has put it
    document.title = `${title} – Ferry`;
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [title]);
  return (
    <header class="heading">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <div class="actions">{children}</div>
    </header>
  );
}

export function errorText(error: ApiError): string {
  const key = `error.${error.code}`;
  return known(key) ? t(key) : t("error.other", { detail: error.message });
}

export function Failure({ error, retry }: { error: ApiError | null; retry?: () => void }) {
  if (!error) return null;
  return (
    <p class="failure" role="alert">
      {errorText(error)}{" "}
      {retry && (
        <button type="button" onClick={retry}>
          {t("try_again")}
        </button>
      )}
    </p>
  );
}

/** Only while the platform does not tell by itself what changes. */
export function Refresh({ onClick }: { onClick: () => void }) {
  return useLive() ? null : (
    <button type="button" onClick={onClick}>
      {t("refresh")}
    </button>
  );
}

const good = new Set(["done", "stored", "finished", "enabled"]);
const bad = new Set(["failed", "timed_out", "rejected", "expired", "disabled", "parked"]);

export function State({ state }: { state: string }) {
  const kind = good.has(state) ? "good" : bad.has(state) ? "bad" : "plain";
  return <span class={`state ${kind}`}>{stateText(state)}</span>;
}

/** Said in words: the dot is for those who see colours. */
export function Online({ device }: { device: Device }) {
  const word = device.online === null ? "unknown" : device.online ? "online" : "offline";
  const look = { online: "online-yes", offline: "online-no", unknown: "online-unknown" }[word];
  return (
    <span class={`online ${look}`} title={device.connected_since ? t("connected_since", { time: timeText(device.connected_since) }) : undefined}>
      {t(word)}
    </span>
  );
}

const againMs = 30_000;

/** How long ago it was; the time itself where the pointer rests. */
export function Ago({ time }: { time: string | null }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = window.setInterval(() => setNow(Date.now()), againMs);
    return () => clearInterval(timer);
  }, [time]);
  return time ? (
    <time dateTime={time} title={timeText(time)}>
      {agoText(time, now)}
    </time>
  ) : (
    <>{t("never")}</>
  );
}

export function Percent({ value, label }: { value: number; label: string }) {
  return (
    <span class="percent">
      <progress max={100} value={value} aria-label={label} /> {Math.floor(value)} %
    </span>
  );
}

/** A command to copy. Without the right to the clipboard (plain HTTP) it can still be selected. */
export function Command({ text, secret }: { text: string; secret?: boolean }) {
  const [copied, setCopied] = useState(false);
  const code = useRef<HTMLElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      getSelection()?.selectAllChildren(code.current as HTMLElement);
    }
  };
  return (
    <p class={secret ? "command secret" : "command"}>
      <code ref={code}>{text}</code>
      <button type="button" onClick={copy}>
        {copied ? t("copied") : t("copy")}
      </button>
    </p>
  );
}

export function Empty({ title, next, command }: { title: string; next: string; command?: string }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      <p>{next}</p>
      {command && <Command text={command} />}
    </div>
  );
}

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
}

/** The browser's own dialog: it keeps the focus inside and closes by Escape. */
export function Dialog({ title, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const gone = useRef(false); // another may be in its place already, which is not to be closed
  const id = useId();
  useLayoutEffect(() => { // with its text, or an Escape that comes at once would be lost
    const opened = dialog.current;
    opened?.showModal();
    return () => {
      gone.current = true;
      opened?.close();
    };
  }, []);
  const cancelled = (event: Event) => { // "close" comes a task later, and what was opened before it would be lost
    if (event.target === dialog.current) close(); // a field for files has this event too
  };
  return (
    <dialog ref={dialog} aria-labelledby={id} onCancel={cancelled} onClose={() => gone.current || close()}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Something under way that may fail: what it says, and whether it goes on. */
export function useDoing() {
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (what: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return { error, busy, run };
}

interface ConfirmProps {
  title: string;
  text: string;
  button: string;
  act: () => Promise<void>;
  close: () => void;
}

export function Confirm({ title, text, button, act, close }: ConfirmProps) {
  const doing = useDoing();
  const confirmed = () =>
    doing.run(async () => {
      await act();
      close();
    });
  return (
    <Dialog title={title} close={close}>
      <p>{text}</p>
      <Failure error={doing.error} />
      <div class="buttons">
        <button type="button" onClick={close}>
          {t("keep")}
        </button>
        <button type="button" class="danger" disabled={doing.busy} onClick={confirmed}>
          {button}
        </button>
      </div>
    </Dialog>
  );
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: [string, string][];
  set: (value: string) => void;
}

export function Select({ label, value, options, set }: SelectProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

interface SearchProps {
  label: string;
  value: string;
  set: (value: string) => void;
}

const typingMs = 200;

/** Asks when the user pauses. */
export function Search({ label, value, set }: SearchProps) {
  const timer = useRef(0);
  const typed = (text: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => set(text), typingMs);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <label class="field">
      <span>{label}</span>
      <input type="search" autocomplete="off" spellcheck={false} defaultValue={value} onInput={(event) => typed(event.currentTarget.value)} />
    </label>
  );
}
