// What is odd now, since when, why, and whether it is over.

import { ProblemError, type AlarmEvent, type Part, type WhyAnswer } from "surmise";
import { daemon, pause, words } from "./daemon";
import { clear, h } from "./dom";
import { eventElement, expectedWords } from "./eventtext";
import { ago, beganWords, clock, count, kindWords, moment, num, plural, rarity } from "./format";
import { isMuted, muteId, said, say } from "./local";
import { incidentId, state } from "./state";

/** The newest incidents that do not say what was expected are asked for it; each costs the daemon a part of its log. */
const ASKED_MAX = 5;
const SHOWN_STEP = 25;
const DAY_MS = 86_400_000;

const reasons = new Map<string, WhyAnswer | string>();

export function now(root: HTMLElement, signal: AbortSignal): void {
  const summary = h("section", { class: "hero", "aria-live": "polite" });
  const list = h("ol", { class: "incidents" });
  const older = h("div", { class: "more" });
  root.append(h("h1", {}, "Now"), summary, list, older);
  let shown = SHOWN_STEP;
  const cards = new Map<string, { element: HTMLElement; shape: string }>();
  const draw = () => {
    const all = state.latest();
    const visible = all.filter((i) => !isMuted(i) && !said(incidentId(i)).normal);
    clear(summary, ...headline(visible, all.length - visible.length, draw));
    const wanted = visible.slice(0, shown);
    const kept = new Set(wanted.map(incidentId));
    for (const id of cards.keys()) if (!kept.has(id)) cards.delete(id);
    const elements = wanted.map((incident) => {
      const id = incidentId(incident);
      const shape = JSON.stringify([incident.phase, incident.count, incident.rarity_events, said(id), reasons.has(id)]);
      const known = cards.get(id);
      if (known?.shape === shape) return known.element;
      // a person who is writing a note must not lose it
      if (known?.element.contains(document.activeElement) && document.activeElement instanceof HTMLTextAreaElement) return known.element;
      const element = card(incident, draw);
      cards.set(id, { element, shape });
      return element;
    });
    if (elements.length !== list.children.length || elements.some((e, i) => list.children[i] !== e)) list.replaceChildren(...elements);
    const rest = visible.length - wanted.length;
    clear(older, rest > 0 && h("button", { type: "button", onclick: () => ((shown += SHOWN_STEP), draw()) }, `Show ${Math.min(rest, SHOWN_STEP)} older of ${count(rest)}`));
    for (const time of list.querySelectorAll("time[data-at]")) time.textContent = ago(time.getAttribute("data-at"));
  };
  state.onNews(["rows", "incidents", "open"], signal, draw);
  void explain(signal, draw);
}

/** Whether an incident goes on, and its stream still sends. */
export const isOpen = (incident: AlarmEvent): boolean => incident.phase !== "ended";

function headline(visible: AlarmEvent[], hidden: number, redraw: () => void): (Node | false)[] {
  const open = visible.filter(isOpen).length;
  const rows = [...state.rows.values()];
  const promised = rows.reduce((sum, row) => sum + row.promised, 0);
  const begun = rows.reduce((sum, row) => sum + row.incidents, 0);
  const events = rows.reduce((sum, row) => sum + row.offset, 0);
  const failed = rows.filter((row) => row.failed);
  const none = rows.length === 0;
  const title = none ? "No stream yet" : open > 0 ? `${plural(open, "incident")} now` : "Nothing is odd now";
  const rates = none
    ? "A stream begins with its first event. Send one, and what is odd in it will stand here."
    : `Over ${count(events)} events of ${plural(rows.length, "stream")}, healthy streams were promised at most ${num(promised, 2)} false alarms; ${plural(begun, "incident")} came.`;
  return [
    h("p", { class: `state ${open > 0 ? "alarm" : none ? "empty" : "quiet"}` }, h("span", { class: "dot", "aria-hidden": "true" }), title),
    h("p", { class: "rates" }, rates),
    none && h("pre", { class: "try" }, `printf '{"data":"hello"}\\n' | curl -s -H 'Content-Type: application/x-ndjson' \\\n  --data-binary @- ${location.origin}/api/v1/streams/first/events`),
    failed.length > 0 && h("p", { class: "failed" }, `${plural(failed.length, "stream")} do not learn any more: ${failed.slice(0, 3).map((row) => row.stream).join(", ")}`),
    hidden > 0 && h("p", { class: "hidden" }, `${plural(hidden, "incident")} muted or called normal in this browser. `, h("button", { type: "button", class: "link", onclick: () => (showAll(), redraw()) }, "Show them")),
  ];
}

function showAll(): void {
  for (const incident of state.incidents.values()) {
    say(incidentId(incident), { normal: false });
    say(muteId(incident), { mutedUntil: 0 });
  }
}

function card(incident: AlarmEvent, redraw: () => void): HTMLElement {
  const id = incidentId(incident);
  const why = reasons.get(id);
  const parts = typeof why === "object" ? why.parts : incident.parts;
  const { note } = said(id);
  const open = isOpen(incident);
  const link = `#/stream/${encodeURIComponent(incident.stream)}`;
  const facts = [
    rarity(incident.rarity_events, incident.rarity_seconds),
    incident.count > 1 ? plural(incident.count, "unusual event") : null,
  ].filter(Boolean);
  return h(
    "li",
    { class: `incident ${open ? "open" : "over"}` },
    h("div", { class: "head" }, h("h2", {}, kindWords(incident.kind, incident.field)), h("a", { href: link, class: "stream" }, h("bdi", {}, incident.stream)),
      h("span", { class: "since" }, incident.event === null ? "noticed " : `${beganWords(incident.kind, open)} `, h("time", { "data-at": incident.time ?? "", title: moment(incident.time) }, ago(incident.time)),
        incident.time ? ` (${clock(incident.time)})` : null)),
    h("p", { class: "text" }, eventElement(incident.event, parts)),
    h("p", { class: "facts" }, facts.join(" · ")),
    instead(parts, why),
    note ? h("p", { class: "note" }, note) : null,
    h("div", { class: "actions" },
      incident.event !== null && h("a", { class: "button", href: `${link}/event/${incident.began}` }, "Why"),
      incident.event === null && incident.began > 0 && h("a", { class: "button", href: `${link}/event/${incident.began - 1}` }, "What came last"),
      h("button", { type: "button", onclick: () => (say(muteId(incident), { mutedUntil: Date.now() + DAY_MS }), redraw()), title: "Hides incidents of this kind in this stream for a day, in this browser alone" }, "Mute for a day"),
      h("button", { type: "button", onclick: () => (say(id, { normal: true }), redraw()), title: "Hides this incident in this browser; the learner is not told" }, "That was normal"),
      h("button", { type: "button", onclick: (event: Event) => edit(event, id, redraw), title: "Kept in this browser alone" }, note ? "Edit note" : "Note")),
  );
}

function instead(parts: Part[], why: WhyAnswer | string | undefined): HTMLElement | null {
  const part = oddest(parts);
  const expected = expectedWords(part?.expected);
  if (expected && part) {
    const what = part.name === "value" ? "Expected" : `Expected of ${part.name}`;
    return h("p", { class: "instead" }, h("span", { class: "label" }, `${what}: `), h("bdi", {}, expected));
  }
  if (typeof why === "string") return h("p", { class: "instead dim" }, `What was expected cannot be told any more: ${why}`);
  return null;
}

export const oddest = (parts: Part[]): Part | undefined => {
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
  actions.replaceChildren(area, keep);
  area.addEventListener("keydown", (e) => e.key === "Enter" && (e.ctrlKey || e.metaKey) && close());
  area.focus();
}

/** Asks why the newest incidents are odd, one after another, where they do not say it themselves. */
async function explain(signal: AbortSignal, redraw: () => void): Promise<void> {
  while (!signal.aborted) {
    const next = state.latest().slice(0, ASKED_MAX).find((i) => i.event !== null && !i.parts.some((part) => part.expected) && !reasons.has(incidentId(i)));
    if (next && !document.hidden) {
      try {
        reasons.set(incidentId(next), await daemon.why(next.stream, next.began, { seconds: 5, signal }));
      } catch (error) {
        if (error instanceof ProblemError && [404, 410, 500, 503].includes(error.status)) reasons.set(incidentId(next), words(error));
      }
      if (reasons.size > 200) reasons.delete(reasons.keys().next().value!);
      if (!signal.aborted) redraw();
    }
    await pause(next ? 300 : 2000, signal);
  }
}

