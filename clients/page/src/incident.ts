// Incidents as cards: what is odd, since when, how rare it is, what was expected, and what a person says of it.

import type { AlarmEvent, Drift, Part, WhyAnswer } from "surmise";
import { clear, h } from "./dom";
import { eventElement, expectedWords, inOrder, ODD_BITS, shorten } from "./eventtext";
import { tempoWords, untilOf, whyOf } from "./explain";
import { MEANS } from "./facts";
import { ago, beganWords, changeWords, clock, fieldWords, kindWords, moment, plural, rarity, subjectOf, timeOf } from "./format";
import { isMuted, muteId, said, say, spoken } from "./local";
import { incidentId, state } from "./state";
import { isOfTempo, isOverdue } from "./tempo";
import { othersWords, together } from "./together";
import { isAsked, isNormal, judge, verdictOf } from "./verdict";

const DAY_MS = 86_400_000;

/** Whether an incident goes on. */
export const isOpen = (incident: AlarmEvent): boolean => incident.phase !== "ended";

/** Whether an incident goes on that nobody called normal. */
export const isOdd = (incident: AlarmEvent): boolean => isOpen(incident) && !isNormal(incident);

/** Incidents that nobody muted in this browser. */
export const visible = (incidents: AlarmEvent[]): AlarmEvent[] => incidents.filter((i) => !isMuted(i));

/** Incidents as they are listed: what is odd first, however old it is, and last what was called normal. */
export function listed(incidents: AlarmEvent[]): [odd: AlarmEvent[], over: AlarmEvent[], normal: AlarmEvent[]] {
  const rest = incidents.filter((i) => !isNormal(i));
  const order = new Map(spoken().map((id, place) => [id, place]));
  const placeOf = (i: AlarmEvent) => order.get(incidentId(i)) ?? order.size;
  return [rest.filter(isOpen), rest.filter((i) => !isOpen(i)), incidents.filter(isNormal).sort((a, b) => placeOf(a) - placeOf(b))];
}

/** Incidents of one kind that began within so long are one card, if they are of so many streams. */
const FOLD_MS = 10_000;
const FOLD_STREAMS_MIN = 3;

/**
 * The incidents that each card is of, in the order of the first of each. They are put together from the oldest on, so
 * that one that begins later parts none from the others.
 */
export function folded(incidents: AlarmEvent[]): AlarmEvent[][] {
  const groups: AlarmEvent[][] = [];
  const latest = new Map<string, AlarmEvent[]>();
  for (const incident of [...incidents].reverse()) {
    const group = latest.get(incident.kind);
    const [first, at] = [timeOf(group?.at(-1)?.time), timeOf(incident.time)];
    if (group && first !== null && at !== null && Math.abs(first - at) <= FOLD_MS) group.unshift(incident);
    else {
      const begun = [incident];
      groups.push(begun);
      latest.set(incident.kind, begun);
    }
  }
  const place = new Map(incidents.map((incident, i) => [incident, i]));
  const cards = groups.flatMap((group) => (new Set(group.map((i) => i.stream)).size >= FOLD_STREAMS_MIN ? [group] : group.map((i) => [i])));
  return cards.sort((a, b) => place.get(a[0]!)! - place.get(b[0]!)!);
}

/** Cards of incidents in the order of `listed`. A card is made anew only when it would be another one. */
export class Cards {
  readonly element = h("ol", { class: "incidents" });
  private readonly known = new Map<string, { element: HTMLElement; shape: string }>();
  private readonly folds = new Map<string, Fold>();
  /** Incidents that began together. */
  private groups: AlarmEvent[][] = [];
  private readonly over = h("li", { class: "divider" }, h("h2", {}, "Over, or usual by now"));
  private readonly normal = h("li", { class: "divider" }, h("h2", {}, "Called normal"), h("p", { class: "facts" }, "Of which incidents it was said is kept in this browser alone; every other one shows them as before."));

  constructor(private readonly redraw: () => void, private readonly inStream = false) {}

  draw(wanted: AlarmEvent[]): void {
    const focused = this.focused();
    this.groups = together(visible(state.latest()));
    const kept = new Set(wanted.map(incidentId));
    for (const id of this.known.keys()) if (!kept.has(id)) this.known.delete(id);
    const used = new Set<string>();
    const elementOf = (group: AlarmEvent[]) => {
      if (group.length === 1) return this.cardOf(group[0]!);
      // the one that began first stays the same as others join
      const id = incidentId(group.at(-1)!);
      used.add(id);
      const fold = this.folds.get(id) ?? new Fold(this.redraw);
      this.folds.set(id, fold);
      fold.draw(group, (i) => this.cardOf(i, group));
      return fold.element;
    };
    const lists = listed(wanted);
    const [odd, over] = [folded(lists[0]).map(elementOf), folded(lists[1]).map(elementOf)];
    const normal = lists[2].map((i) => this.cardOf(i));
    for (const id of this.folds.keys()) if (!used.has(id)) this.folds.delete(id);
    const elements = [...odd, ...(odd.length > 0 && over.length > 0 ? [this.over] : []), ...over, ...(normal.length > 0 ? [this.normal] : []), ...normal];
    const list = this.element;
    if (elements.length !== list.children.length || elements.some((e, i) => list.children[i] !== e)) list.replaceChildren(...elements);
    if (focused && document.activeElement !== focused.button) this.known.get(focused.id)?.element.querySelector<HTMLElement>(`[data-does="${focused.button.dataset.does}"]`)?.focus({ preventScroll: true });
    for (const time of list.querySelectorAll("time[data-at]")) time.textContent = ago(time.getAttribute("data-at"));
  }

  /** The button of a card that a person has just pressed, or would press. */
  private focused(): { id: string; button: HTMLElement } | null {
    const button = document.activeElement;
    if (!(button instanceof HTMLElement) || button.dataset.does === undefined) return null;
    const id = [...this.known].find(([, { element }]) => element.contains(button))?.[0];
    return id === undefined ? null : { id, button };
  }

  /** The card of an incident, in a card of several or alone. */
  private cardOf(incident: AlarmEvent, fold?: AlarmEvent[]): HTMLElement {
    const id = incidentId(incident);
    const others = othersWords(incident, this.groups, fold);
    const shape = JSON.stringify([incident.phase, incident.count, incident.rarity_events, incident.event === null, incident.oddest, said(id), isAsked(id), verdictOf(id), whyOf(incident) !== undefined, tempoWords(incident), untilOf(incident), lastingWords(incident), others]);
    const known = this.known.get(id);
    if (known?.shape === shape) return known.element;
    // a person who is writing a note must not lose it
    if (known?.element.contains(document.activeElement) && document.activeElement instanceof HTMLTextAreaElement) return known.element;
    const element = card(incident, this.redraw, this.inStream, others);
    this.known.set(id, { element, shape });
    return element;
  }
}

/** Incidents of several streams in one card, which shows each in a card of its own once it is unfolded. */
class Fold {
  private readonly what = h("h2", {});
  private readonly streams = h("span", { class: "stream" });
  private readonly since = h("span", { class: "since" });
  private readonly cards = h("ol", { class: "incidents" });
  private readonly mute = h("button", { type: "button", title: "Hides incidents of this kind in these streams for a day, in this browser alone" }, "Mute all for a day");
  private readonly all = h("details", {}, h("summary", { class: "head" }, this.what, this.since, this.streams), h("div", { class: "actions" }, this.mute), this.cards);
  private group: AlarmEvent[] = [];
  readonly element = h("li", {}, this.all);

  constructor(redraw: () => void) {
    this.all.addEventListener("toggle", redraw);
    this.mute.addEventListener("click", () => {
      for (const incident of this.group) mute(incident);
      redraw();
    });
  }

  draw(group: AlarmEvent[], cardOf: (incident: AlarmEvent) => HTMLElement): void {
    this.group = group;
    const first = group.at(-1)!;
    const names = [...new Set(group.map((i) => i.stream))].sort();
    this.element.className = `fold ${group.some(isOdd) ? "open" : "over"}`;
    this.element.dataset.incidents = String(group.length);
    this.what.textContent = kindWords(first.kind, new Set(group.map(subjectOf)).size === 1 ? subjectOf(first) : undefined, first.event !== null, group.some(isOpen));
    const shown = names.slice(0, NAMED_MAX);
    this.streams.textContent = `${plural(names.length, "stream")}: ${shown.join(", ")}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ""}`;
    clear(this.since, ...sinceElements(first));
    const cards = this.all.open ? group.map(cardOf) : [];
    if (cards.length !== this.cards.children.length || cards.some((card, i) => this.cards.children[i] !== card)) this.cards.replaceChildren(...cards);
  }
}

/** Streams that a folded card names. */
const NAMED_MAX = 6;

const mute = (incident: AlarmEvent): void => say(muteId(incident), { mutedUntil: Date.now() + DAY_MS });

/** When an incident began: with the event that it was noticed with, or with an odd one before that shows it. */
function beginning(incident: AlarmEvent): string | number | undefined {
  const shown = whyOf(incident);
  const time = typeof shown === "object" ? shown.event?.time : undefined;
  return (timeOf(time) ?? Infinity) < (timeOf(incident.time) ?? -Infinity) ? time : incident.time;
}

/** Since when an incident lasts, or when it was. */
function sinceElements(incident: AlarmEvent): (Node | string)[] {
  const { kind } = incident;
  const time = beginning(incident);
  const until = untilOf(incident);
  const isLong = until !== undefined && (timeOf(until) ?? 0) - (timeOf(time) ?? 0) >= 1000;
  const isNoticed = isOverdue(incident);
  const since = h("time", { "data-at": time === undefined ? "" : new Date(timeOf(time)!).toISOString(), title: moment(time) }, ago(time));
  return [`${beganWords(kind, isOpen(incident), isNoticed, lastingWords(incident) !== null)} `, since, ...(time ? [` (${clock(time)}${isLong && !isNoticed ? ` – ${clock(until)}` : ""})`] : [])];
}

/** Whether a lasting change of its stream came with an incident. To the event, neither is known to have begun. */
export const isWith = (drift: Pick<Drift, "began" | "noticed">, { began, offset, count: events }: Pick<AlarmEvent, "began" | "offset" | "count">): boolean =>
  events > 1 && drift.noticed >= began && drift.began <= offset;

/** The lasting change that came with an incident, as far as it is the latest of its stream. */
function lastingWords(incident: AlarmEvent): string | null {
  const drift = state.rows.get(incident.stream)?.drift;
  if (!drift || !isWith(drift, incident)) return null;
  // its own words tell the rates already, by other means
  const words = isOfTempo(incident) && drift.detector === "rate" ? "events come at another rate for good" : changeWords(drift);
  return `Lasting change: ${words}.`;
}

const VERDICTS = [
  ["normal", "That was normal", "Tells the daemon, which learns it: the like of this is not told any more, here or to anybody"],
  ["bad", "That mattered", "Tells the daemon, which learns it: such incidents are told sooner, here and to everybody"],
] as const;

function card(incident: AlarmEvent, redraw: () => void, inStream: boolean, others: string | null): HTMLElement {
  const id = incidentId(incident);
  const known = whyOf(incident);
  const { event, parts } = typeof known === "object" ? known : incident;
  const tempo = tempoWords(incident);
  const lasting = lastingWords(incident);
  const { note, verdict, refused } = said(id);
  const open = isOpen(incident);
  const judged = verdictOf(id);
  const link = `#/stream/${encodeURIComponent(incident.stream)}`;
  const facts = [
    `Rarity of the incident: ${rarity(incident.rarity_events, incident.rarity_seconds)}`,
    incident.count > 1 ? plural(incident.count, "unusual event") : null,
  ].filter(Boolean);
  return h(
    "li",
    { class: `incident ${isOdd(incident) ? "open" : open ? "normal" : "over"}` },
    h("div", { class: "head" }, h(inStream ? "h3" : "h2", {}, kindWords(incident.kind, subjectOf(incident), incident.event !== null, open)), inStream ? null : h("a", { href: link, class: "stream" }, h("bdi", {}, incident.stream)),
      h("span", { class: "since" }, ...sinceElements(incident))),
    // what came says nothing where it is odd when it came
    tempo === undefined ? h("p", { class: "text" }, eventElement(inOrder(event, state.rows.get(incident.stream)?.schema.fields ?? []), parts)) : h("p", { class: "text instead" }, tempo),
    isOfTempo(incident) ? null : instead(incident, parts, known),
    lasting === null ? null : h("p", { class: "instead" }, lasting),
    h("p", { class: "facts", title: MEANS.incident }, facts.join(" · ")),
    others === null ? null : h("p", { class: "facts others" }, others),
    judged === null ? null : h("p", { class: "verdict" }, judged),
    note ? h("p", { class: "note" }, note) : null,
    h("div", { class: "actions" },
      incident.event !== null && h("a", { class: "button", href: `${link}/event/${typeof known === "object" ? known.offset : incident.oddest}` }, "Why"),
      incident.event === null && incident.began > 0 && h("a", { class: "button", href: `${link}/event/${incident.began - 1}` }, "What came last"),
      h("button", { type: "button", onclick: () => (mute(incident), redraw()), title: "Hides incidents of this kind in this stream for a day, in this browser alone" }, "Mute for a day"),
      // of an event that did not come the daemon can learn nothing
      ...(isOverdue(incident) ? [] : VERDICTS).map(([means, text, about]) => {
        // one that is learnt is not told again; the button keeps the focus of who pressed it
        const isDone = isAsked(id) || (verdict === means && refused === undefined);
        return h("button", { type: "button", "data-does": means, "aria-pressed": String(verdict === means), "aria-disabled": isDone && "true", onclick: () => isDone || void judge(incident, means, redraw), title: about }, text);
      }),
      h("button", { type: "button", onclick: (event: Event) => edit(event, id, redraw), title: "Kept in this browser alone" }, note ? "Edit note" : "Note")),
  );
}

function instead({ stream, field }: AlarmEvent, parts: Part[], why: WhyAnswer | string | undefined): HTMLElement | null {
  // of the oddest part of which it can be told
  const told = parts.filter((part) => expectedWords(part.expected) !== "" && part.excess_bits > ODD_BITS);
  // what is usual of another field than the one that is odd explains nothing
  const own = field === undefined ? parts : parts.filter(({ name }) => name === field);
  const part = told.find(({ name }) => name === field) ?? oddest(told) ?? oddest(own);
  const kind = state.rows.get(stream)?.schema.fields.find((field) => field.name === part?.name)?.kind;
  // what stands in a line has a name that nobody gave it
  const isInLine = part !== undefined && kind === undefined && part.value !== null;
  const expected = expectedWords(part?.expected, kind);
  if (expected && part) {
    const what = part.name === "value" ? "Expected" : isInLine ? `Expected instead of ${shorten(part.value!, 60)}` : `Expected of ${fieldWords(part.name, kind)}`;
    return h("p", { class: "instead" }, h("span", { class: "label" }, `${what}: `), h("bdi", {}, expected));
  }
  if (typeof why === "string") return h("p", { class: "instead dim" }, `What was expected cannot be told any more: ${why}`);
  return null;
}

const oddest = (parts: Part[]): Part | undefined => {
  const named = parts.filter((part) => part.name !== "end");
  return (named.length > 0 ? named : parts).reduce<Part | undefined>((a, b) => (a && a.excess_bits >= b.excess_bits ? a : b), undefined);
};

function edit(event: Event, id: string, redraw: () => void): void {
  const actions = (event.currentTarget as HTMLElement).parentElement!;
  const area = h("textarea", { rows: 2, maxlength: 500, "aria-label": "Note on this incident, kept in this browser" });
  area.value = said(id).note ?? "";
  const close = () => {
    say(id, { note: area.value.trim() });
    area.blur();
    redraw();
  };
  const keep = h("button", { type: "button", onclick: close }, "Keep in this browser");
  clear(actions, area, keep);
  area.addEventListener("keydown", (e) => e.key === "Enter" && (e.ctrlKey || e.metaKey) && close());
  area.focus();
}
