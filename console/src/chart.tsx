// Numbers over time as bars of parts: shares of a whole, or how much of the most. The same numbers stand in a table for those who do
// not see the bars.
import { numberText, t, type Key } from "./texts";

/** The class of its colour, and what it is called. */
export type Part = readonly [colour: string, name: Key];

/** One value for each part. */
export interface Bar {
  label: string;
  values: number[];
}

export const outcomes: readonly Part[] = [
  ["good", "chart_good"],
  ["bad", "chart_bad"],
  ["open", "chart_open"],
];

const height = 100;
const step = 24;
const gap = 4;
const atLeast = 24; // bars have room: a few are no walls

interface Look {
  parts: readonly Part[];
  text: (value: number) => string;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

function BarColumn({ bar, at, whole, look }: { bar: Bar; at: number; whole: number; look: Look }) {
  let below = 0;
  return (
    <g>
      <title>{[bar.label, ...look.parts.map(([, name], index) => `${t(name)}: ${look.text(bar.values[index] ?? 0)}`)].join(", ")}</title>
      {look.parts.map(([colour], index) => {
        const size = (height * (bar.values[index] ?? 0)) / Math.max(whole, 1);
        below += size;
        return <rect key={colour} class={colour} x={at * step + gap / 2} y={height - below} width={step - gap} height={size} />;
      })}
    </g>
  );
}

function Numbers({ caption, bars, look }: { caption: string; bars: Bar[]; look: Look }) {
  return (
    <details>
      <summary>{t("chart_table")}</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
        <table>
          <caption class="hidden">{caption}</caption>
          <thead>
            <tr>
              <th scope="col">{t("chart_what")}</th>
              {look.parts.map(([colour, name]) => (
                <th key={colour} scope="col" class="narrow-column">
                  {t(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {bars.map((bar, index) => (
              <tr key={index}>
                <th scope="row">{bar.label}</th>
                {look.parts.map(([colour], part) => (
                  <td key={colour}>{look.text(bar.values[part] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

interface ChartProps {
  caption: string;
  bars: Bar[];
  parts?: readonly Part[];
  /** Bars are as high as they are much; else each is a whole, and its parts are shares. */
  amounts?: boolean;
  text?: (value: number) => string;
}

export function Chart({ caption, bars, parts = outcomes, amounts = false, text = numberText }: ChartProps) {
  const look = { parts, text };
  const most = Math.max(0, ...bars.map((bar) => sum(bar.values)));
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${Math.max(bars.length, atLeast) * step} ${height}`} preserveAspectRatio="none" role="img" aria-label={caption}>
        {bars.map((bar, at) => (
          <BarColumn key={at} bar={bar} at={at} whole={amounts ? most : sum(bar.values)} look={look} />
        ))}
      </svg>
      <figcaption>
        {parts.map(([colour, name]) => (
          <span key={colour} class={`legend ${colour}`}>
            {t(name)}
          </span>
        ))}
        {amounts && <span class="most">{t("chart_most", { most: text(most) })}</span>}
      </figcaption>
      <Numbers caption={caption} bars={bars} look={look} />
    </figure>
  );
}
