import { useState } from "preact/hooks";
import { get, path, type Device, type Product } from "../api";
import { useList, useOne } from "../list";
import { Ago, Empty, Heading, Online, Refresh, Search, Select, State } from "../parts";
import { linkTo } from "../route";
import { useMayChange, useSession } from "../session";
import { Table, useSorting, type Column } from "../table";
import { numberText, t, timeText } from "../texts";
import { AddProduct, NoProducts, ProductChoice } from "./choice";
import { AddDevice } from "./device_dialogs";

/** How many there are, and how many of them are connected. */
function Counts({ product }: { product: string }) {
  const { value } = useOne(
    product,
    () => get<Product>(path("products", product)),
    ["device"],
    (one) => one.product === undefined || one.product === product,
  );
  const counts = value?.counts;
  if (!counts || counts.devices === 0) return null;
  const devices = numberText(counts.devices);
  return (
    <p class="note counts">
      {counts.online === null ? t("devices_in_all", { devices }) : t("devices_count_online", { devices, online: numberText(counts.online) })}
    </p>
  );
}

export function DevicesPage() {
  const { product, products, known, readProducts } = useSession();
  const [prefix, setPrefix] = useState("");
  const [tag, setTag] = useState("");
  const [online, setOnline] = useState("");
  const [adding, setAdding] = useState(false);
  const mayChange = useMayChange();
  const sorting = useSorting("name");
  const list = useList<Device>({
    path: "/devices",
    query: { product, name_prefix: prefix, tag, online, sort: sorting.sort },
    key: (device) => device.name,
    topic: "device",
    keyOf: (happened) => happened.device,
    concerns: (happened) => happened.product === product,
    one: sorting.sort.endsWith("last_seen_at") ? undefined : (name) => path("devices", product, name), // else a row moves
    ready: product !== "",
  });
  const columns: Column<Device>[] = [
    { title: t("device"), sorting, sort: "name", show: (one) => <a href={linkTo("devices", one.product, one.name)}>{one.name}</a> },
    { title: t("state"), width: "middle", show: (one) => <State state={one.disabled ? "disabled" : "enabled"} /> },
    { title: t("connection"), width: "middle", show: (one) => <Online device={one} /> },
    { title: t("last_seen"), sorting, sort: "-last_seen_at", wide: true, width: "middle", show: (one) => <Ago time={one.last_seen_at} /> },
    { title: t("tags"), wide: true, show: (one) => one.tags.join(" ") },
    { title: t("registered"), wide: true, width: "middle", show: (one) => timeText(one.created_at) },
  ];
  const refresh = () => {
    readProducts();
    list.refresh();
  };
  const none = prefix || tag || online ? (
    <Empty title={t("no_match")} next={t("no_match_next")} />
  ) : (
    <Empty title={t("no_devices")} next={t("no_devices_next")} command={`ferryctl device add ${product}/sensor-1 --device-info sensor-1.json`} />
  );
  return (
    <>
      <Heading title={t("devices")}>
        <Refresh onClick={refresh} />
        {product && <AddProduct />}
        {product && mayChange && (
          <button type="button" class="main" onClick={() => setAdding(true)}>
            {t("device_add")}
          </button>
        )}
      </Heading>
      {adding && <AddDevice product={product} close={() => setAdding(false)} added={list.refresh} />}
      {known && products.length === 0 ? <NoProducts /> : null}
      {product && (
        <>
          <div class="filters">
            <ProductChoice />
            <Search label={t("name_begins_with")} value={prefix} set={setPrefix} />
            <Search label={t("tag")} value={tag} set={setTag} />
            <Select
              label={t("connection")} value={online} set={setOnline}
              options={[["", t("all")], ["true", t("online")], ["false", t("offline")]]}
            />
          </div>
          <Counts product={product} />
          <Table caption={t("devices")} list={list} keyOf={(one) => one.name} columns={columns} empty={none} />
        </>
      )}
    </>
  );
}
