// What a stream expects next: bars of symbols and templates, fans of quantiles against what came, the time to the next.

import type { EventJson, Expected, Prediction, StatusAnswer } from "surmise";
import uPlot from "uplot";
import { bar, bars } from "./bars";
import { axes, chart } from "./chart";
import { daemon } from "./daemon";
import { clear, h, section } from "./dom";
import { numberOf, shorten, symbolText } from "./eventtext";
import type { FieldChoice } from "./fieldchoice";
import { between, gap, minus, num, percent } from "./format";
import type { Seen } from "./seen";

/** Events ahead, and behind, that a fan shows. */
const AHEAD = 24;
const BEHIND = 48;
/** Events of the log that are read at once, which is as many as an answer holds. */
const EVENTS_READ = 200;
/** How long a fan that has been overtaken stays to be looked at. */
const STAY_MS = 6000;

interface Fan {
  /** The event that it begins with, and the key that it is of, if it is of one. */
  offset: number;
  key: string | null;
  at: number;
  quantiles: Record<string, number>[];
  /** The offset up to which what came since was read from the log. */
  readTo: number;
}

export interface Expectations {
  element: HTMLElement;
  /** The key that is asked about. */
  key(): string | null;
  draw(prediction: Prediction, status: StatusAnswer): void;
  live(): void;
}

export function expectations(name: string, seen: Seen, choice: FieldChoice, signal: AbortSignal): Expectations {
  const fields = h("div", { class: "columns" });
  const fans = h("div", { class: "fans" });
  const input = h("input", { type: "text", maxlength: 200, placeholder: "key of the latest event", "aria-label": "Key to predict" });
  const chooser = h("label", { class: "keyed", hidden: true }, "For the key ", input);
  const element = section("What it expects next", "", chooser, choice.element, fields, fans);
  const charts = new Map<string, FanChart>();
  let latestKey: string | null = null;
  input.addEventListener("change", () => charts.forEach((fan) => fan.reset()));

  const key = (): string | null => input.value.trim() || (latestKey ??= seen.latest.at(-1)?.key ?? null);
  return {
    element,
    key,
    draw(prediction, status) {
      chooser.hidden = status.keys <= 1 && prediction.key === undefined && !seen.hasKeys;
      if (prediction.key !== undefined && !input.value) input.placeholder = prediction.key;
      // in the order in which they are predicted, as everywhere on the page
      const known = status.schema.fields.filter(({ name }) => choice.has(name) && prediction.fields[name] !== undefined);
      clear(fields, ...known.map(({ name }) => oneField(name, prediction.fields[name]!, status)), ending(prediction));
      for (const { name: field, kind } of status.schema.fields) {
        if (kind !== "number" || charts.has(field) || !choice.has(field)) continue;
        const fan = new FanChart(name, field, key, signal);
        charts.set(field, fan);
        fans.append(fan.element);
      }
      for (const [field, fan] of charts) {
        fan.element.hidden = !choice.has(field);
        if (!fan.element.hidden) void fan.look(status.offset, seen);
      }
    },
    live() {
      charts.forEach((fan) => fan.draw(seen));
    },
  };
}

/** What is expected of a field, where its kind does not say it. */
const KINDS: Record<string, string> = { gap: "", text: "text, by its first letter", byte: "the next byte" };

function oneField(name: string, expected: Expected, status: StatusAnswer): HTMLElement {
  const kind = status.schema.fields.find((field) => field.name === name)?.kind ?? "";
  const title = h("h3", {}, kind === "gap" ? "Time to the next event" : h("bdi", {}, name), " ", h("span", { class: "dim" }, KINDS[kind] ?? (kind === name ? "" : kind)));
  return h("div", {}, title, distribution(expected, kind));
}

function distribution(expected: Expected, kind: string): HTMLElement {
  if (expected.top) {
    const items = expected.top.filter(([, p]) => p >= LIKELY_MIN).map(([symbol, p]) => bar(label(symbol, kind), p));
    const other = expected.other! + expected.top.reduce((sum, [, p]) => sum + (p < LIKELY_MIN ? p : 0), 0);
    return bars(...items, other >= LIKELY_MIN ? bar("anything else", other, undefined, "other") : null);
  }
  const say = kind === "gap" ? gap : num;
  const q = expected.quantiles ?? {};
  return h("dl", { class: "quantiles spread" },
    h("div", {}, h("dt", {}, "Median"), h("dd", { class: "big" }, expected.median === undefined ? "–" : say(expected.median))),
    h("div", {}, h("dt", {}, "Half within"), h("dd", {}, between(q["0.25"], q["0.75"], say))),
    h("div", {}, h("dt", {}, "90 % within"), h("dd", {}, between(q["0.05"], q["0.95"], say))),
    expected.missing ? h("div", {}, h("dt", {}, "Missing"), h("dd", {}, percent(expected.missing, 1))) : null);
}

/** What is rarer than this is not shown: rounded it is none. */
const LIKELY_MIN = 0.0005;

/** A symbol; in a line template, placeholders stand out. */
function label(symbol: string | null, kind: string): Node {
  const text = shorten(symbolText(symbol, kind), 160);
  const out = h("bdi", { class: kind === "line" ? "template" : undefined });
  if (kind !== "line") out.append(text);
  else for (const piece of text.split(/(<[a-z ]+>)/)) out.append(/^<[a-z ]+>$/.test(piece) ? h("i", {}, piece) : piece);
  return out;
}

function ending(prediction: Prediction): HTMLElement | null {
  if (prediction.end === undefined) return null;
  return h("div", {}, h("h3", {}, "The key"), bars(bar("ends", prediction.end), bar("goes on", 1 - prediction.end)));
}

/** A fan of quantiles from some event on, and what came before it and since. */
class FanChart {
  readonly element: HTMLElement;
  private readonly plot;
  private fan: Fan | null = null;
  private values = new Map<number, number>();
  private asking = false;
  private range: [number, number] = [0, 1];

  constructor(private readonly stream: string, private readonly field: string, private readonly key: () => string | null, signal: AbortSignal) {
    const options = (c: (name: string) => string): Omit<uPlot.Options, "width" | "height"> => ({
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: () => this.range } },
      padding: [8, 8, 0, 0],
      axes: axes(c, { values: (_, ticks) => ticks.map((t) => (t % 1 === 0 ? (t > 0 ? `+${t}` : minus(String(t))) : "")) }),
      bands: [
        { series: [2, 1], fill: c("fan-wide") },
        { series: [4, 3], fill: c("fan-narrow") },
      ],
      series: [
        {},
        ...["0.05", "0.95", "0.25", "0.75"].map(() => ({ stroke: "transparent", points: { show: false } })),
        { stroke: c("accent"), width: 1.5, dash: [4, 3], points: { show: false } },
        { stroke: c("ink"), width: 1.5, points: { show: true, size: 4, fill: c("ink") }, spanGaps: true },
      ],
    });
    this.plot = chart(`Forecast of ${field}, and what came`, 180, options, signal);
    this.element = h("div", { class: "fan" }, h("h3", {}, h("bdi", {}, field), " ", h("span", { class: "dim" }, `${AHEAD} events ahead: median, half, 90 %, and what came`)), this.plot.element);
  }

  reset(): void {
    this.fan = null;
    this.values.clear();
  }

  /** Asks for a new fan once the shown one is overtaken, and for what came since and was not sent. */
  async look(offset: number, seen: Seen): Promise<void> {
    const { fan } = this;
    const isOvertaken = fan === null || (offset >= fan.offset + AHEAD / 2 && Date.now() - fan.at > STAY_MS);
    // of a fast stream not all outcomes are sent, and none before the feed is open
    const isWhole = fan === null || offset <= fan.readTo || seen.latest.filter((outcome) => outcome.offset >= fan.offset).length >= offset - fan.offset;
    if (this.asking || (!isOvertaken && isWhole)) return;
    this.asking = true;
    try {
      if (isOvertaken) {
        const key = this.key();
        const answer = await daemon.forecast(this.stream, { horizon: AHEAD, top: 1, fresh: false, ...(key === null ? {} : { key }) });
        const quantiles = (answer.steps ?? []).map((step) => step.fields[this.field]?.quantiles ?? {});
        this.values.clear();
        const readTo = await this.read(Math.max(0, answer.offset - BEHIND * (key === null ? 1 : 4)), key);
        this.fan = { offset: answer.offset, key, at: Date.now(), quantiles, readTo };
      } else {
        fan.readTo = await this.read(fan.offset, fan.key);
      }
      this.draw(seen);
    } catch {
      // asked again with the next look
    } finally {
      this.asking = false;
    }
  }

  /** Takes in what the log holds from an offset on, as much as one answer has; returns up to which offset. */
  private async read(from: number, key: string | null): Promise<number> {
    const { events, end } = await daemon.events(this.stream, { from, count: EVENTS_READ });
    for (const { offset, event } of events) this.put(offset, event, key);
    return end;
  }

  private put(offset: number, event: EventJson | null | undefined, key: string | null): void {
    if (!event || (key !== null && event.key !== key)) return;
    const value = numberOf(event.data, this.field);
    if (value !== null) this.values.set(offset, value);
  }

  draw(seen: Seen): void {
    const { fan } = this;
    if (!fan) return;
    for (const outcome of seen.latest) if (outcome.offset >= fan.offset && this.values.size < 1000) this.put(outcome.offset, outcome.event, fan.key);
    const known = [...this.values].sort((a, b) => a[0] - b[0]);
    const before = known.filter(([at]) => at < fan.offset).slice(-BEHIND);
    const since = known.filter(([at]) => at >= fan.offset);
    // of one key the events follow each other; of all keys each has its place, though some were not sent yet
    const came: (number | null)[] = fan.quantiles.map((_, i) => (fan.key === null ? since.find(([at]) => at === fan.offset + i) : since[i])?.[1] ?? null);
    const xs = [...before.map((_, i) => i - before.length), ...fan.quantiles.map((_, i) => i)];
    const pad = before.map(() => null);
    const level = (q: string) => [...pad, ...fan.quantiles.map((quantiles) => quantiles[q] ?? null)];
    this.range = usual([...fan.quantiles.flatMap((q) => [q["0.05"], q["0.95"]]), ...robust(before.map(([, v]) => v)), ...came.filter((v) => v !== null)]);
    this.plot.element.setAttribute("aria-label", fanWords(this.field, fan.quantiles, came.filter((v) => v !== null).length));
    this.plot.set([xs, level("0.05"), level("0.95"), level("0.25"), level("0.75"), level("0.5"), [...before.map(([, v]) => v), ...came]]);
  }
}

/** What a fan shows, in words. */
export function fanWords(field: string, quantiles: Record<string, number>[], came: number): string {
  const step = (q: Record<string, number> | undefined) => `${num(q?.["0.5"])}, half within ${num(q?.["0.25"])} and ${num(q?.["0.75"])}, 90 % within ${num(q?.["0.05"])} and ${num(q?.["0.95"])}`;
  const [first, last] = [quantiles[0], quantiles.at(-1)];
  return `Forecast of ${field}, and what came. Next: ${step(first)}. ${quantiles.length} events ahead: ${step(last)}. ${came} of these came.`;
}

/** The values without the rarest at both ends: one that is far off must not flatten all others. */
function robust(values: number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.ceil(sorted.length * 0.04);
  return sorted.slice(cut, sorted.length - cut);
}

/** A range that holds all values, with some room. */
function usual(values: (number | undefined)[]): [number, number] {
  const known = values.filter((v): v is number => v !== undefined && Number.isFinite(v));
  if (known.length === 0) return [0, 1];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = (high - low) * 0.12 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}
