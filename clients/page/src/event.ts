// One event among its neighbours: what each part cost, what was expected instead, and who said so.

import { ProblemError, type AlarmEvent, type Expected, type Field, type Part, type WhyAnswer } from "surmise";
import { pause } from "surmise/pause";
import { daemon, words } from "./daemon";
import { bars, bar } from "./bars";
import { clear, h, section } from "./dom";
import { eventElement, expectedWords, inOrder, isSought, partText, share, shorten, symbolText } from "./eventtext";
import { Facts, MEANS, type Fact } from "./facts";
import { bits, clock, count, fieldWords, gap, kindWords, moment, num, percent, plural, rarity, subjectOf } from "./format";
import { titleOf, whenOf } from "./logged";
import { predictor, predictorWords } from "./predictors";
import { askWhy } from "./why";
import { holds } from "./tempo";

/** Events before, and after. */
const AROUND = 10;
/** How long after it was refused for want of time a question is asked again, unless the daemon says so. */
const AGAIN_MS = 1000;

const TITLES = ["Part", "Came", "Surprise", "Beyond usual", "Expected instead", "Said by", "Last seen"];

export function event(root: HTMLElement, signal: AbortSignal, stream: string, offset: number): void {
  const link = `#/stream/${encodeURIComponent(stream)}`;
  const body = h("div", { "aria-busy": "true" }, h("p", { class: "dim" }, "The daemon learns its log again up to this event, to say why it was surprising…"));
  const around = h("ol", { class: "context" });
  const step = (to: number, text: string) => h("a", { class: "button", href: `${link}/event/${to}`, hidden: to < 0 || undefined }, text);
  const laterLink = step(offset + 1, "Later");
  root.append(
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/streams" }, "Streams"), " / ", h("a", { href: link }, h("bdi", {}, shorten(stream, 80))), " / ", h("h1", {}, `Event ${count(offset)}`), step(offset - 1, "Earlier"), laterLink),
    body,
    section("In its context", `The ${AROUND} events before and after it.`, around),
  );
  const context = async (parts: Part[]) => {
    try {
      const from = Math.max(0, offset - AROUND);
      const log = await daemon.events(stream, { from, count: offset - from + AROUND + 1, signal });
      // the newest has none after it yet
      laterLink.hidden = offset + 1 >= log.end;
      clear(around, ...log.events.map((item) => {
        const here = item.offset === offset;
        return h("li", { class: here ? "here" : "", "aria-current": here ? "true" : undefined },
          h("a", { href: `${link}/event/${item.offset}`, class: "offset" }, count(item.offset)), " ",
          h("span", { class: "time dim", title: titleOf(item) }, clock(whenOf(item)) || "–"), " ", eventElement(item.event, here ? parts : [], here));
      }));
      if (log.events.length === 0) clear(around, h("li", { class: "dim" }, `The log holds events from ${count(log.begin)} on.`));
    } catch (error) {
      if (!signal.aborted) clear(around, h("li", { class: "problem" }, words(error)));
    }
  };
  void context([]);
  void (async () => {
    while (!signal.aborted) {
      try {
        const [why, status] = await Promise.all([askWhy(stream, offset, signal), daemon.status(stream, { signal })]);
        const incident = await incidentOf(why, signal);
        clear(body, ...explanation(why, link, status.schema.fields, incident));
        await context(why.parts);
        break;
      } catch (error) {
        if (signal.aborted) return;
        clear(body, h("p", { class: "problem", role: "status" }, words(error)));
        await context([]);
        // one that the daemon has no time for now, as it answers another one, is asked again
        if (!(error instanceof ProblemError && error.passes)) break;
        await pause(error.retryAfterMs ?? AGAIN_MS, signal);
      }
    }
    body.setAttribute("aria-busy", "false");
  })();
}

/** What is told of an incident, also by an event of it whose incident is no longer kept. */
type Incident = NonNullable<WhyAnswer["alarm"]> & Partial<Pick<AlarmEvent, "time">>;

/** The incident that an event belongs to or lies in, as its card has it; what the event itself told if it is no longer kept. */
async function incidentOf(why: WhyAnswer, signal: AbortSignal): Promise<Incident | undefined> {
  const { alarms } = await daemon.incidents(why.stream, { signal });
  const { alarm, offset } = why;
  const own = alarms.find(({ kind, began }) => kind === alarm?.kind && began === alarm.began);
  // the first events of an incident come before it is noticed, and bear no alarm of their own
  return own ?? alarm ?? alarms.find((other) => other.event !== null && holds(other, offset));
}

function explanation(why: WhyAnswer, link: string, fields: Field[], incident: Incident | undefined): HTMLElement[] {
  const kindOf = (name: string) => fields.find((field) => field.name === name)?.kind;
  const lastSeen = (part: Part) => {
    if (part.last_seen !== undefined) return h("a", { href: `${link}/event/${part.last_seen}` }, count(part.last_seen));
    return isSought(part, kindOf(part.name), why.event?.data) ? "not in the log" : "–";
  };

  const nameOf = (name: string) => (name === "end" ? "end of the key" : kindOf(name) === "line" ? lineName(name) : slotWords(fieldWords(name, kindOf(name), why.event?.time !== undefined)));
  const isInLine = ({ name }: Part) => name !== "end" && kindOf(name) === undefined && typeof why.event?.data === "string";
  const total = why.parts.reduce((sum, part) => sum + Math.max(0, part.surprise_bits), 0);
  const rows = why.parts.map((part) => {
    // on a phone each part is a block, and each cell says what it is
    const cell = (place: number, kind: string, ...children: (Node | string)[]) => h("td", { class: kind, role: "cell", "data-title": TITLES[place]! }, ...children);
    const came = partText(part.value, kindOf(part.name));
    return h("tr", { class: part.excess_bits > 3 ? "odd" : "", role: "row" },
      h("th", { scope: "row", role: "rowheader" }, h("bdi", {}, nameOf(part.name)), isInLine(part) && h("span", { class: "dim" }, " in the line")),
      cell(1, "value", h("bdi", { title: came.exact }, shorten(came.text, 160))),
      cell(2, "number", bits(part.surprise_bits), h("span", { class: "meter", "aria-hidden": "true" }, meter(total > 0 ? part.surprise_bits / total : 0))),
      cell(3, "number", (part.excess_bits > 0 ? "+" : "") + bits(part.excess_bits)),
      cell(4, "expected", h("bdi", {}, expectedWords(part.expected, kindOf(part.name)) || "–")),
      cell(5, "by", predictor(part.by)),
      cell(6, "", lastSeen(part)));
  });
  const shown = Math.min(ROWS_MAX, Math.max(ROWS_MIN, why.parts.filter((part) => part.excess_bits > USUAL_BITS).length));
  const facts = new Facts();
  facts.draw([
    ["Rarity of the event", rarity(why.rarity_events), MEANS.rarity],
    ...(incident ? [["Rarity of the incident", rarity(incident.rarity_events, incident.rarity_seconds), MEANS.incident] satisfies Fact] : []),
    ["Surprise", `${bits(why.surprise_bits)} bits`, "How unlikely the event was: 1 bit is a coin toss, 10 bits come once in a thousand."],
    ["Beyond usual", `${why.excess_bits > 0 ? "+" : ""}${bits(why.excess_bits)} bits`, MEANS.beyond],
    ["Oddness", num(why.anomaly_score), "From 0 for the most usual to 1 for the oddest."],
    ["Time", moment(why.event?.time)],
  ]);
  const told = why.parts.filter((part) => part.name !== "end" && part.expected);
  const isOdd = told.some((part) => part.excess_bits > USUAL_BITS);
  const odd = (isOdd ? undefined : told.find((part) => part.name === incident?.field)) ?? told[0];
  return [
    h("p", { class: "text large" }, eventElement(inOrder(why.event, fields), why.parts, true)),
    h("p", { class: "belongs" }, incident ? incidentWords(incident) : "It belongs to no incident."),
    facts.element,
    section("Why", "Its parts, the oddest first.",
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Parts, scrollable" }, h("table", { class: "parts", role: "table" },
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...TITLES.map((t) => h("th", { scope: "col", role: "columnheader" }, t)))), h("tbody", { role: "rowgroup" }, ...rows.slice(0, shown)))), ...others(rows.slice(shown)), columns(why)),
    ...(odd ? [section(`Expected of ${nameOf(odd.name)} instead`, odd.by ? `Said mostly by: ${predictorWords(odd.by)}.` : "", distribution(odd.expected!, kindOf(odd.name)))] : []),
  ];
}

/** The name of a line as a whole, of which what was expected is its template. */
const lineName = (name: string): string => (name === "value" ? "template" : `template of ${name}`);

/** What stands in a placeholder of a line's template has no name but its place. */
const slotWords = (name: string): string => name.replace(/^(?:(.+)\/)?slot (\d+)$/, (_, of: string | undefined, place: string) => `${of ? `${of}, ` : ""}placeholder ${place}`);

/** Which incident the event belongs to, and where that stands. */
function incidentWords({ kind, field, key, phase, time, count: events }: Incident): string {
  const began = time === undefined ? "" : ` began ${clock(time)},`;
  return `It belongs to an incident: ${kindWords(kind, subjectOf({ key, field }), true)}. That${began} has had ${plural(events, "unusual event")} and ${phase === "ended" ? "is over" : "goes on"}.`;
}

/** What the columns of the table of parts say. */
function columns(why: WhyAnswer): HTMLElement {
  const said: [string, string][] = [
    ["Surprise", "how unlikely it was, in bits; 10 bits come once in a thousand"],
    ["Beyond usual", "what of that goes beyond the surprise that such a part usually has"],
    ["Expected instead", "what was likeliest in its place; of some words of a line that cannot be told"],
    ["Said by", "the predictor that counted most in what was expected"],
    ["Last seen", "the latest earlier event with the like of it; – where that is not looked for"],
  ];
  return h("details", { class: "folded columns-said" }, h("summary", {}, "What the columns say"),
    h("ul", { class: "plain" }, ...said.map(([name, about]) => h("li", {}, h("strong", {}, name), ": ", about, "."))),
    h("p", { class: "facts" }, `To tell all this, ${plural(why.replayed, "event")} of the log ${why.replayed === 1 ? "was" : "were"} learnt again up to this one.`));
}

/** Parts that are shown at once, and those that are although they are usual: no other is odder. */
const ROWS_MAX = 12;
const ROWS_MIN = 3;
/** What goes beyond the usual by less is usual, in bits. */
const USUAL_BITS = 0.5;

/** The other parts, shown once a person asks for them. */
function others(rows: HTMLElement[]): HTMLElement[] {
  if (rows.length === 0) return [];
  const body = h("tbody", { role: "rowgroup" });
  const all = h("details", { class: "folded" }, h("summary", {}, `${plural(rows.length, "more part")}, ${rows.length === 1 ? "not" : "none of them"} odder`), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "More parts, scrollable" }, h("table", { class: "parts", role: "table" }, body)));
  all.addEventListener("toggle", () => clear(body, ...rows), { once: true });
  return [all];
}

function meter(part: number): HTMLElement {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${Math.max(0, Math.min(1, part)) * 100}%`;
  return fill;
}

function distribution(expected: Expected, kind: string | undefined): HTMLElement {
  if (expected.top) return bars(...expected.top.map(([symbol, p]) => bar(symbolText(symbol, kind), p, share(p))), expected.other ? bar("anything else", expected.other, share(expected.other), "other") : null);
  const levels = Object.entries(expected.quantiles ?? {}).sort((a, b) => Number(a[0]) - Number(b[0]));
  return h("dl", { class: "facts" }, ...levels.map(([level, value]) => h("div", {}, h("dt", {}, level === "0.5" ? "Median" : `${percent(Number(level))} lie below`), h("dd", {}, (kind === "gap" ? gap : num)(value)))));
}
