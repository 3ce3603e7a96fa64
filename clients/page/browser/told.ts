// What the page should show of answers of the HTTP interface: the texts of each table and list, from the answers alone.

import type { AlarmEvent, Field, HistoryAnswer, LearnerDescription, Prediction, StatusAnswer, StreamRow } from "surmise";
import { symbolText } from "../src/eventtext";
import { predictorWords } from "../src/predictors";
import { expertsMax } from "../src/quality";
import { between, bits, changeShort, changeWords, count, fieldWords, gap, kindShort, num, percent, plural, rate } from "../src/format";

/** A probability at the end of a bar. */
const bar = (p: number): string => `${(p * 100).toFixed(p < 0.1 || (p >= 0.99 && p < 0.9995) ? 1 : 0)} %`;

/** The columns of a row in the list of streams. */
export function row(row: StreamRow) {
  const known = (row.trend ?? []).filter((bits) => bits !== null).length;
  const isOdd = row.last_incident !== null && row.last_incident.phase !== "ended";
  return {
    stream: row.stream, state: row.failed ? "does not learn any more" : isOdd ? "something is odd" : row.events_per_second > 0 ? "learning" : "no event in the latest ten seconds", rate: rate(row.events_per_second),
    bits: bits(row.recent_bits), spark: known < 2 ? 0 : known, skill: percent(row.skill), incident: row.last_incident ? kindShort(row.last_incident.kind, row.last_incident.began < row.offset) : "none",
    drift: row.drift ? `${changeShort(row.drift)}, ${plural(row.offset - row.drift.began, "event")} ago` : "none", events: count(row.offset),
  };
}

/** What is expected of each field: its heading, and the lines under it. */
export function expectations(prediction: Prediction, status: StatusAnswer): [string, string[]][] {
  const fields = status.schema.fields.map(({ name, kind }): [string, string[]] => {
    const expected = prediction.fields[name]!;
    if (expected.top) {
      const [likely, rest] = [expected.top.filter(([, p]) => p >= 0.0005), expected.top.filter(([, p]) => p < 0.0005)];
      const left = rest.reduce((sum, [, p]) => sum + p, expected.other);
      const other = left >= 0.0005 ? [`anything else ${bar(left)}`] : [];
      return [name, [...likely.map(([symbol, p]) => `${symbolText(symbol, kind)} ${bar(p)}`), ...other]];
    }
    const within = (low: string, high: string) => between(expected.quantiles![low], expected.quantiles![high], kind === "gap" ? gap : num);
    const missing = expected.missing ? [`Missing ${percent(expected.missing, 1)}`] : [];
    return [kind === "gap" ? "Time to the next event" : name, [`Median ${(kind === "gap" ? gap : num)(expected.median!)}`, `Half within ${within("0.25", "0.75")}`, `90 % within ${within("0.05", "0.95")}`, ...missing]];
  });
  return prediction.end === undefined ? fields : [...fields, ["The key", [`ends ${bar(prediction.end)}`, `goes on ${bar(1 - prediction.end)}`]]];
}

/** What a card says that was expected of the field that is odd in an incident, by the incident's own parts. */
export function expected({ field, parts }: AlarmEvent, fields: Field[]): string {
  const odd = parts.filter((part) => part.excess_bits > 3 && part.expected !== undefined && (part.expected.median !== undefined || part.expected.top!.length > 0));
  const { name, expected } = odd.find((part) => part.name === field) ?? odd[0]!;
  const label = name === "value" ? "Expected: " : `Expected of ${fieldWords(name, fields.find((known) => known.name === name)?.kind)}: `;
  const share = (p: number) => (p >= 0.995 ? "> 99 %" : p < 0.01 ? "< 1 %" : `${Math.round(p * 100)} %`);
  const cut = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
  if (expected!.top) return label + expected!.top.filter(([, p]) => p >= 0.005).slice(0, 3).map(([symbol, p]) => `${cut(symbolText(symbol))} (${share(p)})`).join(", ");
  const [low, high] = [expected!.quantiles!["0.05"]!, expected!.quantiles!["0.95"]!];
  return label + (low === high ? `exactly ${num(low)}` : `${num(expected!.median!)} (90 % within ${between(low, high, num, " and ")})`);
}

/** Where the diagram of probabilities has its dots, in parts of one, and what it says of itself. */
export function claims({ claims }: LearnerDescription): { dots: [string, string][]; label: string } | null {
  const decided = claims.filter(([, , n]) => n > 0);
  if (decided.length === 0) return null;
  return { dots: decided.map(([claimed, came, n]) => [(claimed / n).toFixed(3), (came / n).toFixed(3)]), label: `Reliability: ${decided.map(([claimed, came, n]) => `${percent(claimed / n)} claimed, ${percent(came / n)} came true`).join("; ")}` };
}

/** How many values fell into each tenth of what was forecast of each field. */
export const tenths = ({ fields }: LearnerDescription): [string, string[]][] =>
  fields.filter((field) => (field.tenths ?? []).length > 0).map(({ name, kind, tenths }) => [`${fieldWords(name, kind)}: where values fell in the forecast`, tenths!.map((part, i) => `${i * 10}–${i * 10 + 10} % ${percent(part, 1)}`)]);

/** The table of losses, row by row, its head first. A window that holds no fewer events than a longer one is left out. */
export function losses({ windows }: HistoryAnswer, status: StatusAnswer): string[][] {
  const shown = windows.filter((window, i) => window.events > 0 && windows.slice(i + 1).every((longer) => longer.events > window.events));
  const cell = (x: number | undefined) => (x === undefined ? "–" : x.toFixed(3).replace("-", "−"));
  const rows = [
    ["Predictor", ...shown.map(({ name, events }) => `${name[0]!.toUpperCase()}${name.slice(1)} ${plural(events, "event")}`)],
    ["surmise", ...shown.map((window) => cell(window.loss_bits_per_event))],
    ["Best simple predictor of each field", ...shown.map((window) => cell(window.simple_bits_per_event))],
  ];
  for (const { name: field, kind } of status.schema.fields) {
    const own = windows.at(-1)!.experts.filter(([name]) => name === field || name.startsWith(`${field}/`));
    const experts = own.filter(([name]) => name !== field).sort((a, b) => a[1] - b[1]).filter(([name], i) => i < expertsMax(status.schema.fields.length) || name === `${field}/network`);
    for (const name of own.length > 0 ? [field, ...experts.map(([name]) => name)] : []) {
      rows.push([name === field ? fieldWords(field, kind) : predictorWords(name.slice(field.length + 1)), ...shown.map((window) => cell(window.experts.find(([known]) => known === name)?.[1]))]);
    }
  }
  return rows;
}

/** The experts of each field by what counts now, the first first. */
export function weights({ fields }: LearnerDescription): [string, string[]][] {
  return fields.filter(({ experts }) => experts.some(({ weight }) => weight > 0)).map(({ name, kind, experts }) => [
    fieldWords(name, kind), [...experts].sort((a, b) => b.weight - a.weight).filter(({ weight }) => weight >= 0.002).slice(0, 8).map(({ name, weight }) => `${predictorWords(name)} ${bar(weight)}`)]);
}

/** Lasting changes, the latest first, networks and how many values are known. */
export function changes({ report }: StatusAnswer, { fields }: LearnerDescription): string[] {
  const drifts = report.drifts.slice(-6).reverse().map((drift) =>
    `${changeWords(drift).replace(/^./, (first) => first.toUpperCase())}, since event ${count(drift.began)}; noticed ${count(drift.noticed - drift.began)} event${drift.noticed - drift.began === 1 ? "" : "s"} later`);
  const networks = fields.filter(({ network }) => network && network.promotions > 0).map(({ name, kind, network: n }) =>
    `${fieldWords(name, kind)}: ${count(n!.promotions)} of ${count(n!.trials)} network${n!.trials === 1 ? "" : "s"} that were tried proved better, and took the place of the one before`);
  const known = Object.entries(report.fields).filter(([, { distinct }]) => distinct !== undefined).map(([name, { distinct, kind }]) => `${name}: ${count(distinct)} ${kind === "line" ? "template" : "different value"}${distinct === 1 ? "" : "s"} seen so far`);
  return [...(drifts.length > 0 ? drifts : ["No lasting change so far."]), ...networks, ...known];
}

/** What a fan of a field says, from the steps of a forecast. */
export function fan(field: string, steps: Prediction[] | { fields: Prediction["fields"] }[], came: number): string {
  const step = (at: number) => {
    const say = (level: string) => num(steps.at(at)!.fields[field]!.quantiles![level]);
    return `${say("0.5")}, half within ${say("0.25")} and ${say("0.75")}, 90 % within ${say("0.05")} and ${say("0.95")}`;
  };
  return `Forecast of ${field}, and what came. Next: ${step(0)}. ${steps.length} events ahead: ${step(-1)}. ${came} of these came.`;
}
