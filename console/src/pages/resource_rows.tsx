// The rows of resources: what one can do with a version.
import { useState } from "preact/hooks";
import { path, remove, urlOf, type Resource } from "../api";
import type { List } from "../list";
import { Confirm } from "../parts";
import { useMayChange } from "../session";
import { t, timeText } from "../texts";
import { DeliverDialog } from "./deliver";

export function useResourceActions(list: List<Resource>) {
  const mayChange = useMayChange();
  const [delivering, setDelivering] = useState<Resource | null>(null);
  const [leaving, setLeaving] = useState<Resource | null>(null);
  const cell = (one: Resource) => (
    <span class="row-actions">
      {mayChange && (
        <button type="button" class="main" aria-label={t("deliver_name", { name: one.name })} onClick={() => setDelivering(one)}>
          {t("deliver")}
        </button>
      )}
      <a class="button" data-icon="↓" href={urlOf(path("resources", one.id, "content"))} download aria-label={t("fetch_name", { name: one.name })}>
        {t("fetch")}
      </a>
      {mayChange && (
        <button type="button" class="danger" data-icon="✕" aria-label={t("delete_name", { name: one.name })} onClick={() => setLeaving(one)}>
          {t("delete")}
        </button>
      )}
    </span>
  );
  const dialog = (
    <>
      {delivering && <DeliverDialog resource={delivering} close={() => setDelivering(null)} />}
      {leaving && (
        <Confirm
          title={t("delete_name", { name: leaving.name })} button={t("delete")} close={() => setLeaving(null)}
          text={t("delete_resource_what", { time: timeText(leaving.created_at) })}
          act={async () => {
            await remove(path("resources", leaving.id));
            list.put(leaving.id, null);
          }}
        />
      )}
    </>
  );
  return { cell, dialog };
}
