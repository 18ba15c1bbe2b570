// Who may do what: users, who log in with a password, and tokens, for programs.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { patch, path, post, remove, type Role } from "../api";
import type { Token, User } from "../admin";
import { FormDialog, ShownOnce, TextField, wordsOf } from "../forms";
import { useList, type List } from "../list";
import { Confirm, Empty, Heading, Refresh, Select } from "../parts";
import { linkTo } from "../route";
import { useSession } from "../session";
import { Table, type Column } from "../table";
import { roleText, t, timeText } from "../texts";

const roles: Role[] = ["viewer", "operator", "admin"];
const day = 86400;
const lives: [string, "for_ever" | "days_1" | "days_30" | "days_90" | "days_365"][] = [
  ["", "for_ever"],
  [String(day), "days_1"],
  [String(30 * day), "days_30"],
  [String(90 * day), "days_90"],
  [String(365 * day), "days_365"],
];
const passwordMin = 10;

interface Grant {
  role: Role;
  products: string;
}

/** An admin of some products gives away no more than these. */
function useGrant(role: Role, products: string[] | null): [Grant, ComponentChildren, boolean] {
  const { caller } = useSession();
  const [grant, setGrant] = useState<Grant>({ role, products: (products ?? caller.products ?? []).join(" ") });
  const fields = (
    <>
      <Select
        label={t("role")} value={grant.role} options={roles.map((one) => [one, roleText(one)])}
        set={(value) => setGrant({ ...grant, role: value as Role })}
      />
      <TextField
        label={t("products")} value={grant.products} set={(value) => setGrant({ ...grant, products: value })}
        note={t(caller.products ? "products_some" : "products_what")}
      />
    </>
  );
  return [grant, fields, !caller.products || wordsOf(grant.products).length > 0];
}

function productsOf(grant: Grant): string[] | undefined {
  const words = wordsOf(grant.products);
  return words.length > 0 ? words : undefined;
}

function AddToken({ close, added }: { close: () => void; added: () => void }) {
  const [name, setName] = useState("");
  const [life, setLife] = useState("");
  const [grant, fields, granted] = useGrant("viewer", null);
  const [secret, setSecret] = useState("");
  const add = async () => {
    const expires_in_s = life ? Number(life) : undefined;
    const made = await post<{ token: string }>("/tokens", { name, role: grant.role, products: productsOf(grant), expires_in_s });
    setSecret(made.token);
    added();
  };
  if (secret) return <ShownOnce title={t("token_added")} text={t("token_once", { name })} secret={secret} close={close} />;
  return (
    <FormDialog title={t("token_add")} button={t("token_add")} ready={name !== "" && granted} act={add} close={close}>
      <TextField label={t("name")} value={name} set={(value) => setName(value.trim())} note={t("name_what")} />
      {fields}
      <Select label={t("life")} value={life} options={lives.map(([value, key]) => [value, t(key)])} set={setLife} />
    </FormDialog>
  );
}

function AddUser({ close, added }: { close: () => void; added: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [grant, fields, granted] = useGrant("viewer", null);
  const add = async () => {
    await post("/users", { name, role: grant.role, products: productsOf(grant), password });
    added();
    close();
  };
  const ready = name !== "" && password.length >= passwordMin && granted;
  return (
    <FormDialog title={t("user_add")} button={t("user_add")} ready={ready} act={add} close={close}>
      <TextField label={t("name")} value={name} set={(value) => setName(value.trim())} note={t("name_what")} />
      {fields}
      <TextField type="password" label={t("password")} value={password} set={setPassword} note={t("password_what")} />
    </FormDialog>
  );
}

interface ChangeProps {
  user: User;
  close: () => void;
  changed: (user: User) => void;
}

function ChangeUser({ user, close, changed }: ChangeProps) {
  const [password, setPassword] = useState("");
  const [grant, fields, granted] = useGrant(user.role, user.products);
  const change = async () => {
    const products = productsOf(grant);
    const scope = products ? { products } : user.products ? { all_products: true } : {};
    changed(
      await patch<User>(path("users", user.name), { role: grant.role, ...scope, ...(password ? { password } : {}) }),
    );
    close();
  };
  const ready = granted && (password === "" || password.length >= passwordMin);
  return (
    <FormDialog title={t("user_change", { name: user.name })} button={t("save")} ready={ready} act={change} close={close}>
      <p>{t("user_change_what")}</p>
      {fields}
      <TextField type="password" label={t("password_new")} value={password} set={setPassword} note={t("password_what")} />
    </FormDialog>
  );
}

function scopeText(products: string[] | null): string {
  return products ? products.join(" ") : t("all_products");
}

interface LeaveProps {
  what: "tokens" | "users";
  name: string;
  list: List<User> | List<Token>;
  close: () => void;
}

function Leave({ what, name, list, close }: LeaveProps) {
  return (
    <Confirm
      title={t("remove_name", { name })} text={t(what === "tokens" ? "token_remove_what" : "user_remove_what")} button={t("remove")}
      close={close}
      act={async () => {
        await remove(path(what, name));
        list.put(name, null);
      }}
    />
  );
}

interface RowProps {
  name: string;
  change?: () => void;
  leave: () => void;
}

function RowActions({ name, change, leave }: RowProps) {
  return (
    <span class="row-actions">
      {change && (
        <button type="button" data-icon="✎" aria-label={t("user_change", { name })} onClick={change}>
          {t("change")}
        </button>
      )}
      <button type="button" class="danger" data-icon="✕" aria-label={t("remove_name", { name })} onClick={leave}>
        {t("remove")}
      </button>
    </span>
  );
}

function Users({ adding, added }: { adding: boolean; added: () => void }) {
  const list = useList<User>({ path: "/users", query: {}, key: (user) => user.name, topic: "user" });
  const [changing, setChanging] = useState<User | null>(null);
  const [leaving, setLeaving] = useState("");
  const columns: Column<User>[] = [
    { title: t("name"), show: (one) => one.name },
    { title: t("role"), width: "narrow", show: (one) => roleText(one.role) },
    { title: t("products"), wide: true, show: (one) => scopeText(one.products) },
    { title: t("changed"), width: "middle", wide: true, show: (one) => timeText(one.changed_at) },
    {
      title: t("actions"), width: "pair",
      show: (one) => <RowActions name={one.name} change={() => setChanging(one)} leave={() => setLeaving(one.name)} />,
    },
  ];
  return (
    <>
      <Table
        caption={t("users")} list={list} keyOf={(one) => one.name} columns={columns}
        empty={<Empty title={t("no_users")} next={t("no_users_next")} command="ferryctl user add NAME --role operator" />}
      />
      {adding && <AddUser close={added} added={list.refresh} />}
      {changing && <ChangeUser user={changing} close={() => setChanging(null)} changed={(user) => list.put(user.name, user)} />}
      {leaving && <Leave what="users" name={leaving} list={list} close={() => setLeaving("")} />}
    </>
  );
}

function Tokens({ adding, added }: { adding: boolean; added: () => void }) {
  const list = useList<Token>({ path: "/tokens", query: {}, key: (token) => token.name, topic: "token" });
  const [leaving, setLeaving] = useState("");
  const columns: Column<Token>[] = [
    { title: t("name"), show: (one) => one.name },
    { title: t("role"), width: "narrow", show: (one) => roleText(one.role) },
    { title: t("products"), wide: true, show: (one) => scopeText(one.products) },
    { title: t("expires"), width: "middle", wide: true, show: (one) => (one.expires_at ? timeText(one.expires_at) : t("for_ever")) },
    { title: t("used"), width: "middle", wide: true, show: (one) => timeText(one.used_at) },
    { title: t("actions"), width: "pair", show: (one) => <RowActions name={one.name} leave={() => setLeaving(one.name)} /> },
  ];
  return (
    <>
      <Table
        caption={t("tokens")} list={list} keyOf={(one) => one.name} columns={columns}
        empty={<Empty title={t("no_tokens")} next={t("no_tokens_next")} command="ferryctl token add NAME --role viewer" />}
      />
      {adding && <AddToken close={added} added={list.refresh} />}
      {leaving && <Leave what="tokens" name={leaving} list={list} close={() => setLeaving("")} />}
    </>
  );
}

export function AccessPage({ tokens }: { tokens: boolean }) {
  const [adding, setAdding] = useState(false);
  const [round, setRound] = useState(0); // a new one reads the list again
  const tab = (to: string[], here: boolean, text: string) => (
    <a href={linkTo("access", ...to)} aria-current={here ? "true" : undefined}>
      {text}
    </a>
  );
  const Shown = tokens ? Tokens : Users;
  return (
    <>
      <Heading title={t("access")}>
        <Refresh onClick={() => setRound(round + 1)} />
        <button type="button" class="main" onClick={() => setAdding(true)}>
          {t(tokens ? "token_add" : "user_add")}
        </button>
      </Heading>
      <nav class="tabs" aria-label={t("access")}>
        {tab([], !tokens, t("users"))}
        {tab(["tokens"], tokens, t("tokens"))}
      </nav>
      <Shown key={round} adding={adding} added={() => setAdding(false)} />
    </>
  );
}
