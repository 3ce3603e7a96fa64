// How a value flows through a field's model: a graph of its stages, drawn from the code's own description.

import type { EventCost, FieldDescription, FlowStage } from "surmise";
import { clear, h, svg } from "./dom";
import { bits, count, fieldWords, num, percent, plural } from "./format";
import { contextWords, predictorWords, sidesOf } from "./predictors";
import { stageTime, timeShort, timeWords } from "./stagetime";

/** What a field's model is drawn of: the model among those of the other fields, and what is measured of an event. */
export interface Drawn {
  field: FieldDescription;
  fields: FieldDescription[];
  cost: EventCost;
}

interface Item {
  name: string;
  /** What answers and settings call it, where that is another name. */
  code?: string;
  about: string;
  part?: number;
  end?: string;
}

/** Below this width, in pixels, stages stand one below the other. */
const NARROW = 640;

/** How many stages a value goes through before each, by the longest way. */
export function depths(flow: FlowStage[]): number[] {
  const depth = new Map<string, number>();
  return flow.map(({ name, reads }) => {
    const own = Math.max(-1, ...reads.map((read) => depth.get(read) ?? -1)) + 1;
    depth.set(name, own);
    return own;
  });
}

/** What counts for less now is listed below what counts for more, once a person asks for it. */
const PART_MIN = 0.002;

function listed(items: Item[]): HTMLElement[] {
  const list = (of: Item[]) => h("ul", { class: "plain inside" }, ...of.map(row));
  const few = items.filter(({ part }) => part !== undefined && part < PART_MIN);
  if (few.length < 3) return [list(items)];
  return [list(items.filter((item) => !few.includes(item))), h("details", { class: "folded" }, h("summary", {}, `${count(few.length)} more, of less than ${percent(PART_MIN, 1)} each`), list(few))];
}

/** The stages of a field's model, each a button that shows its parts below; `opened` keeps which one is open. */
export function lane(drawn: Drawn, place: number, opened: Map<string, string>): HTMLElement {
  const { field, cost } = drawn;
  const { flow } = field;
  const at = depths(flow);
  // a name may hold blanks, which an id may not
  const panel = h("div", { class: "panel", id: `parts-${place}` });
  const buttons = flow.map((stage) =>
    h("button", { type: "button", class: "stage", "aria-controls": panel.id, onclick: () => show(opened.get(field.name) === stage.name ? "" : stage.name) }, h("span", { class: "what" }, stage.name), h("span", { class: "figure" }, figure(stage, field)), h("span", { class: "time" }, timeShort(stageTime(stage.name, flow, cost)))));
  const show = (name: string) => {
    opened.set(field.name, name);
    buttons.forEach((button, i) => button.setAttribute("aria-expanded", String(flow[i]!.name === name)));
    const stage = flow.find((stage) => stage.name === name);
    panel.hidden = stage === undefined;
    if (stage !== undefined) clear(panel, h("p", { class: "facts" }, `${said(stage)} ${timeWords(stageTime(stage.name, flow, cost))}`), ...listed(items(stage, drawn)));
  };
  show(opened.get(field.name) ?? (flow.some((stage) => stage.name === "experts") ? "experts" : "mixture"));
  const ways = svg("svg", { class: "ways", "aria-hidden": "true" });
  const columns = Array.from({ length: Math.max(-1, ...at) + 1 }, (_, depth) => h("li", {}, ...buttons.filter((_, i) => at[i] === depth)));
  const stages = h("div", { class: "flow" }, ways, h("ol", { class: "stages" }, ...columns));
  // a removed element has no size and is not looked at any more
  new ResizeObserver(() => drawWays(stages, ways, flow, buttons)).observe(stages);
  return h("div", { class: "lane" }, flow.length === 0 ? h("p", { class: "dim" }, "It has a model from its second value on.") : stages, panel);
}

/** The lanes of all fields: one is open, and each other is drawn once a person opens it. */
export function lanes(fields: FieldDescription[], cost: EventCost, opened: Map<string, string>, unfolded: Set<string>): HTMLElement[] {
  if (unfolded.size === 0 && fields[0]) unfolded.add((fields.find((field) => field.flow.length > 0 && field.kind !== "gap") ?? fields[0]).name);
  const all = fields.map((field, place) => {
    const name = [h("bdi", {}, fieldWords(field.name, field.kind)), " ", h("span", { class: "dim" }, `${field.kind === field.name ? "" : `${field.kind}, `}${bits(field.loss_bits)} bits`)];
    const element = h("details", { class: "folded", open: unfolded.has(field.name) }, h("summary", {}, ...name));
    const draw = () => element.open && element.children.length === 1 && element.append(lane({ field, fields, cost }, place, opened));
    element.addEventListener("toggle", () => {
      if (element.open) unfolded.add(field.name);
      else unfolded.delete(field.name);
      draw();
    });
    draw();
    return element;
  });
  const [first, rest] = [all.slice(0, LANES_MAX), all.slice(LANES_MAX)];
  if (rest.length === 0) return first;
  const more = h("details", { class: "folded", open: unfolded.has(MORE) }, h("summary", {}, plural(rest.length, "more field")), ...(unfolded.has(MORE) ? rest : []));
  more.addEventListener("toggle", () => {
    if (more.open) unfolded.add(MORE), more.append(...rest);
    else unfolded.delete(MORE);
  });
  return [...first, more];
}

/** Fields that are listed at once, and what stands for the others among those that are unfolded. */
const LANES_MAX = 12;
const MORE = "\n";

/** Draws who reads whom: from each stage's end to the beginning of those that read it. */
function drawWays(stages: HTMLElement, ways: SVGElement, flow: FlowStage[], buttons: HTMLElement[]): void {
  // what does not fit side by side stands one below the other
  stages.classList.remove("narrow");
  const down = stages.clientWidth < NARROW || stages.scrollWidth > stages.clientWidth + 1;
  stages.classList.toggle("narrow", down);
  const own = stages.getBoundingClientRect();
  const box = new Map(flow.map((stage, i) => [stage.name, buttons[i]!.getBoundingClientRect()]));
  const paths = flow.flatMap((stage) => stage.reads.map((read) => {
    const [from, to] = [box.get(read), box.get(stage.name)];
    if (!from || !to) return null;
    const [x1, y1, x2, y2] = down
      ? [from.left + from.width / 2, from.bottom, to.left + to.width / 2, to.top]
      : [from.right, from.top + from.height / 2, to.left, to.top + to.height / 2];
    const [a, b, c, d] = [x1 - own.left, y1 - own.top, x2 - own.left, y2 - own.top].map((x) => Math.round(x));
    const [mx, my] = [Math.round((a! + c!) / 2), Math.round((b! + d!) / 2)];
    return svg("path", { d: down ? `M${a} ${b}C${a} ${my} ${c} ${my} ${c} ${d}` : `M${a} ${b}C${mx} ${b} ${mx} ${d} ${c} ${d}` });
  }));
  ways.setAttribute("viewBox", `0 0 ${Math.max(1, Math.round(own.width))} ${Math.max(1, Math.round(own.height))}`);
  ways.replaceChildren(...paths.filter((path) => path !== null));
}

/** What a stage does, and whom it reads. */
const said = ({ about, reads }: FlowStage): string => `${about.charAt(0).toUpperCase()}${about.slice(1)}.${reads.length > 0 ? ` It reads: ${reads.join(", ")}.` : ""}`;

/** What is most worth knowing of a stage at a glance. */
function figure(stage: FlowStage, field: FieldDescription): string {
  const top = byWeight(field)[0];
  if (stage.name === "network" && field.network) return `${field.network.layers} × ${field.network.hidden}`;
  if (stage.name === "network") return "not yet";
  if (stage.name === "experts") return top ? `${predictorWords(top.name)} ${top.end}` : "none yet";
  if (stage.name === "mixture") return `${bits(field.loss_bits)} bits`;
  return stage.parts.length > 0 ? String(stage.parts.length) : "";
}

/** The experts of the mixture, by what they count now. */
const byWeight = (field: FieldDescription) =>
  [...field.experts].sort((a, b) => b.weight - a.weight).map((e) => ({ name: e.name, about: e.about, part: e.weight, end: percent(e.weight), loss: e.loss_bits }));

/** What stands in a stage. */
function items(stage: FlowStage, { field, fields }: Drawn): Item[] {
  const whole = field.flow.some(({ name }) => name === "experts") ? "experts" : "mixture";
  if (stage.name === "network") return networkItems(field);
  const sides = sidesOf(fields, field);
  const parts = stage.parts.map((part): Item => (stage.name === "contexts" ? { name: contextWords(part, sides), code: part.name, about: "" } : named(part)));
  const experts = stage.name === whole ? byWeight(field).map(({ loss, ...e }) => ({ ...named(e), part: e.part, end: `${bits(loss)} bits` })) : parts;
  const scored = stage.name === "mixture" ? [{ name: "mean surprise of a value", about: `${bits(field.loss_bits)} bits over ${plural(field.count, "value")}, each scored before it was learnt` }] : [];
  return [...scored, ...experts];
}

/** A predictor in words, with the name by which settings and reports know it. */
function named({ name, about }: { name: string; about: string }): Item {
  const words = predictorWords(name);
  return words === name ? { name, about } : { name: words, code: name, about: words === about ? "" : about };
}

function networkItems({ network }: FieldDescription): Item[] {
  if (!network) return [{ name: "none yet", about: "it is made with the first values" }];
  return [
    { name: "weights", about: count(network.parameters) },
    { name: "chunk", about: `${network.chunk} steps of backpropagation` },
    { name: "challengers", about: `${plural(network.promotions, "promotion")} of ${plural(network.trials, "trial")}` },
    { name: "refused updates", about: count(network.updates_rejected) },
    ...(network.gain == null ? [] : [{ name: "saves", about: `${percent(network.gain)} of the field's bits` }]),
    ...network.each_layer.flatMap((layer, i) => [
      { name: `layer ${i + 1}`, about: `weights of norm ${num(layer.weight_norm)}, gradients of norm ${num(layer.gradient_norm)}` },
      { name: `dead units of layer ${i + 1}`, about: layer.dead_units === 0 ? "none" : `${count(layer.dead_units)} of ${count(network.hidden)}: nothing depends on them` },
    ]),
    { name: "sleeps", about: network.sleeps ? "yes: it saved less than a thousandth of the bits" : "no" },
  ];
}

const row = (item: Item): HTMLElement =>
  h("li", {}, h("span", { class: "name" }, item.name, item.end ? h("span", { class: "end" }, item.end) : null), item.part === undefined ? null : weightBar(item.part), h("span", { class: "dim" }, item.code ? h("code", {}, item.code) : null, item.code && item.about ? " " : null, item.about));

function weightBar(part: number): HTMLElement {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${part * 100}%`;
  return h("span", { class: "meter", "aria-hidden": "true" }, fill);
}
