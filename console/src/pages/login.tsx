import { useState } from "preact/hooks";
import { Command, Failure, Heading, useDoing } from "../parts";
import { t } from "../texts";

export function LoginPage({ logIn }: { logIn: (user: string, password: string) => Promise<void> }) {
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const doing = useDoing();
  const submit = (event: Event) => {
    event.preventDefault();
    void doing.run(() => logIn(user.trim(), password));
  };
  return (
    <div class="login">
      <Heading title={t("log_in")} />
      <form onSubmit={submit}>
        <label class="field">
          <span>{t("name")}</span>
          <input
            name="user" autocomplete="username" autocapitalize="none" spellcheck={false} required value={user}
            onInput={(event) => setUser(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>{t("password")}</span>
          <input
            name="password" type="password" autocomplete="current-password" required value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <Failure error={doing.error} />
        <button type="submit" class="main" disabled={doing.busy}>
          {t("log_in")}
        </button>
      </form>
      <details>
        <summary>{t("no_user_yet")}</summary>
        <p>{t("no_user_next")}</p>
        <Command text="ferryctl user add NAME --role admin" />
      </details>
    </div>
  );
}
