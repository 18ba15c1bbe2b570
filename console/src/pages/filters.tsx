// The head of a list of all products: its name, and the choice of product and state.
import type { ComponentChildren } from "preact";
import { Heading, Refresh, Select } from "../parts";
import { stateText, t } from "../texts";
import { ProductFilter } from "./choice";

interface FilterHeadProps {
  title: string;
  refresh: () => void;
  product: string;
  setProduct: (product: string) => void;
  state: string;
  states: readonly string[];
  setState: (state: string) => void;
  /** More filters. */
  children?: ComponentChildren;
}

export function FilterHead({ title, refresh, product, setProduct, state, states, setState, children }: FilterHeadProps) {
  return (
    <>
      <Heading title={title}>
        <Refresh onClick={refresh} />
      </Heading>
      <div class="filters">
        <ProductFilter value={product} set={setProduct} />
        <StateFilter state={state} states={states} set={setState} />
        {children}
      </div>
    </>
  );
}

interface StateFilterProps {
  state: string;
  states: readonly string[];
  set: (state: string) => void;
}

export function StateFilter({ state, states, set }: StateFilterProps) {
  const options: [string, string][] = [["", t("any_state")], ...states.map((one): [string, string] => [one, stateText(one)])];
  return <Select label={t("state")} value={state} options={options} set={set} />;
}
