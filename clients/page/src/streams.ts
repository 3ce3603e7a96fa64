// Every stream in one list: sorted, filtered, grouped; only the rows in sight are in the document.

import type { StreamRow } from "surmise";
import { clear, h, svg } from "./dom";
import { MEANS } from "./facts";
import { ago, bits, changeShort, count, kindShort, percent, plural, rate, short } from "./format";
import { state } from "./state";

type Column = "name" | "rate" | "bits" | "skill" | "incident" | "drift" | "events";

const COLUMNS: { key: Column; title: string; about: string }[] = [
  { key: "name", title: "Stream", about: "" },
  { key: "rate", title: "Events/s", about: "Over the latest ten seconds." },
  { key: "bits", title: "Bits/event", about: MEANS.bits + " The line is of the latest thirty minutes, or of as many of them as there were events in." },
  { key: "skill", title: "Skill", about: MEANS.skill },
  { key: "incident", title: "Last incident", about: "" },
  { key: "drift", title: "Lasting change", about: "The latest that is known, and how many events ago it began: a number moved to another level, the stream or a field became less predictable, or events come faster or more slowly." },
  { key: "events", title: "Events", about: "Events learnt so far." },
];

type Item = { group: string; rows: StreamRow[] } | { row: StreamRow };

/** Kept while the page is open, so that going back finds the list as it was. */
const view = { sort: "incident" as Column, down: true, filter: "", group: "none", scroll: 0, closed: new Set<string>() };

const value = (row: StreamRow, column: Column): string | number => {
  switch (column) {
    case "name": return row.stream;
    case "rate": return row.events_per_second;
    case "bits": return row.recent_bits ?? -1;
    case "skill": return row.skill ?? -9;
    case "incident": return (row.failed ? "9" : row.last_incident && row.last_incident.phase !== "ended" ? "2" : row.last_incident ? "1" : "0") + (row.last_incident?.time ?? "");
    case "drift": return row.drift ? row.drift.began - row.offset : Number.NEGATIVE_INFINITY;
    case "events": return row.offset;
  }
};

export function arrange(rows: StreamRow[], sort: Column, down: boolean, filter: string): StreamRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row: StreamRow) => words.every((word) => matches(row, word));
  const sign = down ? -1 : 1;
  // what is compared is worked out once a row, and not at each comparison
  const keyed = rows.filter(fits).map((row) => ({ row, key: value(row, sort) }));
  keyed.sort((a, b) => (a.key !== b.key ? (a.key < b.key ? -sign : sign) : a.row.stream < b.row.stream ? -1 : 1));
  return keyed.map(({ row }) => row);
}

function matches(row: StreamRow, word: string): boolean {
  if (word === "is:odd") return row.last_incident !== null && row.last_incident.phase !== "ended";
  if (word === "is:failed") return row.failed !== null;
  if (word === "is:live") return row.events_per_second > 0;
  if (word === "is:drifting") return row.drift !== null;
  return row.stream.toLowerCase().includes(word);
}

/** What a name begins with, up to its first separator. */
export const prefix = (name: string): string => name.split(/[-._:/]/)[0] || name;

export function streams(root: HTMLElement, signal: AbortSignal): void {
  const filter = h("input", { type: "search", placeholder: "Filter by name, is:odd, is:live, is:drifting, is:failed", "aria-label": "Filter streams", value: view.filter });
  const group = h("select", { "aria-label": "Group streams" }, ...[["none", "No groups"], ["prefix", "Group by name"], ["rule", "Group by rule"]].map(([v, t]) => h("option", { value: v!, selected: v === view.group }, t!)));
  const total = h("span", { class: "total", "aria-live": "polite" });
  const sortBy = h("select", { class: "sortby", "aria-label": "Sort streams" }, ...COLUMNS.map((c) => h("option", { value: c.key, selected: c.key === view.sort }, `Sort by ${c.title.toLowerCase()}`)));
  const head = h("div", { class: "row head", role: "row" });
  const body = h("div", { class: "rows", role: "presentation" });
  const port = h("div", { class: "viewport", tabindex: 0, role: "rowgroup", "aria-label": "Streams, scrollable" }, body);
  const table = h("div", { class: "table", role: "table", "aria-label": "Streams" }, h("div", { role: "rowgroup" }, head), port);
  root.append(h("div", { class: "bar" }, h("h1", {}, "Streams"), filter, group, sortBy, total), table);

  let items: Item[] = [];
  const pool = new Map<string, Row | Group>();
  const height = () => (matchMedia("(max-width: 720px)").matches ? 84 : 44);

  const header = () =>
    clear(head, ...COLUMNS.map((c) =>
      h("div", { role: "columnheader", class: `c-${c.key}`, "aria-sort": c.key === view.sort ? (view.down ? "descending" : "ascending") : "none" },
        h("button", { type: "button", title: c.about || undefined, onclick: () => sort(c.key) }, c.title, h("span", { "aria-hidden": "true", class: "arrow" }, c.key === view.sort ? (view.down ? " ↓" : " ↑") : "")))));
  const sort = (key: Column) => {
    if (view.sort === key) view.down = !view.down;
    else [view.sort, view.down] = [key, key !== "name"];
    sortBy.value = view.sort;
    header();
    draw();
  };

  const draw = () => {
    const all = [...state.rows.values()];
    const rows = arrange(all, view.sort, view.down, view.filter);
    total.textContent = rows.length === all.length ? plural(all.length, "stream") : `${count(rows.length)} of ${plural(all.length, "stream")}`;
    items = group.value === "none" ? rows.map((row) => ({ row })) : grouped(rows);
    table.setAttribute("aria-rowcount", String(items.length + 1));
    paint();
  };
  const grouped = (rows: StreamRow[]): Item[] => {
    const groups = new Map<string, StreamRow[]>();
    for (const row of rows) {
      const name = group.value === "rule" ? row.group || "no rule" : prefix(row.stream);
      const members = groups.get(name);
      if (members) members.push(row);
      else groups.set(name, [row]);
    }
    return [...groups].flatMap(([name, members]) => [{ group: name, rows: members }, ...(view.closed.has(name) ? [] : members.map((row) => ({ row })))]);
  };
  const paint = () => {
    const size = height();
    body.style.height = `${items.length * size}px`;
    port.style.setProperty("--rows", body.style.height);
    const first = Math.max(0, Math.floor(port.scrollTop / size) - 4);
    const last = Math.min(items.length, Math.ceil((port.scrollTop + port.clientHeight) / size) + 4);
    const wanted: HTMLElement[] = [];
    const names = new Set<string>();
    for (let i = first; i < last; i++) {
      const item = items[i]!;
      const name = "row" in item ? `s${item.row.stream}` : `g${item.group}`;
      names.add(name);
      const known: Row | Group = pool.get(name) ?? ("row" in item ? new Row() : new Group(draw));
      pool.set(name, known);
      if (known instanceof Row && "row" in item) known.show(item.row);
      if (known instanceof Group && "group" in item) known.show(item);
      known.element.style.transform = `translateY(${i * size}px)`;
      known.element.style.height = `${size}px`;
      known.element.setAttribute("aria-rowindex", String(i + 2));
      wanted.push(known.element);
    }
    for (const [name, { element }] of pool) {
      if (names.has(name)) continue;
      element.remove();
      pool.delete(name);
    }
    let before: Element | null = null;
    for (const element of wanted) {
      const place: Element | null = before ? before.nextElementSibling : body.firstElementChild;
      if (place !== element) body.insertBefore(element, place);
      before = element;
    }
    body.classList.toggle("none", items.length === 0);
  };

  filter.addEventListener("input", () => ((view.filter = filter.value), draw()));
  group.addEventListener("change", () => ((view.group = group.value), draw()));
  sortBy.addEventListener("change", () => sort(sortBy.value as Column));
  let due = false;
  port.addEventListener("scroll", () => {
    view.scroll = port.scrollTop;
    if (due) return;
    due = true;
    requestAnimationFrame(() => ((due = false), paint()));
  }, { passive: true });
  port.addEventListener("keydown", (event) => move(event, port, height()));
  addEventListener("resize", paint, { signal });
  header();
  state.onNews(["rows"], signal, draw);
  port.scrollTop = view.scroll;
  paint();
}

/** Arrow keys go from row to row. */
function move(event: KeyboardEvent, port: HTMLElement, size: number): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const row = (event.target as HTMLElement).closest<HTMLElement>(".rows > .row");
  if (step === 0 || !row) return;
  event.preventDefault();
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const target = next?.querySelector<HTMLElement>("a, button");
  if (!target) return;
  target.focus({ preventScroll: true });
  const top = (Number(next!.getAttribute("aria-rowindex")) - 2) * size;
  if (top < port.scrollTop) port.scrollTop = top;
  else if (top + size > port.scrollTop + port.clientHeight) port.scrollTop = top + size - port.clientHeight;
}

/** A cell of a row: what it shows, and how that is drawn anew where it has changed. */
interface Cell { column: Column; shape: string; draw: () => (Node | string | null)[] }

const moodOf = (row: StreamRow): string =>
  row.failed ? "failed" : row.last_incident !== null && row.last_incident.phase !== "ended" ? "odd" : row.events_per_second > 0 ? "live" : "still";

function cellsOf(row: StreamRow): Cell[] {
  const mood = moodOf(row);
  const words = { failed: "does not learn any more", odd: "something is odd", live: "learning", still: "no event in the latest ten seconds" }[mood]!;
  const link = `#/stream/${encodeURIComponent(row.stream)}`;
  const dim = (text: string, title?: string) => h("span", { class: "dim", title }, text);
  const figure = (column: Column, text: string): Cell => ({ column, shape: text, draw: () => [text] });
  const incident = row.last_incident;
  const [change, since] = row.drift ? [changeShort(row.drift), `${plural(row.offset - row.drift.began, "event")} ago`] : ["none", ""];
  return [
    // a narrow screen has no column for a change
    { column: "name", shape: `${mood} ${row.failed} ${row.drift !== null}`, draw: () => [
      h("span", { class: "dot", role: "img", "aria-label": words, title: row.failed ?? words }),
      h("a", { href: link }, h("bdi", {}, row.stream)),
      row.drift ? h("span", { class: "tag" }, "changed") : null] },
    figure("rate", rate(row.events_per_second)),
    { column: "bits", shape: `${bits(row.recent_bits)} ${row.trend}`, draw: () => [spark(row.trend ?? []), h("span", { class: "figure" }, bits(row.recent_bits))] },
    figure("skill", percent(row.skill)),
    { column: "incident", shape: incident ? `${incident.kind} ${incident.phase} ${incident.oddest} ${incident.began < row.offset} ${short(incident.time)}` : "", draw: () => [incident
      ? h("a", { href: `${link}${incident.began < row.offset ? `/event/${incident.oddest}` : ""}`, class: incident.phase !== "ended" ? "open" : "over" }, `${kindShort(incident.kind, incident.began < row.offset)} `, dim(short(incident.time), ago(incident.time)), h("span", { class: "hidden-text" }, incident.time ? " ago" : ""))
      : dim("none")] },
    { column: "drift", shape: `${change} ${since}`, draw: () => (row.drift ? [h("div", { class: "what", title: `${change}, ${since}` }, change), h("span", { class: "hidden-text" }, ", "), h("div", { class: "ago dim" }, since)] : [dim("none")]) },
    figure("events", count(row.offset)),
  ];
}

/** How long words of a row that tell how long ago something was stay as they are. */
const WORDS_MS = 30_000;

/** A row of the list. Of one that is on the screen, only cells that show something else are drawn anew. */
class Row {
  readonly element = h("div", { role: "row" });
  private shapes: string[] = [];
  /** What is shown: each news of a stream brings another row, and times in words grow old. */
  private shown: StreamRow | null = null;
  private until = 0;

  show(row: StreamRow): void {
    // a list that is scrolled asks at each frame
    if (row === this.shown && Date.now() < this.until) return;
    [this.shown, this.until] = [row, Date.now() + WORDS_MS];
    const cells = cellsOf(row);
    this.element.className = `row ${moodOf(row)}`;
    if (this.shapes.length === 0) this.element.append(...cells.map(({ column }) => h("div", { role: "cell", class: `c-${column}` })));
    cells.forEach(({ shape, draw }, i) => {
      if (this.shapes[i] === shape) return;
      const cell = this.element.children[i] as HTMLElement;
      const focused = cell.contains(document.activeElement);
      clear(cell, ...draw());
      if (focused) cell.querySelector<HTMLElement>("a")?.focus();
    });
    this.shapes = cells.map(({ shape }) => shape);
  }
}

/** The head of a group. */
class Group {
  readonly element = h("div", { class: "row group", role: "row" });
  private shape = "";

  constructor(private readonly redraw: () => void) {}

  show({ group, rows }: { group: string; rows: StreamRow[] }): void {
    const closed = view.closed.has(group);
    const odd = rows.filter((row) => row.last_incident && row.last_incident.phase !== "ended").length;
    const told = ` ${count(rows.length)} · ${rate(rows.reduce((sum, row) => sum + row.events_per_second, 0))} events/s${odd ? ` · ${count(odd)} odd` : ""}`;
    if (this.shape === `${closed}${told}`) return;
    this.shape = `${closed}${told}`;
    const focused = this.element.contains(document.activeElement);
    const toggle = () => (closed ? view.closed.delete(group) : view.closed.add(group), this.redraw());
    clear(this.element, h("div", { role: "cell", class: "c-group" },
      h("button", { type: "button", "aria-expanded": String(!closed), onclick: toggle }, h("span", { "aria-hidden": "true" }, closed ? "▸ " : "▾ "), h("bdi", {}, group)),
      h("span", { class: "dim" }, told)));
    if (focused) this.element.querySelector("button")?.focus();
  }
}

/** A line of the latest values from the first that is known on, without axes. */
export function spark(values: (number | null)[], width = 72, tall = 20): Node {
  const points = sparkPoints(values, width, tall);
  const image = svg("svg", { class: points.length < 3 ? "spark few" : "spark", viewBox: `0 0 ${width} ${tall}`, width, height: tall, "aria-hidden": "true", focusable: "false" });
  if (points.length < 2) return image;
  const path = points.map(([x, y, isJoined]) => `${isJoined ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  const [x, y] = points.at(-1)!;
  image.append(svg("path", { d: path, fill: "none" }), svg("circle", { cx: x, cy: y, r: 1.8 }));
  return image;
}

/** Where the points of such a line are, and whether each is joined to the one before. */
export function sparkPoints(all: (number | null)[], width: number, tall: number): [x: number, y: number, isJoined: boolean][] {
  const values = all.slice(all.findIndex((v) => v !== null));
  const known = values.filter((v) => v !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (v: number) => (high - low < 1e-9 ? tall / 2 : tall - 2 - ((v - low) / (high - low)) * (tall - 4));
  const x = (i: number) => 1 + (i / Math.max(1, values.length - 1)) * (width - 4);
  return values.flatMap((v, i): [number, number, boolean][] => (v === null ? [] : [[x(i), y(v), i > 0 && values[i - 1] !== null]]));
}
