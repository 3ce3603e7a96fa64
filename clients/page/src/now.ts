// What is odd now, since when, why, and whether it is over.

import type { AlarmEvent, StreamRow } from "surmise";
import { Days } from "./day";
import { clear, h } from "./dom";
import { explain } from "./explain";
import { changeShort, count, num, plural, rough } from "./format";
import { Cards, folded, isOdd, isWith, listed, visible } from "./incident";
import { muteId, say } from "./local";
import { state } from "./state";
import { together, togetherWords } from "./together";

/** Cards that are shown at once, and how many of those that were called normal. */
const SHOWN_STEP = 25;
const NORMAL_SHOWN = 5;

export function now(root: HTMLElement, signal: AbortSignal): void {
  const summary = h("section", { class: "hero", "aria-live": "polite" });
  const older = h("div", { class: "more" });
  let [shown, normalShown] = [SHOWN_STEP, NORMAL_SHOWN];
  const draw = () => {
    const all = state.latest();
    const seen = visible(all);
    clear(summary, ...headline(seen, all.length - seen.length, days.words(), draw));
    const [odd, over, normal] = listed(seen);
    const units = [...folded(odd), ...folded(over)];
    cards.draw([...units.slice(0, shown).flat(), ...normal.slice(0, normalShown)]);
    const [rest, judged] = [units.slice(shown).flat().length, normal.length - normalShown];
    clear(older,
      rest > 0 ? h("button", { type: "button", onclick: () => ((shown += SHOWN_STEP), draw()) }, `Show more: ${count(rest)} are hidden`) : gone(all.length),
      judged > 0 && h("button", { type: "button", onclick: () => ((normalShown = normal.length), draw()) }, `Show ${count(judged)} more that ${judged === 1 ? "was" : "were"} called normal`));
  };
  const cards = new Cards(draw);
  const days = new Days();
  root.append(h("h1", {}, "Now"), summary, cards.element, older);
  state.onNews(["rows", "incidents", "open"], signal, draw);
  // in the order in which they are shown: one that goes on may be of an event that is long past by its own time
  void explain(signal, () => listed(visible(state.latest())).flat(), draw);
  void days.run(signal, draw);
}

/** What came of all events, and what was promised of false ones. */
export function ratesWords(rows: Pick<StreamRow, "promised" | "offset" | "incidents">[]): string {
  const sum = (of: "promised" | "offset" | "incidents") => rows.reduce((sum, row) => sum + row[of], 0);
  const [promised, events, incidents] = [sum("promised"), sum("offset"), sum("incidents")];
  const rate = (n: number) => (n > 0 ? `, one in ${rough(events / n)}` : "");
  return `Ever: ${plural(incidents, "incident")} in ${plural(events, "event")} of ${plural(rows.length, "stream")}${rate(incidents)}; it promised at most ${num(promised, promised < 10 ? 2 : 3)} false ones${rate(promised)}.`;
}

/** Incidents that came, by all streams. */
const came = (): number => [...state.rows.values()].reduce((sum, row) => sum + row.incidents, 0);

/** That of some incidents nothing is kept but that they came. */
function gone(listed: number): HTMLElement | null {
  const missing = came() - listed;
  return missing > 0 && listed > 0 ? h("p", { class: "dim" }, `Of ${plural(missing, "older incident")} no more is kept than that they came.`) : null;
}

function headline(seen: AlarmEvent[], hidden: number, day: string, redraw: () => void): (Node | false)[] {
  const open = seen.filter(isOdd).length;
  const rows = [...state.rows.values()];
  const failed = rows.filter((row) => row.failed);
  const none = rows.length === 0;
  const untold = changedUntold(rows, state.latest());
  const title = none ? "No stream yet" : open > 0 ? `${plural(open, "incident")} now` : "Nothing is odd now";
  const rates = none
    ? ["A stream begins with its first event. Send one, and what is odd in it will stand here."]
    : [day, ratesWords(rows)];
  return [
    h("p", { class: `state ${open > 0 ? "alarm" : none ? "empty" : "quiet"}` }, h("span", { class: "dot", "aria-hidden": "true" }), title),
    open > 0 && where(seen.filter(isOdd), rows.length),
    ...together(seen.filter(isOdd)).slice(-TOGETHER_MAX).reverse().map((group) => h("p", { class: "where together" }, togetherWords(group))),
    untold.length > 0 && changed(untold),
    h("div", { class: "rates" }, ...rates.filter(Boolean).flatMap((text) => [h("p", {}, text), " "])),
    none && h("pre", { class: "try" }, `printf '{"data":"hello"}\\n' | curl -s -H 'Content-Type: application/x-ndjson' \\\n  --data-binary @- ${location.origin}/api/v1/streams/first/events`),
    failed.length > 0 && h("p", { class: "failed" }, `${plural(failed.length, "stream")} do not learn any more: ${failed.slice(0, 3).map((row) => row.stream).join(", ")}`),
    hidden > 0 && h("p", { class: "hidden" }, `${plural(hidden, "incident")} muted in this browser. `, h("button", { type: "button", class: "link", onclick: () => (showAll(), redraw()) }, "Show them")),
  ];
}

/** How many events ago a lasting change was noticed at most that is told of. */
const LATELY_EVENTS = 500;

/** Streams that have lastingly changed lately, where no incident tells it. */
export function changedUntold(rows: StreamRow[], incidents: AlarmEvent[]): StreamRow[] {
  return rows.filter(({ stream, offset, drift }) => drift !== null && offset - drift.noticed <= LATELY_EVENTS && !incidents.some((i) => i.stream === stream && isWith(drift, i)));
}

function changed(rows: StreamRow[]): HTMLElement {
  const named = rows.slice(0, NAMED_MAX).flatMap((row, i) => [i > 0 ? "; " : "", h("a", { href: `#/stream/${encodeURIComponent(row.stream)}` }, h("bdi", {}, row.stream)), `, ${changeShort(row.drift!)} since ${plural(row.offset - row.drift!.began, "event")}`]);
  return h("p", { class: "where dim" }, "Changed without an incident: ", ...named, rows.length > NAMED_MAX ? `; and ${count(rows.length - NAMED_MAX)} more.` : ".");
}

/** Groups of incidents that began together that are told, the latest. */
const TOGETHER_MAX = 3;

/** Streams that are named where it is said what is odd. */
const NAMED_MAX = 6;

/** In which streams something is odd. */
function where(odd: AlarmEvent[], streams: number): HTMLElement {
  const names = [...new Set(odd.map((i) => i.stream))];
  const rest = streams - names.length;
  const shown = names.slice(0, NAMED_MAX).flatMap((name, i) => [i > 0 ? ", " : "", h("a", { href: `#/stream/${encodeURIComponent(name)}` }, h("bdi", {}, name))]);
  const more = names.length > NAMED_MAX ? ` and ${count(names.length - NAMED_MAX)} more` : "";
  return h("p", { class: "where" }, "In ", ...shown, more, rest > 0 ? `. ${rest === 1 ? "The other stream has" : `The other ${count(rest)} streams have`} none.` : ".");
}

function showAll(): void {
  for (const incident of state.incidents.values()) say(muteId(incident), { mutedUntil: 0 });
}
