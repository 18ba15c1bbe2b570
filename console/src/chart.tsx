// Shares over time as bars: what went well, what failed, what is open. The same numbers stand in a table for those who do not see it.
import { numberText, t } from "./texts";

export interface Bar {
  label: string;
  good: number;
  bad: number;
  open: number;
}

const height = 100;
const step = 24;
const gap = 4;
const atLeast = 24; // bars have room: a few are no walls
const parts = [
  ["good", "chart_good"],
  ["bad", "chart_bad"],
  ["open", "chart_open"],
] as const;

function BarColumn({ bar, at }: { bar: Bar; at: number }) {
  const total = Math.max(bar.good + bar.bad + bar.open, 1);
  let below = 0;
  return (
    <g>
      <title>{[bar.label, ...parts.map(([part, key]) => `${t(key)}: ${numberText(bar[part])}`)].join(", ")}</title>
      {parts.map(([part]) => {
        const size = (height * bar[part]) / total;
        below += size;
        return <rect key={part} class={part} x={at * step + gap / 2} y={height - below} width={step - gap} height={size} />;
      })}
    </g>
  );
}

function Numbers({ caption, bars }: { caption: string; bars: Bar[] }) {
  return (
    <details>
      <summary>{t("chart_table")}</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
        <table>
          <caption class="hidden">{caption}</caption>
          <thead>
            <tr>
              <th scope="col">{t("chart_what")}</th>
              {parts.map(([part, key]) => (
                <th key={part} scope="col" class="narrow-column">
                  {t(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {bars.map((bar, index) => (
              <tr key={index}>
                <th scope="row">{bar.label}</th>
                {parts.map(([part]) => (
                  <td key={part}>{numberText(bar[part])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

export function Chart({ caption, bars }: { caption: string; bars: Bar[] }) {
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${Math.max(bars.length, atLeast) * step} ${height}`} preserveAspectRatio="none" role="img" aria-label={caption}>
        {bars.map((bar, at) => (
          <BarColumn key={at} bar={bar} at={at} />
        ))}
      </svg>
      <figcaption>
        {parts.map(([part, key]) => (
          <span key={part} class={`legend ${part}`}>
            {t(key)}
          </span>
        ))}
      </figcaption>
      <Numbers caption={caption} bars={bars} />
    </figure>
  );
}
