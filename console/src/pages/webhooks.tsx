// Webhooks: events sent to servers of one's own, and how that goes.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { patch, path, post, remove } from "../api";
import type { Webhook } from "../admin";
import { eventTypes, type EventType } from "../events";
import { FormDialog, Overlap, ShownOnce, TextField } from "../forms";
import { useList, type List } from "../list";
import { Ago, Confirm, Dialog, Empty, Facts, Failure, Heading, Refresh, State, useDoing } from "../parts";
import { Table, type Column } from "../table";
import { numberText, t, timeText } from "../texts";

interface Wanted {
  url: string;
  types: EventType[];
  product: string;
  device: string;
}

function Types({ chosen, set }: { chosen: EventType[]; set: (types: EventType[]) => void }) {
  const toggle = (type: EventType) => set(eventTypes.filter((one) => (one === type) !== chosen.includes(one)));
  return (
    <fieldset class="choices">
      <legend>{t("webhook_types")}</legend>
      {eventTypes.map((type) => (
        <label key={type}>
          <input type="checkbox" checked={chosen.includes(type)} onChange={() => toggle(type)} /> {type}
        </label>
      ))}
    </fieldset>
  );
}

/** What is sent, and where; null stands for all. */
function useWanted(of: Webhook | null): [object, ComponentChildren, boolean] {
  const [wanted, setWanted] = useState<Wanted>({
    url: of?.url ?? "", types: of?.types ?? [], product: of?.product ?? "", device: of?.device ?? "",
  });
  const change = (changed: Partial<Wanted>) => setWanted({ ...wanted, ...changed });
  const fields = (
    <>
      <TextField label={t("webhook_url")} value={wanted.url} set={(url) => change({ url: url.trim() })} note={t("webhook_url_what")} />
      <Types chosen={wanted.types} set={(types) => change({ types })} />
      <TextField label={t("product")} value={wanted.product} set={(product) => change({ product: product.trim() })} />
      <TextField
        label={t("device")} value={wanted.device} set={(device) => change({ device: device.trim() })} note={t("webhook_filter_what")}
      />
    </>
  );
  const body = { url: wanted.url, types: wanted.types, product: wanted.product || null, device: wanted.device || null };
  return [body, fields, wanted.url !== ""];
}

function Add({ close, added }: { close: () => void; added: () => void }) {
  const [body, fields, ready] = useWanted(null);
  const [secret, setSecret] = useState("");
  const add = async () => {
    setSecret((await post<{ secret: string }>("/webhooks", body)).secret);
    added();
  };
  if (secret) return <ShownOnce title={t("webhook_added")} text={t("webhook_once")} secret={secret} close={close} />;
  return (
    <FormDialog title={t("webhook_add")} button={t("webhook_add")} ready={ready} act={add} close={close}>
      {fields}
    </FormDialog>
  );
}

interface OneProps {
  webhook: Webhook;
  list: List<Webhook>;
  close: () => void;
}

function Change({ webhook, list, close }: OneProps) {
  const [body, fields, ready] = useWanted(webhook);
  const change = async () => {
    list.put(webhook.id, await patch<Webhook>(path("webhooks", webhook.id), body));
    close();
  };
  return (
    <FormDialog title={t("webhook_change")} button={t("save")} ready={ready} act={change} close={close}>
      {fields}
    </FormDialog>
  );
}

function Rotate({ webhook, close }: OneProps) {
  const [overlap, setOverlap] = useState("86400");
  const [secret, setSecret] = useState("");
  const rotate = async () => {
    const to = path("webhooks", webhook.id, "secret");
    setSecret((await post<{ secret: string }>(to, { overlap_s: Number(overlap) })).secret);
  };
  if (secret) return <ShownOnce title={t("new_secret")} text={t("webhook_once")} secret={secret} close={close} />;
  return (
    <FormDialog title={t("new_secret")} button={t("make_secret")} act={rotate} close={close}>
      <p>{t("webhook_secret_what")}</p>
      <Overlap value={overlap} set={setOverlap} />
    </FormDialog>
  );
}

function Remove({ webhook, list, close }: OneProps) {
  const leave = async () => {
    await remove(path("webhooks", webhook.id));
    list.put(webhook.id, null);
  };
  return (
    <Confirm title={t("remove_name", { name: webhook.url })} text={t("webhook_remove_what")} button={t("remove")} act={leave} close={close} />
  );
}

/** A parked one goes on where it was, or with what happens from now on. */
function Resume({ webhook, list, close }: OneProps) {
  const [skip, setSkip] = useState(false);
  const resume = async () => {
    list.put(webhook.id, await post<Webhook>(path("webhooks", webhook.id, "resume"), { skip }));
    close();
  };
  return (
    <FormDialog title={t("webhook_resume")} button={t("resume")} act={resume} close={close}>
      <p>{t("webhook_resume_what")}</p>
      <label>
        <input type="checkbox" checked={skip} onChange={() => setSkip(!skip)} /> {t("webhook_skip")}
      </label>
    </FormDialog>
  );
}

function deliveryFacts(webhook: Webhook): [string, ComponentChildren][] {
  const all: [string, ComponentChildren | null][] = [
    [t("webhook_url"), webhook.url],
    [t("state"), <State state={webhook.state} />],
    [t("webhook_types"), webhook.types.join(", ") || t("all")],
    [t("product"), webhook.product ?? t("all")],
    [t("device"), webhook.device ?? t("all")],
    [t("webhook_success"), <Ago time={webhook.last_success_at} />],
    [t("webhook_failures"), numberText(webhook.failures)],
    [t("webhook_failing"), webhook.failing_since && timeText(webhook.failing_since)],
    [t("webhook_error"), webhook.last_error],
    [t("webhook_next"), webhook.next_attempt_at && timeText(webhook.next_attempt_at)],
    [t("old_secret_until"), webhook.old_secret_until && timeText(webhook.old_secret_until)],
  ];
  return all.filter((fact): fact is [string, ComponentChildren] => fact[1] !== null);
}

type Doing = "change" | "secret" | "resume" | "remove";

interface ShowProps extends OneProps {
  next: (doing: Doing) => void;
}

function Show({ webhook, list, close, next }: ShowProps) {
  const doing = useDoing();
  const disabled = webhook.state === "disabled";
  const turn = () =>
    doing.run(async () => {
      list.put(webhook.id, await patch<Webhook>(path("webhooks", webhook.id), { disabled: !disabled }));
      close();
    });
  return (
    <Dialog title={t("webhook")} close={close}>
      <Facts rows={deliveryFacts(webhook)} />
      <Failure error={doing.error} />
      <div class="buttons">
        {webhook.state === "parked" && (
          <button type="button" class="main" onClick={() => next("resume")}>
            {t("resume")}
          </button>
        )}
        <button type="button" onClick={() => next("change")}>
          {t("change")}
        </button>
        <button type="button" onClick={() => next("secret")}>
          {t("new_secret")}
        </button>
        <button type="button" disabled={doing.busy} onClick={() => void turn()}>
          {t(disabled ? "enable" : "disable")}
        </button>
        <button type="button" class="danger" onClick={() => next("remove")}>
          {t("remove")}
        </button>
        <button type="button" onClick={close}>
          {t("close")}
        </button>
      </div>
    </Dialog>
  );
}

const dialogs = { change: Change, secret: Rotate, resume: Resume, remove: Remove };

export function WebhooksPage() {
  const list = useList<Webhook>({ path: "/webhooks", query: {}, key: (one) => one.id, topic: "webhook" });
  const [adding, setAdding] = useState(false);
  const [shownId, setShownId] = useState("");
  const shown = list.rows.find((one) => one.id === shownId); // as it is now
  const [doing, setDoing] = useState<Doing | null>(null);
  const close = () => {
    setShownId("");
    setDoing(null);
  };
  const columns: Column<Webhook>[] = [
    { title: t("webhook_url"), show: (one) => one.url },
    { title: t("state"), width: "narrow", show: (one) => <State state={one.state} /> },
    { title: t("webhook_success"), width: "middle", wide: true, show: (one) => <Ago time={one.last_success_at} /> },
    { title: t("webhook_error"), wide: true, show: (one) => one.last_error ?? "" },
    {
      title: t("actions"), width: "pair",
      show: (one) => (
        <button type="button" aria-label={t("webhook_show", { url: one.url })} onClick={() => setShownId(one.id)}>
          {t("webhook_look")}
        </button>
      ),
    },
  ];
  const One = doing && dialogs[doing];
  return (
    <>
      <Heading title={t("webhooks")}>
        <Refresh onClick={list.refresh} />
        <button type="button" class="main" onClick={() => setAdding(true)}>
          {t("webhook_add")}
        </button>
      </Heading>
      <Table
        caption={t("webhooks")} list={list} keyOf={(one) => one.id} columns={columns}
        empty={<Empty title={t("no_webhooks")} next={t("no_webhooks_next")} command="ferryctl webhook add https://example.org/ferry" />}
      />
      {adding && <Add close={() => setAdding(false)} added={list.refresh} />}
      {shown && !One && <Show webhook={shown} list={list} close={close} next={setDoing} />}
      {shown && One && <One webhook={shown} list={list} close={close} />}
    </>
  );
}
