// The course of a stream over seconds, minutes, hours and days.

import type { HistoryAnswer } from "surmise";
import type uPlot from "uplot";
import { axes, chart } from "./chart";
import { clear, h, section } from "./dom";
import { bits, count, plural, rate } from "./format";

const SPANS = [["seconds", "2 minutes"], ["minutes", "3 hours"], ["hours", "2 weeks"], ["days", "2 years"]] as const;

/** Points with events that make a line worth looking at. */
const POINTS_MIN = 20;

type Span = (typeof SPANS)[number][0];

export interface Course {
  element: HTMLElement;
  span(): Span;
  /** Looks as far back as there is something to see; once a person chose, that is where it looks. */
  begin(ask: (span: Span) => Promise<HistoryAnswer>): Promise<void>;
  draw(history: HistoryAnswer): void;
}

/** Puts a point where spans without events are, so that a line breaks there. */
export function filled(history: HistoryAnswer): { time: number[]; bits: (number | null)[]; rate: number[]; incidents: (number | null)[] } {
  const out = { time: [] as number[], bits: [] as (number | null)[], rate: [] as number[], incidents: [] as (number | null)[] };
  let at = history.points[0]?.time ?? 0;
  const push = (time: number, b: number | null, events: number, incidents: number) => {
    out.time.push(time);
    out.bits.push(b);
    out.rate.push(events / history.span_seconds);
    out.incidents.push(incidents > 0 ? b : null);
  };
  for (const point of history.points) {
    for (; at < point.time && out.time.length < history.spans_max * 2; at += history.span_seconds) push(at, null, 0, 0);
    push(point.time, point.events > 0 ? point.bits / point.events : null, point.events, point.incidents);
    at = point.time + history.span_seconds;
  }
  return out;
}

/** A time on the axis, as fine as the spans are. */
function clock(seconds: number, span: string): string {
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
  const now = h("p", { class: "facts" });
  const options = (unit: string, colour: string) => (c: (name: string) => string): Omit<uPlot.Options, "width" | "height"> => ({
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, 26, 0, 0],
    scales: unit === "bits" ? {} : { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    axes: axes(c, { values: (_, ticks) => ticks.map((t) => clock(t, span)), space: 70 }),
    series: [
      {},
      { stroke: c(colour), width: 1.5, spanGaps: span === "seconds", fill: unit === "bits" ? undefined : c("fan-wide"), points: { show: false } },
      ...(unit === "bits" ? [{ stroke: "transparent", points: { show: true, size: 8, fill: c("alarm") } }] : []),
    ],
  });
  const surprise = chart(`Bits per event of ${name} over time, incidents marked`, 160, options("bits", "accent"), signal);
  const events = chart(`Events per second of ${name} over time`, 100, options("events", "dim"), signal);
  const growth = chart(`Distinct values known of ${name} over time`, 80, options("values", "accent"), signal);
  const known = h("div", { hidden: true }, h("h3", {}, "Distinct values known"), growth.element);
  const buttons = SPANS.map(([value, label]) =>
    h("button", { type: "button", "aria-pressed": String(value === span), onclick: () => ((isChosen = true), look(value)) }, label));
  const look = (value: Span) => {
    span = value;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(SPANS[i]![0] === span)));
    drawn = "";
  };
  let drawn = "";
  const element = section("Its course", "Mean surprise and rate, kept by the daemon in fixed memory; a dot is an incident.", h("div", { class: "choice", role: "group", "aria-label": "How far back" }, ...buttons), now,
    h("h3", {}, "Bits per event"), surprise.element, h("h3", {}, "Events per second"), events.element, known);
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
    draw(history) {
      const shape = `${span} ${JSON.stringify(history.points.at(-1))}`;
      if (shape === drawn) return;
      drawn = shape;
      const series = filled(history);
      surprise.set([series.time, series.bits, series.incidents]);
      events.set([series.time, series.rate]);
      known.hidden = !history.points.some((point) => point.distinct > 0);
      if (!known.hidden) growth.set([history.points.map((point) => point.time), history.points.map((point) => point.distinct)]);
      const sum = history.points.reduce((a, p) => ({ events: a.events + p.events, bits: a.bits + p.bits, incidents: a.incidents + p.incidents }), { events: 0, bits: 0, incidents: 0 });
      const fastest = Math.max(0, ...series.rate);
      clear(now, sum.events === 0 ? "No event in this time." : `${count(sum.events)} events in view, ${bits(sum.bits / sum.events)} bits each; at most ${rate(fastest)} a second; ${plural(sum.incidents, "incident")} began.`);
    },
  };
}
