// The choice of a product above a list, and adding one.
import { useState } from "preact/hooks";
import { post } from "../api";
import { FormDialog, TextField } from "../forms";
import { Empty, Select } from "../parts";
import { useMayChange, useSession } from "../session";
import { t } from "../texts";

export function ProductChoice() {
  const { product, products, choose } = useSession();
  return <Select label={t("product")} value={product} options={products.map((name) => [name, name])} set={choose} />;
}

/** For lists that may be of all products. */
export function ProductFilter({ value, set }: { value: string; set: (product: string) => void }) {
  const { products } = useSession();
  const options: [string, string][] = [["", t("all_products")], ...products.map((name): [string, string] => [name, name])];
  return <Select label={t("product")} value={value} options={options} set={set} />;
}

function AddProductDialog({ close }: { close: () => void }) {
  const { choose, readProducts } = useSession();
  const [name, setName] = useState("");
  const add = async () => {
    await post("/products", { name });
    choose(name);
    readProducts();
    close();
  };
  return (
    <FormDialog title={t("product_add")} button={t("product_add")} ready={name !== ""} act={add} close={close}>
      <TextField label={t("name")} value={name} set={(value) => setName(value.trim())} note={t("name_what")} />
    </FormDialog>
  );
}

/** For users of all products; others have those that they were given. */
export function AddProduct() {
  const mayChange = useMayChange();
  const { caller } = useSession();
  const [adding, setAdding] = useState(false);
  if (!mayChange || caller.products !== null) return null;
  return (
    <>
      <button type="button" onClick={() => setAdding(true)}>
        {t("product_add")}
      </button>
      {adding && <AddProductDialog close={() => setAdding(false)} />}
    </>
  );
}

export function NoProducts() {
  return (
    <>
      <Empty title={t("no_products")} next={t("no_products_next")} command="ferryctl product add demo" />
      <AddProduct />
    </>
  );
}
