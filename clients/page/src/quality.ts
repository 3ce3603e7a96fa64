// How good the predictions are: losses by window of time, and claims held against what came.

import type { FieldReport, LearnerDescription, LossWindow, StatusAnswer, SurpriseList } from "surmise";
import { bar, bars } from "./bars";
import { h, svg } from "./dom";
import type { FieldChoice } from "./fieldchoice";
import { count, fieldWords, fixed, num, percent, plural, span } from "./format";
import { predictor } from "./predictors";
import { rareTable } from "./surprising";

const TITLES: Record<string, string> = { minute: "Minute", hour: "Hour", day: "Day", ever: "Ever" };
/** Predictors that are listed of a field: of several fields fewer. */
export const expertsMax = (fields: number): number => (fields > 2 ? 3 : 6);

/** Windows that have events, without those that hold the same events as a longer one, as all do of a stream that has just come. */
export const distinct = (windows: LossWindow[]): LossWindow[] => windows.filter((w, i) => w.events > 0 && !windows.slice(i + 1).some((longer) => longer.events <= w.events));

/** A table of losses: what is predicted, the best simple experts, and every expert of every field. */
export function losses(windows: LossWindow[], status: StatusAnswer, choice: Pick<FieldChoice, "has">): HTMLElement {
  if (windows.length === 0) return h("p", { class: "dim" }, "Losses are known once events come.");
  const fields = status.schema.fields.map((field) => field.name);
  const fieldOf = (name: string) => fields.filter((f) => name === f || name.startsWith(`${f}/`)).sort((a, b) => b.length - a.length)[0] ?? "";
  const ever = windows.at(-1)!;
  const shown = distinct(windows);
  const head = h("tr", {}, h("th", { scope: "col" }, "Predictor"), ...shown.map((w) =>
    h("th", { scope: "col", title: w.seconds > 0 ? `In ${span(w.seconds)}` : undefined }, TITLES[w.name] ?? w.name, h("span", { class: "over" }, ` ${plural(w.events, "event")}`))));
  const line = (name: Node | string, of: (w: LossWindow) => number | undefined, kind: string) =>
    h("tr", { class: kind }, h("th", { scope: "row" }, name), ...shown.map((w) => h("td", {}, fixed(of(w), 3))));
  const rows = [
    line("surmise", (w) => w.loss_bits_per_event, "mixture"),
    line("Best simple predictor of each field", (w) => w.simple_bits_per_event, "simple"),
  ];
  let [left, unlisted] = [0, 0];
  const most = expertsMax(fields.filter((field) => choice.has(field)).length);
  for (const { name: field, kind } of status.schema.fields) {
    const own = choice.has(field) ? ever.experts.filter(([name]) => fieldOf(name) === field) : [];
    if (own.length === 0) {
      left++;
      continue;
    }
    const at = (w: LossWindow, name: string) => w.experts.find(([n]) => n === name)?.[1];
    rows.push(line(h("bdi", {}, fieldWords(field, kind)), (w) => at(w, field), "field"));
    const experts = own.filter(([name]) => name !== field).sort((a, b) => a[1] - b[1]);
    const listed = experts.filter(([name], i) => i < most || name.endsWith("/network"));
    unlisted += experts.length - listed.length;
    for (const [name] of listed) {
      const short = name.slice(field.length + 1);
      rows.push(line(predictor(short), (w) => at(w, name), short === "network" ? "network" : "expert"));
    }
  }
  const table = h("table", { class: "losses" }, h("thead", {}, head), h("tbody", {}, ...rows));
  const said = [
    left > 0 && `The first two rows are of all fields; ${count(left)} of them ${left === 1 ? "has" : "have"} no rows here. The daemon keeps rows of the first 16.`,
    unlisted > 0 && `Of each field its best ${most} predictors and its network are listed; ${count(unlisted)} others are not.`,
  ].filter(Boolean);
  return said.length === 0 ? table : h("div", {}, table, h("p", { class: "facts" }, said.join(" ")));
}

/** Reliability of decisions, tenths of numbers, rarity and alarms promised against realised. */
export function reliability(learner: LearnerDescription, status: StatusAnswer, rare: SurpriseList | null, choice: Pick<FieldChoice, "has">): HTMLElement {
  const decided = learner.claims.filter(([, , n]) => n > 0);
  const tenths = learner.fields.filter((field) => field.tenths && field.tenths.length > 0 && choice.has(field.name));
  const covered = Object.entries(status.report.fields).filter(([name, field]) => field.coverage_90 !== undefined && choice.has(name));
  return h("div", { class: "columns" },
    decided.length > 0 ? h("div", {}, h("h3", {}, "Probabilities: said and came true"), diagram(learner.claims), h("p", { class: "facts" }, "On the line, what it calls 70 % likely comes in 70 of 100 cases.")) : null,
    ...tenths.map((field) => h("div", {}, h("h3", {}, h("bdi", {}, fieldWords(field.name, field.kind)), ": where values fell in the forecast"), h("p", { class: "facts" }, "Each tenth of a forecast that is right gets 10 %."), bars(...field.tenths!.map((t, i) => bar(`${i * 10}–${i * 10 + 10} %`, t, percent(t, 1)))))),
    covered.length > 0 ? h("div", {}, h("h3", {}, "Intervals of numbers: promised and held"), coverage(covered)) : null,
    h("div", {}, h("h3", {}, "Rare events: at most so many, and those that came"), rareTable(rare)),
    h("div", {}, h("h3", {}, "In one number each"), h("dl", { class: "quantiles" },
      h("div", {}, h("dt", {}, "Mean distance of what came from what was said"), h("dd", {}, percent(status.report.calibration_error, 2))),
      h("div", {}, h("dt", {}, "False incidents promised"), h("dd", {}, `at most ${num(status.alarms.promised, 2)}`)),
      h("div", {}, h("dt", {}, "Incidents that came"), h("dd", {}, count(status.alarms.begun))),
      h("div", {}, h("dt", {}, "What it cost not to know from the beginning which predictor would prove best (regret)"), h("dd", {}, regretWords(status.report))))));
}

/** What was lost against the best predictor, in words; what is below zero was won. */
export function regretWords({ regret_bits: lost, regret_bound_bits: most }: { regret_bits: number; regret_bound_bits: number }): string {
  return lost <= 0 ? `nothing: together they saved ${num(-lost)} bits more than the best alone` : `${num(lost)} bits in all; it can never be more than ${num(most)}`;
}

/** How many numbers lay within the intervals that were promised to hold so many. */
function coverage(fields: [string, FieldReport][]): HTMLElement {
  const levels: [string, (field: FieldReport) => number | undefined][] = [["50 %", (f) => f.coverage_50], ["90 %", (f) => f.coverage_90], ["99 %", (f) => f.coverage_99]];
  return h("table", { class: "coverage" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Field"), ...levels.map(([title]) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, ...fields.map(([name, field]) => h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, name)), ...levels.map(([, of]) => h("td", {}, percent(of(field), 1)))))));
}

/** Claimed probability against frequency: on the diagonal is right. */
export function diagram(claims: [number, number, number][]): Node {
  const size = 200;
  const edge = 36;
  const right = 18;
  const at = (p: number) => edge + p * (size - edge - right);
  const up = (p: number) => size - edge - p * (size - edge - 6);
  const text = claims.filter(([, , n]) => n > 0).map(([claimed, came, n]) => `${percent(claimed / n)} claimed, ${percent(came / n)} came true`).join("; ");
  const most = Math.max(...claims.map(([, , n]) => n));
  return svg("svg", { viewBox: `0 0 ${size} ${size}`, class: "reliability", role: "img", "aria-label": `Reliability: ${text}` },
    svg("path", { d: `M${at(0)} ${up(0)}L${at(1)} ${up(1)}`, class: "diagonal" }),
    svg("path", { d: `M${at(0)} ${up(1)}V${up(0)}H${at(1)}`, class: "axis" }),
    ...[0, 0.5, 1].flatMap((p) => [svg("text", { x: at(p), y: size - 12, "text-anchor": "middle" }, percent(p)), svg("text", { x: edge - 4, y: up(p) + 4, "text-anchor": "end" }, p === 0 ? "" : percent(p))]),
    ...claims.filter(([, , n]) => n > 0).map(([claimed, came, n]) => svg("circle", { cx: at(claimed / n), cy: up(came / n), r: 2 + 4 * Math.sqrt(n / most) })));
}

