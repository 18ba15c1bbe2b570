// The texts of the console, a table for each language. Both have the same keys: the types and a test say so.
import { useEffect, useState } from "preact/hooks";
import en from "./texts/en.json";
import zh from "./texts/zh.json";
import type { Role } from "./api";

export type Key = keyof typeof en;
export type Language = "en" | "zh";

const tables: Record<Language, Record<Key, string>> = { en, zh };
const kept = "ferry-language";
const watchers = new Set<() => void>();

function first(): Language {
  const chosen = localStorage.getItem(kept) ?? navigator.language;
  return chosen.toLowerCase().startsWith("zh") ? "zh" : "en";
}

let language: Language = first();
document.documentElement.lang = language === "zh" ? "zh-CN" : "en";

export function currentLanguage(): Language {
  return language;
}

export function setLanguage(to: Language): void {
  language = to;
  localStorage.setItem(kept, to);
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
  for (const watcher of watchers) watcher();
}

/** Draws the component again when the language changes. */
export function useLanguage(): Language {
  const [now, setNow] = useState(language);
  useEffect(() => {
    const watcher = () => setNow(language);
    watchers.add(watcher);
    watcher(); // it may have changed since this was drawn
    return () => void watchers.delete(watcher);
  }, []);
  return now;
}

/** The text for a key; {name} is replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return tables[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Is there a text for a word that comes from the platform, such as a state or the code of an error? */
export function known(key: string): key is Key {
  return key in tables.en;
}

export function stateText(state: string): string {
  const key = `state.${state}`;
  return known(key) ? t(key) : state;
}

export function roleText(role: Role): string {
  return t(`role.${role}`);
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytesText(bytes: number): string {
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}

export function numberText(value: number): string {
  return value.toLocaleString(document.documentElement.lang);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** "3 minutes ago": how long before now it was. A time that is ahead, by another clock, counts as now. */
export function agoText(time: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  const [unit, length] = steps.find(([, length]) => seconds >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" }).format(-Math.floor(seconds / length), unit);
}

export function timeText(time: string | null): string {
  if (!time) return "–";
  return new Date(time).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

/** A day of UTC. */
export function dayText(time: string): string {
  return new Date(time).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium", timeZone: "UTC" });
}

/** A time that passes: "90 s", "15 min", "2 h", "30 d". */
export function secondsText(seconds: number): string {
  const steps: [number, string][] = [[86400, "d"], [3600, "h"], [60, "min"]];
  const [size, unit] = steps.find(([step]) => seconds >= step && seconds % step === 0) ?? [1, "s"];
  return `${numberText(seconds / size)} ${unit}`;
}
