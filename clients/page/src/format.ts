// Numbers, times and rarities in words.

import type { Drift } from "surmise";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A number as JavaScript writes it, with minus signs that are as wide as a digit. */
export const minus = (text: string): string => text.replaceAll("-", "−");

export const count = (x: number | null | undefined): string => (x === null || x === undefined ? "–" : minus(whole.format(x)));

/** A number with so many decimals. */
export const fixed = (x: number | null | undefined, digits: number): string => (x === null || x === undefined || !Number.isFinite(x) ? "–" : minus(x.toFixed(digits).replace(/^-(0(?:\.0+)?)$/, "$1")));

/** A number with as many digits as it is worth: 0.0123, 4.57, 132, 1,204. */
export function num(x: number | null | undefined, digits = 3): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size >= 1e6 || (size < 1e-4 && size > 0)) return minus(x.toPrecision(digits).replace("e+", "e"));
  if (size >= 10 ** (digits - 1)) return count(Math.round(x));
  return minus(String(Number(x.toPrecision(digits))));
}

export const bits = (x: number | null | undefined): string => fixed(x, 2);

export const percent = (x: number | null | undefined, digits = 0): string =>
  x === null || x === undefined || !Number.isFinite(x) ? "–" : `${fixed(x * 100, digits)} %`;

export function rate(x: number): string {
  if (x <= 0) return "0";
  if (x < 10) return x.toFixed(1);
  return whole.format(Math.round(x));
}

export function bytes(x: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (x >= 1024 && unit < units.length - 1) {
    x /= 1024;
    unit++;
  }
  return `${unit === 0 || x >= 100 ? x.toFixed(0) : x.toFixed(1)} ${units[unit]}`;
}

const SPANS: [string, number][] = [
  ["year", 365.25 * 86400],
  ["month", 30.44 * 86400],
  ["week", 7 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** A span of time in its largest fitting unit: "3 days". */
export function span(seconds: number): string {
  for (const [name, length] of SPANS) {
    if (seconds >= length * (name === "second" ? 0 : 1.5) || (name !== "month" && seconds >= length && seconds < length * 1.05)) {
      const n = Math.round(seconds / length);
      return `${whole.format(n)} ${name}${n === 1 ? "" : "s"}`;
    }
  }
  return "0 seconds";
}

/** What is longer is told as that: nobody has seen it, and a forecast of it means that it cannot be told. */
const LONG_S = 100 * 365.25 * 86400;

/** A gap between two events: "40 ms", "3 s", "2 hours". */
export const gap = (seconds: number, digits = 3): string => (seconds > LONG_S ? "over 100 years" : seconds < 1 ? `${num(seconds * 1000, digits)} ms` : seconds < 90 || digits > 3 ? `${num(seconds, digits)} s` : span(seconds));

/** Two edges with as many digits as it takes to tell one from the other. */
export function between(low: number | undefined, high: number | undefined, say: (x: number, digits?: number) => string = num, link = " – "): string {
  if (low === undefined || high === undefined) return "–";
  for (let digits = 3; digits <= 7; digits++) {
    const [a, b] = [say(low, digits), say(high, digits)];
    if (a !== b) return `${a}${link}${b}`;
  }
  const both = say(low);
  return both.startsWith("over ") ? both : `exactly ${both}`;
}

/** The name of a field for people: the time between events is a field that nobody has named. */
export const fieldWords = (name: string, kind: string | undefined, hasTime = true): string => (kind === "gap" ? `time between ${hasTime ? "events" : "arrivals"}` : name);

/** How long something takes that is mostly brief: "12 µs", "4.2 ms". */
export const brief = (seconds: number): string => (seconds < 1e-3 ? `${num(seconds * 1e6)} µs` : gap(seconds));

/** Two digits that people read at a glance: 92,820 becomes 93,000. */
export function rough(x: number): string {
  if (x < 10) return String(Math.round(x));
  const step = 10 ** (Math.floor(Math.log10(x)) - 1);
  return whole.format(Math.round(x / step) * step);
}

/** How rare something is, in words. */
export function rarity(events: number, seconds?: number): string {
  const often = events >= 1e9 ? "rarer than once in a billion events" : `once in ${rough(events)} events`;
  if (seconds === undefined || !Number.isFinite(seconds)) return often;
  if (seconds > LONG_S) return often;
  return `${often}, about every ${every(seconds)}`;
}

const every = (seconds: number): string => span(seconds).replace(/^1 /, "");

export function ago(iso: string | number | null | undefined, now = Date.now()): string {
  const at = timeOf(iso);
  if (at === null) return "–";
  const seconds = (now - at) / 1000;
  if (seconds < 0) return seconds > -5 ? "now" : `in ${span(-seconds)}`;
  return seconds < 5 ? "now" : `${span(seconds)} ago`;
}

/** The same in a few characters: "47 s". */
export function short(iso: string | number | null | undefined, now = Date.now()): string {
  const at = timeOf(iso);
  if (at === null) return "";
  const seconds = Math.max(0, (now - at) / 1000);
  for (const [unit, length] of [["y", 365.25 * 86400], ["d", 86400], ["h", 3600], ["min", 60]] as const) {
    if (seconds >= length * 1.5) return `${count(seconds / length)} ${unit}`;
  }
  return `${count(seconds)} s`;
}

export function timeOf(iso: string | number | null | undefined): number | null {
  if (iso === null || iso === undefined) return null;
  if (typeof iso === "number") return iso * 1000;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : at;
}

/** The time of day, and the day before it unless it is today. */
export function clock(iso: string | number | null | undefined, now = Date.now()): string {
  const at = timeOf(iso);
  if (at === null) return "";
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return isToday ? new Date(at).toLocaleTimeString(undefined, { hour12: false }) : moment(iso);
}

/** A moment as people of this browser write it, to the second. */
export function moment(iso: string | number | null | undefined): string {
  const at = timeOf(iso);
  if (at === null) return "–";
  const date = new Date(at);
  const day = date.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
  return `${day}, ${date.toLocaleTimeString(undefined, { hour12: false })}`;
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** What is unusual, in words; `subject` is the field that it is in, or the key, if it is one. */
export function kindWords(kind: string, subject?: string, came = false, open = true): string {
  const of = subject && subject !== "value" ? ` in ${subject}` : "";
  switch (kind) {
    case "value": return `Unexpected value${of}`;
    case "new": return `Never seen before${of}`;
    case "run": return `A run of unusual events${of}`;
    case "level": return `The level has moved${of}`;
    case "spread": return `The scatter has changed${of}`;
    case "flat": return of ? `${subject} stands still` : "It stands still";
    case "rate": return "Events come at another rate";
    case "missing": return came ? "An event came late" : open ? "An event is overdue" : "An event was overdue";
    case "end": return subject === undefined ? "A key ended, or went on, out of turn" : `${subject} was unusual as a whole`;
    case "silent": return `${subject ?? "A key"} fell silent`;
    default: return kind;
  }
}

/** The key or the field that an incident is about, if it is about one. */
export const subjectOf = ({ key, field }: { key?: string; field?: string }): string | undefined => key ?? field;

/** The same in a word or two. */
export const kindShort = (kind: string, came = true): string => (kind === "missing" && !came ? "overdue" : (KINDS_SHORT[kind] ?? kind));

const KINDS_SHORT: Record<string, string> = {
  value: "odd value", new: "never seen", run: "odd run", level: "level moved", spread: "other scatter", flat: "stands still", rate: "other rate", missing: "came late", end: "out of turn", silent: "fell silent",
};

/** A lasting change, in words. */
export function changeWords(d: Pick<Drift, "detector" | "field" | "bits_before" | "bits_after" | "level_before" | "level_after">): string {
  const [before, after] = [d.level_before ?? 0, d.level_after ?? 0];
  switch (d.detector) {
    case "level": return `the level of ${d.field} moved from ${num(before)} to ${num(after)}`;
    case "rate": return `events come ${after < before ? "faster" : "more slowly"}, typically one in ${gap(after)}, which was ${gap(before)}`;
    case "loss": return `${d.field ?? "it"} is harder to predict, at ${bits(d.bits_after)} bits per event, which were ${bits(d.bits_before)}`;
  }
}

/** The same in a word or two. */
export function changeShort({ detector, field, level_before, level_after }: Pick<Drift, "detector" | "field" | "level_before" | "level_after">): string {
  switch (detector) {
    case "level": return `${field} moved`;
    case "rate": return (level_after ?? 0) < (level_before ?? 0) ? "faster" : "slower";
    case "loss": return field === undefined ? "less predictable" : `${field} less predictable`;
  }
}

/** Whether an incident is over, in words. Of what has changed for good, such as a level, only the surprise is over. */
export function beganWords(kind: string, open: boolean, isNoticed = false, isLasting = false): string {
  const began = isNoticed ? "noticed" : "began";
  if (open) return `goes on, ${began}`;
  return `${isLasting || ["level", "spread", "silent"].includes(kind) ? "usual by now" : "over"}, ${began}`;
}
