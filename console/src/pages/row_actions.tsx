// What one can do with a file in a row: fetch it, delete it.
import { useState } from "preact/hooks";
import { path, remove, urlOf } from "../api";
import type { List } from "../list";
import { Confirm } from "../parts";
import { t } from "../texts";

type Kind = "resources" | "uploads";

interface File {
  id: string;
  name: string;
}

export function FetchLink({ kind, file }: { kind: Kind; file: File }) {
  return (
    <a class="button" data-icon="↓" href={urlOf(path(kind, file.id, "content"))} download aria-label={t("fetch_name", { name: file.name })}>
      {t("fetch")}
    </a>
  );
}

export function DeleteButton({ name, ask }: { name: string; ask: () => void }) {
  return (
    <button type="button" class="danger" data-icon="✕" aria-label={t("delete_name", { name })} onClick={ask}>
      {t("delete")}
    </button>
  );
}

/** The question before a row is deleted; what: says what goes with it. */
export function useDeletion<T extends File>(kind: Kind, list: List<T>, what: (row: T) => string) {
  const [leaving, setLeaving] = useState<T | null>(null);
  const dialog = leaving && (
    <Confirm
      title={t("delete_name", { name: leaving.name })} text={what(leaving)} button={t("delete")} close={() => setLeaving(null)}
      act={async () => {
        await remove(path(kind, leaving.id));
        list.put(leaving.id, null);
      }}
    />
  );
  return { ask: setLeaving, dialog };
}
