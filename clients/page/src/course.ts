// The course of a stream over seconds, minutes, hours and days.

import type { AlarmEvent, HistoryAnswer, SurpriseList } from "surmise";
import uPlot from "uplot";
import { axes, chart } from "./chart";
import { clear, h, section } from "./dom";
import { bits, clock, count, plural, rate, span as spanWords, timeOf } from "./format";
import { isOverdue } from "./tempo";

const SPANS = [["seconds", "2 minutes"], ["minutes", "3 hours"], ["hours", "2 weeks"], ["days", "2 years"]] as const;

/** Points with events that make a line worth looking at, and those without which there is none. */
const POINTS_MIN = 20;
const LINE_MIN = 3;
/** Spans that the axis of time has at least, so that its marks do not lie within one. */
const AXIS_SPANS_MIN = 20;

type Span = (typeof SPANS)[number][0];

export interface Course {
  element: HTMLElement;
  span(): Span;
  /** Looks as far back as there is something to see; once a person chose, that is where it looks. */
  begin(ask: (span: Span) => Promise<HistoryAnswer>): Promise<void>;
  draw(history: HistoryAnswer, known: Known): void;
}

/** What else is known of the stream: its incidents, its rarest events, and the offset of its next event. */
export interface Known {
  incidents: AlarmEvent[];
  rare: SurpriseList | null;
  offset: number;
}

/** A history with the incidents that a silence began and no event has joined yet, which the daemon counts with events. */
export function withSilences(history: HistoryAnswer, incidents: AlarmEvent[]): HistoryAnswer {
  const points = new Map(history.points.map((point) => [point.time, point]));
  const { span_seconds: length, now, spans_max: most } = history;
  for (const incident of incidents) {
    const at = isOverdue(incident) ? timeOf(incident.time) : null;
    const time = Math.floor((at ?? 0) / 1000 / length) * length;
    if (at === null || time <= now - length * most) continue;
    const point = points.get(time) ?? { time, events: 0, bits: 0, rarest: 0, incidents: 0, distinct: 0 };
    points.set(time, { ...point, incidents: point.incidents + 1 });
  }
  return { ...history, points: [...points.values()].sort((a, b) => a.time - b.time) };
}

/** Within how many seconds all came that is in view, where that is too little for a course over time. */
export function burst({ points, span_seconds: length, windows }: Pick<HistoryAnswer, "points" | "span_seconds" | "windows">): number | null {
  const filled = points.filter(({ events }) => events > 0);
  if (filled.length === 0 || filled.length >= LINE_MIN) return null;
  // a window of losses that holds the same events may know it closer
  const events = filled.reduce((sum, point) => sum + point.events, 0);
  const known = windows.filter((window) => window.events === events && window.seconds > 0).map(({ seconds }) => Math.ceil(seconds));
  return Math.min(filled.at(-1)!.time + length - filled[0]!.time, ...known);
}

/** The surprise of the rarest events by their numbers, and of those that show an incident. */
export function byNumber({ incidents, rare }: Pick<Known, "incidents" | "rare">): [offsets: number[], rare: number[], odd: (number | null)[]] {
  const shown = new Map(incidents.filter(({ event }) => event !== null).map((i) => [i.event_offset, i.surprise_bits]));
  const all = new Map([...(rare?.surprises ?? []).map((one): [number, number] => [one.offset, one.surprise_bits]), ...shown]);
  const offsets = [...all.keys()].sort((a, b) => a - b);
  return [offsets, offsets.map((offset) => all.get(offset)!), offsets.map((offset) => shown.get(offset) ?? null)];
}

/** What is in view, in words. */
export function viewWords(history: HistoryAnswer, fastest: number): string {
  const sum = history.points.reduce((a, p) => ({ events: a.events + p.events, bits: a.bits + p.bits, incidents: a.incidents + p.incidents }), { events: 0, bits: 0, incidents: 0 });
  const began = `${plural(sum.incidents, "incident")} began`;
  if (sum.events === 0) return sum.incidents === 0 ? "No event in this time." : `No event in this time; ${began}.`;
  const within = burst(history);
  const each = `${plural(sum.events, "event")} in view, ${bits(sum.bits / sum.events)} bits each`;
  if (within === null) return `${each}; at most ${rate(fastest)} a second; ${began}.`;
  const first = history.points.find(({ events }) => events > 0)!.time;
  return `${each}; ${began}. ${sum.events === 1 ? "It" : "All"} came within ${spanWords(within)}, from ${clock(first)} on: that is too little for a course over time.`;
}

/** Puts a point where spans without events are, so that a line breaks there. An incident of a silence lies where the line ended. */
export function filled(history: HistoryAnswer): { time: number[]; bits: (number | null)[]; rate: number[]; incidents: (number | null)[] } {
  const out = { time: [] as number[], bits: [] as (number | null)[], rate: [] as number[], incidents: [] as (number | null)[] };
  let at = history.points[0]?.time ?? 0;
  let last: number | null = null;
  const push = (time: number, b: number | null, events: number, incidents: number) => {
    last = b ?? last;
    out.time.push(time);
    out.bits.push(b);
    out.rate.push(events / history.span_seconds);
    out.incidents.push(incidents > 0 ? (last ?? 0) : null);
  };
  for (const point of history.points) {
    for (; at < point.time && out.time.length < history.spans_max * 2; at += history.span_seconds) push(at, null, 0, 0);
    push(point.time, point.events > 0 ? point.bits / point.events : null, point.events, point.incidents);
    at = point.time + history.span_seconds;
  }
  return out;
}

/** A time on the axis, as fine as the spans are. */
function mark(seconds: number, span: string): string {
  const date = new Date(seconds * 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getDate()} ${date.toLocaleDateString("en", { month: "short" })}`;
  if (span === "days") return day;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (span === "hours") return date.getHours() === 0 ? day : minutes;
  return span === "seconds" ? `${minutes}:${two(date.getSeconds())}` : minutes;
}

export function course(name: string, signal: AbortSignal): Course {
  let span: Span = "seconds";
  /** Whether it is decided how far back it looks. */
  let isChosen = false;
  let [spanSeconds, end] = [1, 1];
  const now = h("p", { class: "facts" });
  const options = (unit: string, colour: string) => (c: (name: string) => string): Omit<uPlot.Options, "width" | "height"> => ({
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 26, 0, 0],
    scales: { x: { range: (_, min, max) => [Math.min(min, max - AXIS_SPANS_MIN * spanSeconds), max] }, ...(unit === "bits" ? {} : { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } }) },
    axes: axes(c, { values: (_, ticks) => ticks.map((t) => mark(t, span)), space: 70 }),
    series: [
      {},
      { stroke: c(colour), width: 1.5, spanGaps: span === "seconds", fill: unit === "bits" ? undefined : c("fan-wide"), points: { show: false } },
      ...(unit === "bits" ? [{ stroke: "transparent", points: { show: true, size: 8, fill: c("alarm") } }] : []),
    ],
  });
  const surprise = chart(`Bits per event of ${name} over time`, 160, options("bits", "accent"), signal);
  const events = chart(`Events per second of ${name} over time`, 100, options("events", "dim"), signal);
  const growth = chart(`Distinct values known of ${name} over time`, 80, options("values", "accent"), signal);
  const numbered = chart(`The rarest events of ${name} by their numbers`, 160, (c) => ({
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 26, 0, 0],
    scales: { x: { time: false, range: () => [0, end] }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    axes: axes(c, { values: (_, ticks) => ticks.map((tick) => count(tick)), space: 80 }),
    series: [
      {},
      { stroke: c("accent"), fill: c("accent"), width: 1, paths: uPlot.paths.bars!({ size: [0.6, 3, 2] }), points: { show: false } },
      { stroke: "transparent", points: { show: true, size: 8, fill: c("alarm") } },
    ],
  }), signal);
  const known = h("div", { hidden: true }, h("h3", {}, "Distinct values known"), growth.element);
  const grown = h("span", { class: "dim grown" });
  known.firstElementChild!.append(" ", grown);
  const overTime = h("div", {}, h("h3", {}, "Bits per event"), surprise.element, h("h3", {}, "Events per second"), events.element, known);
  const overNumbers = h("div", { class: "numbered", hidden: true }, h("h3", {}, "Its rarest events, by their numbers"), numbered.element,
    h("p", { class: "facts" }, "The surprise of the rarest of the latest week, in bits; a dot is an incident's. ", h("a", { href: `#/replays/${encodeURIComponent(name)}` }, "A replay"), " draws the course of all events by their numbers."));
  const buttons = SPANS.map(([value, label]) =>
    h("button", { type: "button", "aria-pressed": String(value === span), onclick: () => ((isChosen = true), look(value)) }, label));
  const look = (value: Span) => {
    span = value;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(SPANS[i]![0] === span)));
    drawn = "";
  };
  let drawn = "";
  const element = section("Its course", "Mean surprise and rate, kept by the daemon in fixed memory; a dot is an incident.", h("div", { class: "choice", role: "group", "aria-label": "How far back" }, ...buttons), now, overTime, overNumbers);
  return {
    element,
    span: () => span,
    async begin(ask) {
      if (isChosen) return;
      let best: [span: Span, points: number] = [span, -1];
      for (const [value] of SPANS) {
        const points = (await ask(value)).points.filter(({ events }) => events > 0).length;
        if (isChosen) return;
        if (points > best[1]) best = [value, points];
        if (points >= POINTS_MIN) break;
      }
      isChosen = true;
      look(best[0]);
    },
    draw(told, { incidents, rare, offset }) {
      const history = withSilences(told, incidents);
      const odd = incidents.map((i) => `${i.event_offset} ${i.event === null}`).join();
      const shape = `${span} ${JSON.stringify(history.points.at(-1))} ${odd} ${rare?.events}`;
      if (shape === drawn) return;
      drawn = shape;
      spanSeconds = history.span_seconds;
      const series = filled(history);
      clear(now, viewWords(history, Math.max(0, ...series.rate)));
      const isBurst = burst(history) !== null;
      const numbers = byNumber({ incidents, rare });
      overTime.hidden = isBurst;
      overNumbers.hidden = !isBurst || numbers[0].length === 0;
      if (!overNumbers.hidden) {
        end = Math.max(1, offset);
        numbered.set(numbers);
        const most = numbers[0][numbers[1].indexOf(Math.max(...numbers[1]))]!;
        numbered.element.setAttribute("aria-label", `The rarest events of ${name} by their numbers: ${plural(numbers[0].length, "event")} of ${count(offset)}, of which event ${count(most)} has most bits, ${bits(Math.max(...numbers[1]))}`);
      }
      if (isBurst) return;
      surprise.set([series.time, series.bits, series.incidents]);
      surprise.element.setAttribute("aria-label", `Bits per event of ${name} over time, incidents marked${rangeWords(series.bits, bits)}`);
      events.set([series.time, series.rate]);
      events.element.setAttribute("aria-label", `Events per second of ${name} over time${rangeWords(series.rate, rate)}`);
      // a silence knows nothing of values
      const grew = told.points.map((point) => point.distinct);
      known.hidden = !grew.some((distinct) => distinct > 0);
      if (known.hidden) return;
      growth.set([told.points.map((point) => point.time), grew]);
      grown.textContent = grew[0] === grew.at(-1) ? count(grew[0]) : `from ${count(grew[0])} to ${count(grew.at(-1))}`;
      growth.element.setAttribute("aria-label", `Distinct values known of ${name} over time: ${grown.textContent}`);
    },
  };
}

/** The least and the most of a line, and its end, for those who do not see it. */
function rangeWords(values: (number | null)[], say: (x: number) => string): string {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? "" : `: from ${say(Math.min(...known))} to ${say(Math.max(...known))}, ${say(known.at(-1)!)} last`;
}
