// Drives Debian's Chromium by Playwright, for browser.py. It reads requests, one JSON object a line: {id, method, given}; it answers
// each by {id, value} or {id, error}; when there are no more it closes the browser.
//
//   node browser_driver.mjs '{"chromium": "/usr/bin/chromium", "modules": "…/node_modules", "folder": "…", "wait_ms": …, "run_ms": …}'
//
// Chromium is started here and Playwright connects to it without its defaults: by its own launch a page would never be hidden, never
// be kept for going back, and have no scroll bars.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const settings = JSON.parse(process.argv[2]);
const { chromium } = createRequire(`${settings.modules}/`)("playwright-core");

const switches = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-US", "--no-proxy-server", "--no-first-run",
  "--no-default-browser-check", "--disable-default-apps", "--disable-sync", "--disable-extensions", "--disable-background-networking",
  "--disable-component-update", "--disable-client-side-phishing-detection", "--disable-search-engine-choice-screen",
  "--metrics-recording-only", "--password-store=basic", "--force-color-profile=srgb", "--remote-debugging-port=0",
];
const endMs = 10_000, lookMs = 1000;

async function started() {
  const profile = `--user-data-dir=${settings.folder}/profile`;
  const child = spawn(settings.chromium, [...switches, profile, "about:blank"], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const address = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => reject(new Error(`Chromium has ended with ${status}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      console.error(line);
      const said = /^DevTools listening on (\S+)$/.exec(line);
      if (said) resolve(said[1]);
    });
  });
  return { child, browser: await chromium.connectOverCDP(address, { noDefaults: true, isLocal: true }) };
}

const { child, browser } = await started();
const whole = await browser.newBrowserCDPSession();
const context = browser.contexts()[0];
context.setDefaultTimeout(settings.wait_ms);

// What is held against the pages, until somebody asks.
const seen = { errors: [], hosts: new Set(), violations: [] };

function hear(url) {
  const { protocol, host } = new URL(url);
  if (["http:", "https:", "ws:", "wss:"].includes(protocol)) seen.hosts.add(host);
}

// Before the page's own scripts.
const watchPolicy = `document.addEventListener("securitypolicyviolation", (event) =>
  tellViolation(event.violatedDirective + " " + event.blockedURI + " " + event.sample))`;

// The tabs, the one that is looked at last; how each is looked at.
const tabs = [];
const look = { width: 1280, height: 900, mobile: false, scheme: "light" };
const page = () => tabs.at(-1).page;

async function applyLook({ page, session }) {
  const { width, height, mobile, scheme } = look;
  await session.send("Emulation.setDeviceMetricsOverride", { width, height, mobile, deviceScaleFactor: 1 });
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
}

async function addTab(page) {
  page.on("websocket", (socket) => hear(socket.url()));
  const tab = { page, session: await context.newCDPSession(page) };
  tabs.push(tab);
  await applyLook(tab);
}

async function prepare() {
  context.on("request", (request) => hear(request.url()));
  context.on("console", (message) => {
    if (message.type() === "error") seen.errors.push(`${message.location().url} - ${message.text()}`);
  });
  context.on("weberror", (failure) => seen.errors.push(`${failure.page()?.url()} - ${failure.error()}`));
  await context.exposeBinding("tellViolation", (_, words) => void seen.violations.push(words));
  await context.addInitScript(watchPolicy);
  mkdirSync(`${settings.folder}/downloads`, { recursive: true });
  await whole.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: `${settings.folder}/downloads` });
  await addTab(context.pages()[0] ?? (await context.waitForEvent("page")));
  await context.tracing.start(); // without snapshots of the page: a third of the time goes into them
}

// --- what is on the page ------------------------------------------------------------------------------

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const exactly = (text) => new RegExp(`^\\s*${escaped(text).replace(/\s+/g, "\\s+")}\\s*$`);

/** The visible control that says the text or is named so, in an open dialog if there is one. */
function control({ text, tag, within }) {
  const open = "dialog[open]";
  const roots = `:is(${open}, body:not(:has(${open})):is(${within}), body:not(:has(${open})) :is(${within}))`;
  const all = page().locator(`${roots} :is(button, a, summary, label):is(${tag})`).filter({ visible: true });
  return all.filter({ hasText: exactly(text) }).or(all.and(page().locator(`[aria-label=${JSON.stringify(text)}]`))).first();
}

function field({ label }) {
  const name = page().locator("span:first-child", { hasText: exactly(label) });
  return page().locator("label.field").filter({ visible: true }).filter({ has: name }).locator("input, select, textarea").first();
}

const places = { control, field, css: ({ css }) => page().locator(css).first() };

/** A place is looked for once and then tried until it takes a click: not when a dialog has come over it meanwhile. So it is looked for
 * anew, by and by, until it would take one. The click itself is done once: one that ran out of time may have been heard by the page
 * already. noWaitAfter: what the page does then is not waited for. */
async function click(place) {
  for (const end = Date.now() + settings.wait_ms; ; ) {
    try {
      await place.click({ timeout: lookMs, trial: true });
      break;
    } catch (error) {
      if (error.name !== "TimeoutError" || Date.now() > end) throw error;
    }
  }
  await place.click({ noWaitAfter: true });
}

const deeds = {
  click,
  wait: (place) => place.waitFor(),
  is_enabled: (place) => place.isEnabled(),
  value: (place) => place.inputValue(),
  /** As people do. */
  type: async (place, text) => {
    await click(place);
    await place.press("Control+A");
    await place.press("Delete");
    await page().keyboard.type(text);
  },
  choose: (place, text) => place.selectOption({ label: text }),
  /** The place is a button that asks for files. */
  choose_files: async (place, paths) => {
    const asked = page().waitForEvent("filechooser");
    await click(place);
    await (await asked).setFiles(paths);
  },
  drop_files: async (place, files) => {
    await place.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await place.boundingBox();
    const at = { x: x + width / 2, y: y + height / 2, data: { items: [], files, dragOperationsMask: 1 } };
    for (const type of ["dragEnter", "dragOver", "drop"]) await tabs.at(-1).session.send("Input.dispatchDragEvent", { type, ...at });
  },
};

const textOf = (css) => [...document.querySelectorAll(css)].map((element) => element.innerText).join("\n");
const isThere = ([text, css, wanted]) =>
  [...document.querySelectorAll(css)].map((element) => element.innerText).join("\n").includes(text) === wanted;

// --- what can be asked for ----------------------------------------------------------------------------

const methods = {
  async visit({ url, cookies }) {
    await page().goto("about:blank");
    await context.clearCookies();
    await tabs.at(-1).session.send("Storage.clearDataForOrigin", { origin: url, storageTypes: "all" });
    const kept = Object.entries(cookies).map(([name, value]) => ({ name, value, url, httpOnly: true, sameSite: "Strict" }));
    await context.addCookies(kept);
    methods.seen();
    await page().goto(`${url}/`);
  },
  goto: ({ url }) => page().goto(url).then(() => null),
  reload: () => page().reload().then(() => null),
  async add_tab({ url }) {
    await addTab(await context.newPage());
    await page().goto(url);
  },
  async close_tab() {
    await tabs.pop().page.close();
    await page().bringToFront();
  },
  async look(changes) {
    Object.assign(look, changes);
    await applyLook(tabs.at(-1));
  },
  screenshot: ({ path }) => page().screenshot({ path }).then(() => null),
  run: ({ script, given }) => page().evaluate(new Function("given", `return (function () {${script}\n}).apply(null, given)`), given),
  text: ({ css }) => page().evaluate(textOf, css),
  see: ({ text, css, wanted }) => page().waitForFunction(isThere, [text, css, wanted]).then(() => null),
  act: ({ deed, place, given }) => deeds[deed](places[place.kind](place), given),
  type: ({ text }) => page().keyboard.type(text),
  press: ({ key }) => page().keyboard.press(key),
  /** What is held against the pages since it was asked for. */
  seen() {
    const { errors, hosts, violations } = seen;
    Object.assign(seen, { errors: [], hosts: new Set(), violations: [] });
    return { errors, hosts: [...hosts], violations };
  },
  /** From here on; what was recorded before is forgotten, or kept with a picture of the page. */
  async record({ keep }) {
    await context.tracing.stopChunk(keep ? { path: `${keep}.zip` } : {});
    await context.tracing.startChunk();
    if (keep) await page().screenshot({ path: `${keep}.png` });
  },
};

function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${settings.run_ms} ms`)), settings.run_ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function answer({ id, method, given }) {
  try {
    const value = await inTime(methods[method](given));
    return { id, value: value ?? null };
  } catch (failure) {
    return { id, error: String(failure.message ?? failure) };
  }
}

async function close() {
  const ended = once(child, "exit");
  const timer = setTimeout(() => process.kill(-child.pid, "SIGKILL"), endMs);
  await whole.send("Browser.close").catch(() => {});
  await ended;
  clearTimeout(timer);
}

// A Ctrl-C is for the tests: they end their input.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
await prepare();
for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await answer(JSON.parse(line))));
await close();
process.exit(0);
