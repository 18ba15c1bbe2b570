// The choice of a product above a list.
import { Empty, Select } from "../parts";
import { useSession } from "../session";
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

export function NoProducts() {
  return <Empty title={t("no_products")} next={t("no_products_next")} command="ferryctl product add demo" />;
}
