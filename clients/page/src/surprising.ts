// The rarest events of a stream and its keys by them, as the daemon keeps them: whatever page was open when they came.

import { ProblemError, type AlarmEvent, type EventJson, type Part, type RareEvent, type SurpriseList } from "surmise";
import { pause } from "surmise/pause";
import { daemon } from "./daemon";
import { clear, h } from "./dom";
import { eventElement, inOrder, shorten } from "./eventtext";
import { ago, count, kindWords, num, rarity, subjectOf } from "./format";
import { state } from "./state";
import { askWhy } from "./why";
import { holds } from "./tempo";

/** Events that are listed, and how many texts of events are kept. */
const LISTED = 8;
const TEXTS_MAX = 100;
/** All that the daemon keeps. */
const ASKED = 112;
/** How long the daemon may learn its log again to say why one event is odd. */
const WHY_SECONDS = 5;

/** What was found out of why rare events are odd, by stream and offset; nothing where it cannot be told. Each costs the daemon a part of its log. */
const parts = new Map<string, Part[]>();
const PARTS_MAX = 200;

interface Item {
  offset: number;
  rarity: number;
  about: (string | false)[];
  when: string;
  element: HTMLElement;
}

export class Surprising {
  readonly events = h("ol", { class: "surprises" });
  readonly keys = h("div", {});
  list: SurpriseList | null = null;
  private readonly texts = new Map<number, EventJson | null>();
  /** Events that are shown, and of which it was not asked yet what is odd about them. */
  private unexplained: number[] = [];
  /** How often another stream came in the place of this one. */
  private replaced = 0;

  constructor(private readonly name: string, private readonly signal: AbortSignal) {}

  /** Asks for what is kept, and for the texts of what is shown of it: beside incidents, and as the rarest of keys. */
  async look(incidents: AlarmEvent[]): Promise<void> {
    const { name, signal } = this;
    const { replaced } = this;
    const list = await daemon.surprises(name, { limit: ASKED, signal });
    // what was asked of the stream before is not of this one
    if (replaced !== this.replaced) return;
    this.list = list;
    const shown = [...byIncident(incidents, list.surprises).others.slice(0, LISTED), ...byKey(list.surprises).slice(0, LISTED).map(({ rarest }) => rarest)];
    for (const { offset } of shown) {
      if (this.texts.has(offset)) continue;
      // a part of the log that cannot be read now hides one text, and nothing else
      const log = await daemon.events(name, { from: offset, count: 1, signal }).catch(() => null);
      if (replaced !== this.replaced) return;
      const event = log?.events.find((item) => item.offset === offset)?.event ?? null;
      // the latest events are in the log a moment later
      if (log === null || (event === null && offset >= log.end)) continue;
      this.texts.set(offset, event);
      if (this.texts.size > TEXTS_MAX) this.texts.delete(this.texts.keys().next().value!);
    }
  }

  /** Finds out why what is shown is odd, one event after another, so that its odd part can be marked. */
  async explain(redraw: () => void): Promise<void> {
    const { name, signal } = this;
    while (!signal.aborted) {
      const offset = document.hidden ? undefined : this.unexplained[0];
      if (offset !== undefined) {
        const id = this.idOf(offset);
        let told: Part[] | null = [];
        try {
          told = (await askWhy(name, offset, signal, WHY_SECONDS)).parts;
        } catch (error) {
          // one that cannot be told now is asked again, and one that cannot be told at all is not
          if (!(error instanceof ProblemError) || error.status === 429) told = null;
        }
        if (signal.aborted) return;
        if (told !== null) parts.set(id, told);
        if (parts.size > PARTS_MAX) parts.delete(parts.keys().next().value!);
        this.unexplained.shift();
        redraw();
      }
      await pause(offset === undefined ? 2000 : 300, signal);
    }
  }

  /** The same offset is another event's in another incarnation of a stream. */
  private idOf = (offset: number): string => `${this.name}\n${state.rows.get(this.name)?.incarnation ?? 0}\n${offset}`;

  private fields(): { name: string }[] {
    return state.rows.get(this.name)?.schema.fields ?? [];
  }

  /** Forgets all, as another stream came in the place of this one. */
  clear(): void {
    this.replaced++;
    this.list = null;
    this.texts.clear();
  }

  draw(incidents: AlarmEvent[]): void {
    clear(this.events, ...this.listed(incidents));
    clear(this.keys, keyTable(this.list?.surprises ?? [], (s) => this.when(s)));
  }

  /** When a rare event was, by its own time where that is known. */
  private when(s: RareEvent): string {
    const time = this.texts.get(s.offset)?.time;
    return time === undefined ? since(s) : ago(time);
  }

  private listed(incidents: AlarmEvent[]): HTMLElement[] {
    const link = (offset: number) => `#/stream/${encodeURIComponent(this.name)}/event/${offset}`;
    const rarest = (a: Item, b: Item): number => b.rarity - a.rarity;
    const { of, others } = byIncident(incidents, this.list?.surprises ?? []);
    const began = [...of].map(([i, events]): Item => ({
      offset: i.event_offset, rarity: i.rarity_events, when: ago(i.time), element: eventElement(inOrder(i.event, this.fields()), i.parts),
      about: [kindWords(i.kind, subjectOf(i), true), `rarity of the incident: ${rarity(i.rarity_events)}`, events.length > 0 && moreWords(events.length)],
    }));
    const kept = others.filter((s) => this.texts.has(s.offset)).map((s): Item => {
      const event = this.texts.get(s.offset) ?? null;
      const element = event ? eventElement(event, parts.get(this.idOf(s.offset)) ?? []) : h("span", {}, `Event ${count(s.offset)}`, h("span", { class: "dim" }, ", which the log no longer has"));
      return { offset: s.offset, rarity: s.rarity_events, about: [rarity(s.rarity_events)], when: this.when(s), element };
    });
    const items = [...began.sort(rarest), ...kept.sort(rarest)].slice(0, LISTED);
    const shown = new Set(items.map(({ offset }) => offset));
    this.unexplained = others.map(({ offset }) => offset).filter((offset) => shown.has(offset) && this.texts.get(offset) && !parts.has(this.idOf(offset)));
    if (items.length === 0) return [h("li", { class: "dim" }, "Nothing came yet.")];
    return items.map((item) =>
      h("li", { "data-offset": item.offset }, h("a", { href: link(item.offset) }, item.element),
        h("p", { class: "facts" }, [...item.about, item.when].filter(Boolean).join(" · "))));
  }
}

/** How many others of an incident's events are among the rarest. */
export const moreWords = (events: number): string => `${count(events)} more of its events ${events === 1 ? "is" : "are"} among the rarest`;

/** The rarest events that belong to an incident, beside the one that shows it, and those of none. */
export function byIncident(incidents: AlarmEvent[], surprises: RareEvent[]): { of: Map<AlarmEvent, RareEvent[]>; others: RareEvent[] } {
  const of = new Map(incidents.filter(({ event }) => event !== null).map((incident): [AlarmEvent, RareEvent[]] => [incident, []]));
  const others: RareEvent[] = [];
  for (const rare of surprises) {
    const holding = [...of.keys()].filter((incident) => holds(incident, rare.offset));
    if (holding.length === 0) others.push(rare);
    else if (holding.every(({ event_offset: shown }) => shown !== rare.offset)) of.get(holding.reduce((a, b) => (b.rarity_events > a.rarity_events ? b : a)))!.push(rare);
  }
  return { of, others };
}

const since = (event: RareEvent): string => ago(new Date(event.time * 1000).toISOString());

/** Keys by the rarest of their events. */
export function byKey(surprises: RareEvent[]): { key: string; rarest: RareEvent; events: number }[] {
  const keys = new Map<string, { key: string; rarest: RareEvent; events: number }>();
  for (const event of surprises) {
    if (event.key === undefined) continue;
    const known = keys.get(event.key);
    if (!known) keys.set(event.key, { key: event.key, rarest: event, events: 1 });
    else {
      known.events++;
      if (event.rarity_events > known.rarest.rarity_events) known.rarest = event;
    }
  }
  return [...keys.values()].sort((a, b) => b.rarest.rarity_events - a.rarest.rarity_events);
}

function keyTable(surprises: RareEvent[], when: (event: RareEvent) => string): HTMLElement {
  const keys = byKey(surprises).slice(0, LISTED);
  if (keys.length === 0) return h("p", { class: "dim" }, surprises.length === 0 ? "No event was rare so far." : "Its rarest events have no keys.");
  return h("table", {}, h("thead", {}, h("tr", {}, ...["Key", "Rarest event", "When", "Among the rarest"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...keys.map(({ key, rarest, events }) => h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, shorten(key, 80))), h("td", {}, rarity(rarest.rarity_events)), h("td", {}, when(rarest)), h("td", {}, count(events))))));
}

/** How often events were how rare, beside what rarity promises that they are at most. */
export function rareTable(list: SurpriseList | null): HTMLElement {
  if (!list || list.counts.length === 0) return h("p", { class: "dim" }, "No event was rare so far.");
  return h("table", { class: "rare" }, h("thead", {}, h("tr", {}, ...["Once in", "At most", "Came"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...list.counts.map(({ rarity_events, events }) => h("tr", {}, h("th", { scope: "row" }, count(rarity_events)), h("td", {}, num(list.events / rarity_events, 2)), h("td", {}, count(events))))));
}
