import type { ComponentChildren } from "preact";
import { all, failuresIn, get, taskStates, type Counts, type Deployment, type Page, type Status, type Upload } from "../api";
import type { Quota } from "../admin";
import { Chart, type Bar } from "../chart";
import { topics } from "../events";
import { useOne } from "../list";
import { Failure, Heading, Refresh } from "../parts";
import { linkTo } from "../route";
import { useSession } from "../session";
import { numberText, stateText, t, timeText, type Key } from "../texts";
import { NoProducts } from "./choice";
import { StatisticsSection } from "./statistics";

const newest = 50; // deployments that are looked at
const failedUploads = 5;
const expiryWarnMs = 30 * 86400 * 1000;
const totals: [string, Key, string][] = [
  ["devices", "devices", "devices"],
  ["resources", "resources", "resources"],
  ["deployments", "deployments", "deployments"],
  ["downloads_open", "downloads_open", "deployments"],
  ["uploads_open", "uploads_open", "uploads"],
];

interface Overview {
  status: Status | null;
  quotas: Quota[];
  deployments: Deployment[];
  uploads: Upload[];
}

async function readOverview(ofAll: boolean): Promise<Overview> {
  const [status, quotas, deployments, uploads] = await Promise.all([
    ofAll ? get<Status>("/status") : null,
    ofAll ? get<Page<Quota>>("/quota", { limit: 250 }) : null,
    all<Deployment>("/deployments", { counts: true }, newest),
    all<Upload>("/uploads", { state: "failed" }, failedUploads),
  ]);
  return { status, quotas: quotas?.items ?? [], deployments: deployments.items, uploads: uploads.items };
}

function Totals({ status }: { status: Status }) {
  return (
    <ul class="tiles">
      {status.devices_connected !== null && (
        <li>
          <a href={linkTo("devices")}>
            <b>{numberText(status.devices_connected)}</b> {t("devices_online")}
          </a>
        </li>
      )}
      {totals.map(([name, key, to]) => (
        <li key={name}>
          <a href={linkTo(to)}>
            <b>{numberText(status.totals[name] ?? 0)}</b> {t(key)}
          </a>
        </li>
      ))}
    </ul>
  );
}

function barOf(one: Deployment): Bar {
  const { done = 0, total = 0 } = one.counts ?? {};
  const bad = failuresOf(one) + (one.counts?.cancelled ?? 0);
  return { label: `${timeText(one.created_at)}: ${one.resource} (${one.product})`, values: [done, bad, total - done - bad] };
}

/** Of each deployment, the oldest first. */
function Success({ deployments }: { deployments: Deployment[] }) {
  const bars = deployments.filter((one) => (one.counts?.total ?? 0) > 0).map(barOf).reverse();
  if (bars.length === 0) return null;
  return (
    <section class="deployments">
      <h2>{t("deployments_success")}</h2>
      <Chart caption={t("success_of", { count: bars.length })} bars={bars} />
    </section>
  );
}

function sumCounts(deployments: Deployment[]): Partial<Counts> {
  const sum: Partial<Counts> = {};
  for (const { counts } of deployments)
    for (const state of taskStates) sum[state] = (sum[state] ?? 0) + (counts?.[state] ?? 0);
  return sum;
}

function TasksByState({ deployments }: { deployments: Deployment[] }) {
  const sum = sumCounts(deployments);
  return (
    <section>
      <h2>{t("tasks_by_state")}</h2>
      <p class="note">{t("tasks_by_state_of", { count: newest })}</p>
      <ul class="tiles small">
        {taskStates.map((state) => (
          <li key={state}>
            <b>{numberText(sum[state] ?? 0)}</b> {stateText(state)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function platformTroubles(status: Status | null): ComponentChildren[] {
  if (!status) return [];
  const troubles: ComponentChildren[] = [];
  if (!status.healthy) troubles.push(t("trouble_health", { health: status.health }));
  if (!status.broker_connected) troubles.push(t("trouble_broker"));
  const parked = status.totals.webhooks_parked ?? 0;
  if (parked > 0) troubles.push(<a href={linkTo("webhooks")}>{t("trouble_webhooks", { count: parked })}</a>);
  const expires = status.certificate_expires;
  if (expires && Date.parse(expires) - Date.now() < expiryWarnMs)
    troubles.push(t("trouble_certificate", { time: timeText(expires) }));
  return troubles;
}

function failuresOf(deployment: Deployment): number {
  return deployment.counts ? failuresIn(deployment.counts) : 0;
}

function deploymentTroubles(deployments: Deployment[]): ComponentChildren[] {
  const failed = deployments.filter((one) => one.state !== "cancelled" && failuresOf(one) > 0);
  const paused = deployments.filter((one) => one.state === "paused");
  const link = (one: Deployment, text: string) => <a href={linkTo("deployments", one.id)}>{text}</a>;
  return [
    ...failed.map((one) =>
      link(one, t("trouble_failed", { count: numberText(failuresOf(one)), resource: one.resource, product: one.product })),
    ),
    ...paused.map((one) => link(one, t("trouble_paused", { resource: one.resource, product: one.product }))),
  ];
}

const nearlyFull = 0.9;

function quotaTroubles(quotas: Quota[]): ComponentChildren[] {
  const full = (used: number, limit: number) => limit > 0 && used >= nearlyFull * limit;
  return quotas
    .filter(({ used, limits }) => full(used.bytes, limits.product_bytes) || full(used.files, limits.product_files))
    .map(({ product }) => t("trouble_quota", { product }));
}

function uploadTroubles(uploads: Upload[]): ComponentChildren[] {
  return uploads.map((one) => (
    <a href={linkTo("devices", one.product, one.device, "uploads")}>
      {t("trouble_upload", { name: one.name, device: `${one.product}/${one.device}` })}
    </a>
  ));
}

function Attention({ overview }: { overview: Overview }) {
  const troubles = [
    ...platformTroubles(overview.status),
    ...quotaTroubles(overview.quotas),
    ...deploymentTroubles(overview.deployments),
    ...uploadTroubles(overview.uploads),
  ];
  return (
    <section>
      <h2>{t("attention")}</h2>
      {troubles.length === 0 ? <p>{t("attention_none")}</p> : null}
      <ul class="troubles">
        {troubles.map((trouble, index) => (
          <li key={index}>{trouble}</li>
        ))}
      </ul>
    </section>
  );
}

export function OverviewPage() {
  const { caller, products } = useSession();
  const ofAll = caller.products === null; // else the state of the platform is not the user's to see
  const { value, error, refresh } = useOne("overview", () => readOverview(ofAll), topics);
  return (
    <>
      <Heading title={t("overview")}>
        <Refresh onClick={refresh} />
      </Heading>
      <Failure error={error} retry={refresh} />
      {value?.status?.totals.products === 0 && products.length === 0 ? <NoProducts /> : null}
      {value && <Attention overview={value} />}
      {value?.status && <Totals status={value.status} />}
      {value && <StatisticsSection />}
      {value && <Success deployments={value.deployments} />}
      {value && <TasksByState deployments={value.deployments} />}
    </>
  );
}
