import { render, type ComponentChildren } from "preact";
import { currentLanguage, setLanguage, t, useLanguage, type Key } from "./texts";
import { linkTo, useRoute } from "./route";
import { SessionProvider, useLogin, useProducts, type Session } from "./session";
import { LoginPage } from "./pages/login";
import { OverviewPage } from "./pages/overview";
import { DevicesPage } from "./pages/devices";
import { DevicePage, isPart } from "./pages/device";
import { ResourcesPage } from "./pages/resources";
import { VersionsPage } from "./pages/versions";
import { DeploymentsPage } from "./pages/deployments";
import { DeploymentPage } from "./pages/deployment";
import { TaskPage } from "./pages/task";
import { UploadPage } from "./pages/upload";
import { UploadsPage } from "./pages/uploads";
import { AccessPage } from "./pages/access";
import { AuditPage } from "./pages/audit";
import { SettingsPage } from "./pages/settings";
import { WebhooksPage } from "./pages/webhooks";
import { Empty, Heading } from "./parts";
import type { Caller } from "./api";

function isAdminOfAll(caller: Caller): boolean {
  return caller.role === "admin" && caller.products === null;
}

/** Name, text, and who may see it. */
const sections: [string, Key, (caller: Caller) => boolean][] = [
  ["", "overview", () => true],
  ["devices", "devices", () => true],
  ["resources", "resources", () => true],
  ["deployments", "deployments", () => true],
  ["uploads", "uploads", () => true],
  ["webhooks", "webhooks", isAdminOfAll],
  ["access", "access", (caller) => caller.role === "admin"],
  ["audit", "audit", (caller) => caller.role === "admin"],
  ["settings", "settings", isAdminOfAll],
];

function sectionsFor(caller: Caller) {
  return sections.filter(([, , may]) => may(caller));
}

function Nothing() {
  return (
    <>
      <Heading title={t("nothing_here")} />
      <Empty title={t("nothing_here_title")} next={t("nothing_here_next")} />
    </>
  );
}

function Page({ route, caller }: { route: string[]; caller: Caller }) {
  const [section = "", first, second, third = ""] = route;
  if (!sectionsFor(caller).some(([name]) => name === section)) return <Nothing />;
  if (section === "") return <OverviewPage />;
  if (section === "devices" && first && second)
    return isPart(third) ? <DevicePage product={first} device={second} part={third} /> : <Nothing />;
  if (section === "devices") return <DevicesPage />;
  if (section === "resources" && first && second) return <VersionsPage product={first} name={second} />;
  if (section === "resources") return <ResourcesPage />;
  if (section === "deployments" && first && second === "tasks" && third) return <TaskPage deployment={first} id={third} />;
  if (section === "deployments" && first) return <DeploymentPage id={first} />;
  if (section === "deployments") return <DeploymentsPage />;
  if (section === "webhooks") return <WebhooksPage />;
  if (section === "access") return <AccessPage tokens={first === "tokens"} />;
  if (section === "audit") return <AuditPage />;
  if (section === "settings") return <SettingsPage />;
  if (first) return <UploadPage id={first} />;
  return <UploadsPage />;
}

function LanguageButton() {
  const other = currentLanguage() === "en" ? "zh" : "en";
  return (
    <button type="button" class="plain" lang={other === "zh" ? "zh-CN" : "en"} onClick={() => setLanguage(other)}>
      {other === "zh" ? "中文" : "English"}
    </button>
  );
}

function Shell({ menu, user, children }: { menu?: ComponentChildren; user?: ComponentChildren; children: ComponentChildren }) {
  return (
    <>
      <header class="bar">
        <span class="brand">Ferry</span>
        {menu}
        <span class="user">
          {user}
          <LanguageButton />
        </span>
      </header>
      <main id="main">{children}</main>
    </>
  );
}

function Inside({ caller, logOut }: { caller: Caller; logOut: () => Promise<void> }) {
  const route = useRoute();
  const session: Session = { caller, logOut, ...useProducts() };
  const here = route[0] ?? "";
  const menu = (
    <nav aria-label={t("menu")}>
      {sectionsFor(caller).map(([name, key]) => (
        <a key={name} href={name ? linkTo(name) : "#/"} aria-current={here === name ? "page" : undefined}>
          {t(key)}
        </a>
      ))}
    </nav>
  );
  const user = (
    <>
      <span class="who" title={t("role_of", { role: caller.role })}>
        {caller.name}
      </span>
      <button type="button" class="plain" onClick={() => void logOut()}>
        {t("log_out")}
      </button>
    </>
  );
  return (
    <SessionProvider value={session}>
      <Shell menu={menu} user={user}>
        <Page key={route.join("/")} route={route} caller={caller} />
      </Shell>
    </SessionProvider>
  );
}

function App() {
  useLanguage();
  const { login, logIn, logOut } = useLogin();
  if (login.state === "asking") return null;
  if (login.state === "out")
    return (
      <Shell>
        <LoginPage logIn={logIn} />
      </Shell>
    );
  return <Inside caller={login.caller} logOut={logOut} />;
}

render(<App />, document.getElementById("app") as HTMLElement);
