// Replays: a range of a stream's log learnt again beside it, several of them side by side.

import { ProblemError, type Replay, type ReplaySpec } from "surmise";
import { pause } from "surmise/pause";
import { axes, chart, type Chart } from "./chart";
import { differenceWords, figure, isOver, joined, loss, nameOf, progress, rangeWords, sameWords, simpleLoss, stateWords, yardstick, type Drawn } from "./curves";
import { daemon, words } from "./daemon";
import { clear, h, section, svg } from "./dom";
import { shorten } from "./eventtext";
import { MEANS } from "./facts";
import { ago, count, fixed, gap, moment, percent } from "./format";
import { ReplayForm } from "./replayform";
import { state } from "./state";

/** How often one that learns is asked how far it is, and all of them are listed. */
const LOOK_MS = 1000;
const LOOKS_PER_LIST = 5;
/** Courses in one chart: there are no more colours that can be told apart. */
const SHOWN_MAX = 8;

const DRAWN: [Drawn, string][] = [["parts", "Each part"], ["so far", "So far"], ["difference", "Difference so far"]];

export function replays(root: HTMLElement, signal: AbortSignal, stream?: string): void {
  const view = new Replays(signal);
  root.append(...view.elements);
  view.form.draw(stream);
  state.onNews(["rows"], signal, () => view.form.draw());
  void view.run();
}

class Replays {
  private readonly problem = h("p", { class: "problem", role: "status" });
  private readonly said = h("p", { class: "said", role: "status" });
  private readonly list = h("ol", { class: "checkpoints replays" });
  private readonly place = h("div", {});
  private readonly table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures, scrollable" });
  private drawn: Drawn = "parts";
  private readonly choice = h("div", { class: "choice", role: "group", "aria-label": "What is drawn" }, ...DRAWN.map(([drawn, text]) =>
    h("button", { type: "button", "data-drawn": drawn, "aria-pressed": String(drawn === "parts"), onclick: () => this.choose(drawn) }, text)));
  private readonly sideBySide = section("Side by side", "Mean surprise in bits per event: less is better predicted. A replay that began with what the stream knew is the live stream's own course.", this.choice, this.place, this.table);
  readonly form = new ReplayForm((wish) => void this.start(wish));
  readonly elements = [
    h("h1", {}, "Replays"), this.problem,
    section("Learn a part of a log again", "In a learner that nobody else sees, and behind everything else that the daemon does. Replays are kept in memory: when the daemon ends they are gone.", this.form.element, this.said),
    this.sideBySide, section("All replays", "The newest first; what is ticked is drawn.", this.list),
  ];
  private known: Replay[] = [];
  private readonly rows = new Map<number, { element: HTMLElement; shape: string; fill: HTMLElement; state: HTMLElement; took: HTMLElement }>();
  /** What a person chose to see, or not to. */
  private readonly chosen = new Map<number, boolean>();
  private plot: { chart: Chart; leave: AbortController; shape: string; drawn: string } | null = null;
  private again = new AbortController();
  private isStale = true;

  constructor(private readonly signal: AbortSignal) {}

  async run(): Promise<void> {
    const { signal } = this;
    for (let round = 0; !signal.aborted; round++) {
      this.again = new AbortController();
      if (!document.hidden) {
        try {
          if (this.isStale || round % LOOKS_PER_LIST === 0) {
            this.isStale = false;
            this.known = await daemon.replays({ signal });
          } else {
            await this.look();
          }
          this.problem.textContent = "";
          this.draw();
        } catch (error) {
          if (signal.aborted) return;
          this.isStale = true;
          this.problem.textContent = words(error);
        }
      }
      await pause(LOOK_MS, AbortSignal.any([signal, this.again.signal]));
    }
  }

  /** Asks those that are not over how far they are. */
  private async look(): Promise<void> {
    const { signal } = this;
    for (const replay of this.known.filter((replay) => !isOver(replay))) {
      try {
        const now = await daemon.replayShow(replay.id, { signal });
        this.known = this.known.map((one) => (one.id === now.id ? now : one));
      } catch (error) {
        if (!(error instanceof ProblemError && error.status === 404)) throw error;
        this.isStale = true;
      }
    }
  }

  private tell(bad: boolean, text: string): void {
    this.said.className = bad ? "said problem" : "said";
    this.said.textContent = text;
  }

  private async start(wish: () => ReplaySpec): Promise<void> {
    try {
      const replay = await daemon.replay(wish());
      this.chosen.set(replay.id, true);
      this.tell(false, `Replay no. ${replay.id} of ${shorten(replay.stream, 60)} ${replay.state === "waiting" ? "waits for its turn" : "has begun"}.`);
    } catch (error) {
      this.tell(true, words(error));
    }
    this.changed();
  }

  private async end(replay: Replay): Promise<void> {
    try {
      await daemon.deleteReplay(replay.id);
      this.tell(false, `Replay no. ${replay.id} is ${isOver(replay) ? "forgotten" : "stopped, and forgotten"}.`);
    } catch (error) {
      this.tell(true, words(error));
    }
    this.changed();
  }

  private changed(): void {
    this.isStale = true;
    this.again.abort();
  }

  /** Those that are drawn: what a person chose, and of the stream that was replayed last what they did not leave out. */
  private shown(): Replay[] {
    const stream = this.known[0]?.stream;
    return this.known.filter((replay) => this.chosen.get(replay.id) ?? replay.stream === stream).slice(0, SHOWN_MAX).sort((a, b) => a.id - b.id);
  }

  private draw(): void {
    const ids = new Set(this.known.map((replay) => replay.id));
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
    const shown = this.shown();
    const elements = this.known.map((replay) => this.rowOf(replay, shown));
    const wanted = elements.length > 0 ? elements : [h("li", { class: "dim" }, "There is none yet.")];
    if (elements.length === 0 || wanted.length !== this.list.children.length || wanted.some((element, i) => this.list.children[i] !== element)) this.list.replaceChildren(...wanted);
    this.sideBySide.hidden = shown.length === 0;
    this.drawPlot(shown);
    clear(this.table, tableOf(shown));
  }

  private rowOf(replay: Replay, shown: Replay[]): HTMLElement {
    const place = shown.findIndex((one) => one.id === replay.id);
    const shape = JSON.stringify([isOver(replay), place, replay.state]);
    let row = this.rows.get(replay.id);
    if (!row) {
      const fill = h("span", { class: "fill" });
      row = { element: h("li", {}), shape: "", fill, state: h("span", {}), took: h("span", {}) };
      this.rows.set(replay.id, row);
    }
    row.fill.style.width = `${progress(replay) * 100}%`;
    row.state.textContent = stateWords(replay);
    row.took.textContent = [replay.seconds > 0 ? `, ${gap(replay.seconds)}` : "", `, asked ${ago(replay.asked)}`].join("");
    if (row.shape === shape) return row.element;
    row.shape = shape;
    const focused = row.element.contains(document.activeElement) ? document.activeElement!.tagName : null;
    const tick = h("input", { type: "checkbox", "aria-label": `Show no. ${replay.id} in the chart`, onchange: () => (this.chosen.set(replay.id, tick.checked), this.draw()) });
    tick.checked = place >= 0;
    const does = isOver(replay) ? "Forget" : "Stop";
    clear(row.element,
      h("div", { class: "tick" }, tick),
      h("div", { class: "what" },
        h("span", { class: "name" }, place < 0 ? null : swatch(place), h("span", { class: "dim" }, `no. ${replay.id} `), h("bdi", {}, shorten(replay.stream, 60)), ": ", h("bdi", {}, shorten(nameOf(replay), 100))),
        h("span", { class: "facts" }, rangeWords(replay)),
        h("span", { class: replay.state === "failed" ? "facts failed" : "facts", title: moment(replay.asked) }, row.state, row.took),
        isOver(replay) ? null : h("span", { class: "meter", "aria-hidden": "true" }, row.fill)),
      h("div", { class: "actions" }, h("button", { type: "button", "aria-label": `${does}: no. ${replay.id}`, onclick: () => void this.end(replay) }, does)));
    if (focused) row.element.querySelector<HTMLElement>(focused)?.focus();
    return row.element;
  }

  private choose(drawn: Drawn): void {
    this.drawn = drawn;
    for (const button of this.choice.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.drawn === drawn));
    this.drawPlot(this.shown());
  }

  private drawPlot(shown: Replay[]): void {
    const { drawn: what } = this;
    const shape = JSON.stringify([what, ...shown.map((replay) => [replay.id, nameOf(replay)])]);
    if (this.plot?.shape !== shape) {
      this.plot?.leave.abort();
      this.plot = null;
      if (shown.length === 0) return clear(this.place);
      const leave = new AbortController();
      this.plot = { shape, leave, drawn: "", chart: plotOf(shown, what, AbortSignal.any([this.signal, leave.signal])) };
      clear(this.place, this.plot.chart.element);
    }
    const drawn = JSON.stringify(shown.map((replay) => [replay.offset, replay.course.length]));
    if (!this.plot || this.plot.drawn === drawn) return;
    this.plot.drawn = drawn;
    this.plot.chart.set(joined(shown, what));
  }
}

/** The live course is a broad pale band, on which what is drawn over it can be seen. */
const breadthOf = (replay: Replay): { width: number; alpha: number } => (replay.begin === "live" ? { width: 5, alpha: 0.45 } : { width: 1.6, alpha: 1 });

/** Colours and dashes that can be told apart where courses cover each other: no two of the shown ones have both alike. */
const DASHES = [undefined, [10, 5], [2, 4], [14, 4, 2, 4]];
export const dashOf = (place: number): number[] | undefined => DASHES[(place + Math.floor(place / DASHES.length)) % DASHES.length];
export const colourOf = (place: number): string => `series-${(place % 4) + 1}`;

function swatch(place: number): Node {
  return svg("svg", { class: `swatch ${colourOf(place)}`, viewBox: "0 0 34 6", width: 34, height: 6, "aria-hidden": "true", focusable: "false" }, svg("path", { d: "M0 3H34", "stroke-dasharray": dashOf(place)?.join(" ") }));
}

const ABOUT = { parts: "Bits per event of each part", "so far": "Mean bits per event so far", difference: "Difference of mean bits per event so far" };

function plotOf(shown: Replay[], drawn: Drawn, signal: AbortSignal): Chart {
  return chart(`${ABOUT[drawn]}, over offsets: ${shown.map(nameOf).join("; ")}`, 260, (colours) => ({
    legend: { show: true, live: true },
    cursor: { y: false, points: { size: 6 } },
    padding: [10, 24, 0, 0],
    scales: { x: { time: false } },
    axes: axes(colours, { values: (_, ticks) => ticks.map((tick) => count(tick)), space: 80 }),
    series: [
      { label: "", value: (_, offset) => (offset === null ? "Point at the chart to read it" : `Before event ${count(offset)}`) },
      ...shown.map((replay, place) => ({
        label: `no. ${replay.id} ${shorten(nameOf(replay), 40)}`, stroke: colours(colourOf(place)), ...breadthOf(replay), dash: dashOf(place), spanGaps: true,
        points: { show: replay.course.length === 1 }, value: (_: unknown, y: number | null) => (y === null ? "" : figure(y, drawn)),
      })),
    ],
  }), signal);
}

function tableOf(shown: Replay[]): HTMLElement {
  const other = yardstick(shown);
  const against = other === undefined || shown.length < 2 ? null : other;
  const hasNetwork = shown.some((replay) => replay.network_gain != null);
  const heads = ["Replay", "Bits/event", against && `Against no. ${against.id}`, "Best simple", "Skill", hasNetwork && "Networks save", "Incidents", "Seconds", "Ended in the state"].filter((text) => text !== null && text !== false);
  // on a phone each replay is a block, and each figure says what it is
  const cell = (title: string, text: string, more = "") => h("td", { role: "cell", "data-title": title, title: more || undefined }, text);
  return h("table", { class: "figures", role: "table" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads.map((text) => h("th", { scope: "col", role: "columnheader", title: text === "Networks save" ? MEANS.worth : undefined }, text)))),
    h("tbody", { role: "rowgroup" }, ...shown.map((replay, place) => {
      const figures = [
        ["Bits/event", loss(replay)], against && [`Against no. ${against.id}`, differenceWords(replay, against)], ["Best simple", fixed(simpleLoss(replay), 3)], ["Skill", percent(replay.skill)],
        hasNetwork && ["Networks save", percent(replay.network_gain, 1)], ["Incidents", count(replay.incidents)], ["Seconds", fixed(replay.seconds, 1)], ["Ended in the state", sameWords(replay, shown), replay.state_hash ?? ""],
      ].filter((figure) => figure !== null && figure !== false) as [string, string, string?][];
      return h("tr", { role: "row" },
        h("th", { scope: "row", role: "rowheader" }, swatch(place), h("span", { class: "dim" }, `no. ${replay.id} `), h("bdi", {}, shorten(nameOf(replay), 60)), isOver(replay) ? null : h("span", { class: "dim" }, `, ${stateWords(replay)}`)),
        ...figures.map((figure) => cell(...figure)));
    })));
}
