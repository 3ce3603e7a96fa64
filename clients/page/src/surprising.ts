// The rarest events of a stream and its keys by them, as the daemon keeps them: whatever page was open when they came.

import type { AlarmEvent, EventJson, RareEvent, SurpriseList } from "surmise";
import { daemon } from "./daemon";
import { clear, h } from "./dom";
import { eventElement, inOrder, shorten } from "./eventtext";
import { ago, count, kindWords, num, rarity } from "./format";
import { state } from "./state";

/** Events that are listed, and how many texts of events are kept. */
const LISTED = 8;
const TEXTS_MAX = 100;
/** All that the daemon keeps. */
const ASKED = 112;

interface Item {
  offset: number;
  rarity: number;
  about: string;
  when: string;
  element: HTMLElement;
}

export class Surprising {
  readonly events = h("ol", { class: "surprises" });
  readonly keys = h("div", {});
  list: SurpriseList | null = null;
  private readonly texts = new Map<number, EventJson | null>();
  /** How often another stream came in the place of this one. */
  private replaced = 0;

  constructor(private readonly name: string, private readonly signal: AbortSignal) {}

  /** Asks for what is kept, and for the texts of what is shown of it. */
  async look(): Promise<void> {
    const { name, signal } = this;
    const { replaced } = this;
    const list = await daemon.surprises(name, { limit: ASKED, signal });
    // what was asked of the stream before is not of this one
    if (replaced !== this.replaced) return;
    this.list = list;
    for (const { offset } of list.surprises.slice(0, LISTED)) {
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
    const began = incidents.filter((i) => i.event !== null).map((i): Item =>
      ({ offset: i.event_offset, rarity: i.rarity_events, about: kindWords(i.kind, i.field, true), when: ago(i.time), element: eventElement(inOrder(i.event, this.fields()), i.parts) }));
    const kept = (this.list?.surprises ?? []).filter((s) => this.texts.has(s.offset)).map((s): Item => {
      const event = this.texts.get(s.offset) ?? null;
      const element = event ? eventElement(event, []) : h("span", {}, `Event ${count(s.offset)}`, h("span", { class: "dim" }, ", which the log no longer has"));
      return { offset: s.offset, rarity: s.rarity_events, about: "", when: this.when(s), element };
    });
    const known = new Set<number>();
    const items = [...began.sort(rarest), ...kept.sort(rarest)].filter((item) => !known.has(item.offset) && known.add(item.offset)).slice(0, LISTED);
    if (items.length === 0) return [h("li", { class: "dim" }, "Nothing came yet.")];
    return items.map((item) =>
      h("li", { "data-offset": item.offset }, h("a", { href: link(item.offset) }, item.element),
        h("p", { class: "facts" }, [item.about, `${item.about ? "rarity of the incident: " : ""}${rarity(item.rarity)}`, item.when].filter(Boolean).join(" · "))));
  }
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
