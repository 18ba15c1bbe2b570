// Dialogs that ask for something, and the fields in them.
import type { ComponentChildren } from "preact";
import { Command, Dialog, Failure, Select, useDoing } from "./parts";
import { t } from "./texts";

interface FormDialogProps {
  title: string;
  button: string;
  /** False: something is missing yet. */
  ready?: boolean;
  act: () => Promise<void>;
  close: () => void;
  children: ComponentChildren;
}

/** Stays open when it fails, and says why. */
export function FormDialog({ title, button, ready = true, act, close, children }: FormDialogProps) {
  const doing = useDoing();
  const submit = (event: Event) => {
    event.preventDefault();
    if (ready) void doing.run(act);
  };
  return (
    <Dialog title={title} close={close}>
      <form class="asked" onSubmit={submit}>
        {children}
        <Failure error={doing.error} />
        <div class="buttons">
          <button type="button" onClick={close}>
            {t("keep")}
          </button>
          <button type="submit" class="main" disabled={doing.busy || !ready}>
            {button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface TextFieldProps {
  label: string;
  value: string;
  set: (value: string) => void;
  /** What may be typed, in words. */
  note?: string;
  type?: "text" | "password";
  /** Of a longer text. */
  lines?: number;
}

export function TextField({ label, value, set, note, type = "text", lines }: TextFieldProps) {
  return (
    <>
      <label class="field">
        <span>{label}</span>
        {lines ? (
          <textarea rows={lines} value={value} onInput={(event) => set(event.currentTarget.value)} />
        ) : (
          <input
            type={type} autocomplete={type === "password" ? "new-password" : "off"} autocapitalize="none" spellcheck={false}
            value={value} onInput={(event) => set(event.currentTarget.value)}
          />
        )}
      </label>
      {note && <p class="note">{note}</p>}
    </>
  );
}

/** The words of a text that is a list. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

interface ShownOnceProps {
  title: string;
  text: string;
  secret: string;
  close: () => void;
  children?: ComponentChildren;
}

export function ShownOnce({ title, text, secret, close, children }: ShownOnceProps) {
  return (
    <Dialog title={title} close={close}>
      <p>{text}</p>
      <Command text={secret} secret />
      {children}
      <div class="buttons">
        <button type="button" class="main" onClick={close}>
          {t("close")}
        </button>
      </div>
    </Dialog>
  );
}

const overlaps: [string, "overlap_none" | "overlap_hour" | "overlap_day" | "overlap_week"][] = [
  ["0", "overlap_none"],
  ["3600", "overlap_hour"],
  ["86400", "overlap_day"],
  ["604800", "overlap_week"],
];

/** How long an old secret stays good, in seconds. */
export function Overlap({ value, set }: { value: string; set: (value: string) => void }) {
  return <Select label={t("overlap")} value={value} options={overlaps.map(([seconds, key]) => [seconds, t(key)])} set={set} />;
}
