// The rows of resources: what one can do with a version.
import { useState } from "preact/hooks";
import { patch, path, type Resource } from "../api";
import { FormDialog, TextField } from "../forms";
import type { List } from "../list";
import { useMayChange } from "../session";
import { t, timeText } from "../texts";
import { DeliverDialog } from "./deliver";
import { DeleteButton, FetchLink, useDeletion } from "./row_actions";

interface DescribeProps {
  resource: Resource;
  close: () => void;
  set: (resource: Resource) => void;
}

function DescribeDialog({ resource, close, set }: DescribeProps) {
  const [description, setDescription] = useState(resource.description);
  const save = async () => {
    set(await patch<Resource>(path("resources", resource.id), { description }));
    close();
  };
  return (
    <FormDialog title={t("describe_name", { name: resource.name })} button={t("save")} act={save} close={close}>
      <p>{t("version_of", { time: timeText(resource.created_at) })}</p>
      <TextField label={t("description")} value={description} set={setDescription} lines={4} />
    </FormDialog>
  );
}

export function useResourceActions(list: List<Resource>) {
  const mayChange = useMayChange();
  const [delivering, setDelivering] = useState<Resource | null>(null);
  const [describing, setDescribing] = useState<Resource | null>(null);
  const deletion = useDeletion("resources", list, (one) => t("delete_resource_what", { time: timeText(one.created_at) }));
  const cell = (one: Resource) => (
    <span class="row-actions">
      {mayChange && (
        <button type="button" class="main" aria-label={t("deliver_name", { name: one.name })} onClick={() => setDelivering(one)}>
          {t("deliver")}
        </button>
      )}
      {mayChange && (
        <button
          type="button" class="icon" title={t("describe_name", { name: one.name })}
          aria-label={t("describe_name", { name: one.name })} onClick={() => setDescribing(one)}
        >
          ✎
        </button>
      )}
      <FetchLink kind="resources" file={one} />
      {mayChange && <DeleteButton name={one.name} ask={() => deletion.ask(one)} />}
    </span>
  );
  const dialog = (
    <>
      {delivering && <DeliverDialog resource={delivering} close={() => setDelivering(null)} />}
      {describing && (
        <DescribeDialog resource={describing} close={() => setDescribing(null)} set={(one) => list.put(one.id, one)} />
      )}
      {deletion.dialog}
    </>
  );
  return { cell, dialog };
}
