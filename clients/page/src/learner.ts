// The learner of a stream as a graph, drawn from the code's own description of itself.

import type { FieldDescription, LearnerDescription, StatusAnswer, SystemReport } from "surmise";
import { pause } from "surmise/pause";
import { daemon, words } from "./daemon";
import { bar, bars } from "./bars";
import { clear, h, section } from "./dom";
import { shorten } from "./eventtext";
import { Facts, MEANS, type Fact } from "./facts";
import { bits, brief, count, num, percent, plural, rate } from "./format";
import { meanSince, readMetrics, sum, type Metrics } from "./metrics";
import { state } from "./state";

const LOOK_MS = 3000;

export function learner(root: HTMLElement, signal: AbortSignal, name: string): void {
  const link = `#/stream/${encodeURIComponent(name)}`;
  const problem = h("p", { class: "problem", role: "status" });
  const facts = new Facts();
  const runs = new Facts();
  const graph = h("div", { class: "graph" });
  const about = h("p", { class: "dim" });
  const cost = h("div", {});
  root.append(
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/streams" }, "Streams"), " / ", h("a", { href: link }, h("bdi", {}, shorten(name, 80))), " / ", h("h1", {}, "Learner")),
    problem, facts.element, section("Where its time goes", "Mean time of the stages of an event, of one event in 64.", cost), section("How an event flows", "From left to right: first what predicts, then what mixes it, and what comes of it. Open a stage to see its parts.", about, graph),
    section("What it takes", "", runs.element));
  const opened = new Map<string, string>();
  let before: Metrics | null = null;
  let drawn = "";
  void (async () => {
    while (!signal.aborted) {
      if (!document.hidden) {
        try {
          const status = await daemon.status(name, { signal });
          if (status.failed !== undefined) throw new Error(`It does not learn any more: ${status.failed}`);
          const [description, system, now] = await Promise.all([daemon.learner(name, { signal }), daemon.system({ signal }), readMetrics(signal)]);
          facts.draw(head(description, status, now, before));
          runs.draw(machine(description, status, system, now, before));
          about.textContent = description.choices;
          clear(cost, stages(status));
          const shape = JSON.stringify(description);
          // what a person has opened stays open, and is not torn away while it is read
          if (shape !== drawn && !graph.contains(document.activeElement)) {
            drawn = shape;
            clear(graph, ...description.fields.map((field, place) => lane(field, place, opened)));
          }
          before = now;
          problem.textContent = "";
        } catch (error) {
          if (signal.aborted) return;
          problem.textContent = words(error);
        }
      }
      await pause(LOOK_MS, signal);
    }
  })();
}

/** What a person wants to know first. */
function head(learner: LearnerDescription, status: StatusAnswer, now: Metrics | null, before: Metrics | null): Fact[] {
  return [
    ["Events learnt", count(learner.offset)],
    ["Events/s", rate(state.rows.get(status.stream)?.events_per_second ?? 0)],
    ["Time per event", status.cost.measured ? `${num(status.cost.microseconds)} µs` : "no event yet", "Mean time in which an event of this stream is scored and learnt."],
    ["Time per event, all streams", meanTime(now, before, "surmise_learn_duration_seconds"), "Mean time in which the daemon learnt an event lately, of whichever stream."],
    ["Events that wait, all streams", count(sum(now, "surmise_queue_events", { stage: "inbox" }))],
    ["Worth of networks", networkGain(learner, status), MEANS.worth],
  ];
}

/** What it takes, and what does it. */
function machine(learner: LearnerDescription, status: StatusAnswer, system: SystemReport, now: Metrics | null, before: Metrics | null): Fact[] {
  const rejected = Object.entries(status.updates_rejected).map(([why, n]) => `${count(n)} ${why}`).join(", ");
  return [
    ["Time per answer, all streams", meanTime(now, before, "surmise_predict_duration_seconds"), "Mean time of a prediction that was asked for."],
    ["Time to make events safe", meanTime(now, before, "surmise_commit_duration_seconds"), "Mean time in which events are made safe on the disk."],
    ["Weights", count(status.report.parameters), "Numbers of its networks that learning changes."],
    ["Corrections that wait", count(system.gradient_jobs_waiting), "Corrections of networks of all streams that wait for a free processor."],
    ["Corrections refused", rejected || "none", "Corrections that would have done harm, by reason."],
    ["Networks run on", system.device, ["What computes corrections of networks, and why.", ...system.device_choices].join(" ")],
    ["Processor's instructions", learner.kernel, "The vector instructions of this processor that it uses."],
    ["Code of the network", learner.engine, "Which of two implementations of the same network it is (model.engine)."],
  ];
}

/** The mean of a histogram since the last look, in words; – if metrics cannot be read. */
function meanTime(now: Metrics | null, before: Metrics | null, name: string): string {
  if (now === null) return "–";
  const seconds = meanSince(now, before, name);
  return seconds === null ? "none now" : brief(seconds);
}

/** How long each stage of an event takes. */
function stages({ cost }: StatusAnswer): HTMLElement {
  if (cost.measured === 0) return h("p", { class: "dim" }, "No event was measured since the daemon started.");
  return bars(...cost.stages.map((stage) => {
    const item = bar(stage.name, stage.microseconds / cost.microseconds, `${num(stage.microseconds)} µs`, stage.name === "network" || stage.name === "training" ? "network" : "");
    item.title = stage.about;
    return item;
  }));
}

/** Which share of the bits networks save, as the daemon tells it. */
function networkGain(learner: LearnerDescription, status: StatusAnswer): string {
  const { network_gain: gain } = status.report;
  if (gain != null) return `${percent(gain, 1)} of the bits`;
  return learner.fields.some((field) => field.network) ? "cannot be told" : "no network yet";
}

interface Item {
  name: string;
  about: string;
  part?: number;
  end?: string;
}

/** The stages of a field's model, each a button that shows its parts below. */
function lane(field: FieldDescription, place: number, opened: Map<string, string>): HTMLElement {
  const network = field.network;
  const experts = [...field.experts].sort((a, b) => b.weight - a.weight);
  const top = experts[0];
  const parts = field.parts.map(([title, items]): [string, string, Item[]] => [title, String(items.length), items]);
  const net: [string, string, Item[]][] = network
    ? [["network", `${network.layers} × ${network.hidden}`, [
        { name: "weights", about: count(network.parameters) },
        { name: "chunk", about: `${network.chunk} steps of backpropagation` },
        { name: "challengers", about: `${plural(network.promotions, "promotion")} of ${plural(network.trials, "trial")}` },
        { name: "refused updates", about: count(network.updates_rejected) },
        ...(network.gain == null ? [] : [{ name: "saves", about: `${percent(network.gain)} of the field's bits` }]),
        ...network.each_layer.flatMap((layer, i) => [
          { name: `layer ${i + 1}`, about: `weights of norm ${num(layer.weight_norm)}, gradients of norm ${num(layer.gradient_norm)}` },
          { name: `dead units of layer ${i + 1}`, about: layer.dead_units === 0 ? "none" : `${count(layer.dead_units)} of ${count(network.hidden)}: nothing depends on them` },
        ]),
        { name: "sleeps", about: network.sleeps ? "yes: it saved less than a thousandth of the bits" : "no" }]]]
    : [];
  const stages: [string, string, Item[]][] = [
    ["values", count(field.count), [{ name: "values scored", about: count(field.count) }]],
    ...parts.slice(0, 1), ...net, ...parts.slice(1),
    ["experts", top ? `${top.name} ${percent(top.weight)}` : "none yet", experts.map((e) => ({ name: e.name, about: e.about, part: e.weight, end: `${bits(e.loss_bits)} bits` }))],
    ["mixture", `${bits(field.loss_bits)} bits`, [{ name: "mean surprise of a value", about: `${bits(field.loss_bits)} bits, each scored before it was learnt` }]],
  ];
  // a name may hold blanks, which an id may not
  const id = `parts-${place}`;
  const panel = h("ul", { class: "panel", id });
  const buttons = stages.map(([title, figure]) =>
    h("button", { type: "button", class: "stage", "aria-controls": id, onclick: () => show(opened.get(field.name) === title ? "" : title) }, h("span", { class: "what" }, title), h("span", { class: "figure" }, figure)));
  const show = (title: string) => {
    opened.set(field.name, title);
    buttons.forEach((button, i) => button.setAttribute("aria-expanded", String(stages[i]![0] === title)));
    const items = stages.find(([name]) => name === title)?.[2] ?? [];
    panel.hidden = items.length === 0;
    clear(panel, ...items.map((item) =>
      h("li", {}, h("span", { class: "name" }, item.name, item.end ? h("span", { class: "end" }, item.end) : null), item.part === undefined ? null : weightBar(item.part), h("span", { class: "dim" }, item.about))));
  };
  show(opened.get(field.name) ?? "experts");
  return h("div", { class: "lane" }, h("h3", {}, h("bdi", {}, field.name), " ", h("span", { class: "dim" }, field.kind === field.name ? "" : field.kind)), h("ol", { class: "stages" }, ...buttons.map((button) => h("li", {}, button))), panel);
}

function weightBar(part: number): HTMLElement {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${part * 100}%`;
  return h("span", { class: "meter", "aria-hidden": "true" }, fill);
}
