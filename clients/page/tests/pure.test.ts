// What needs no browser: parsing, words, order, and that nothing grows.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { AlarmEvent, Outcome, Part, Replay, StreamRow, RareEvent } from "surmise";
import { proofWords, restoreWords } from "../src/checkpoints";
import { burst, byNumber, filled, viewWords, withSilences } from "../src/course";
import { isUsual, tried } from "../src/explain";
import { dayOf, dayWords } from "../src/day";
import { differenceWords, figure, joined, nameOf, progress, sameWords, simpleLoss, specOf, stateWords, yardstick, type Wish } from "../src/curves";
import { cut, expectedWords, fieldsOf, figureText, inOrder, isSought, numberOf, partText, symbolText } from "../src/eventtext";
import { depths } from "../src/flow";
import { contextWords, predictorWords, sidesOf } from "../src/predictors";
import { stageTime, timeShort, timeWords } from "../src/stagetime";
import { folded, listed } from "../src/incident";
import { say } from "../src/local";
import { othersWords, together, togetherWords } from "../src/together";
import { titleOf, whenOf } from "../src/logged";
import { beganWords, between, bits, bytes, changeShort, changeWords, count, fixed, gap, kindShort, kindWords, num, percent, rarity, rough, short, span, subjectOf } from "../src/format";
import { meanSince, parseMetrics, sum } from "../src/metrics";
import { Seen } from "../src/seen";
import { byIncident, byKey, moreWords } from "../src/surprising";
import { awaitedGap, expectedGap, lastWords, rateWords, silenceWords, usualGap } from "../src/tempo";
import { distinct, regretWords } from "../src/quality";
import { changedUntold, ratesWords } from "../src/now";
import { colourOf, dashOf } from "../src/replays";
import { incidentId, State } from "../src/state";
import { arrange, prefix, sparkPoints } from "../src/streams";

const part = (more: Partial<Part>): Part => ({ name: "value", value: null, surprise_bits: 1, excess_bits: 1, ...more });
const row = (stream: string, more: Partial<StreamRow> = {}): StreamRow => ({
  incarnation: 1,
  stream, offset: 0, committed_offset: 0, keys: 0, schema: { fields: [] }, model_version: 0, recent_bits: null, last_event_time: null, failed: null,
  group: "", events_per_second: 0, skill: null, incidents: 0, promised: 0, last_incident: null, drift: null, ...more,
});

test("rarity, spans and sizes are said in words", () => {
  assert.equal(rarity(40_000, 3 * 86_400), "once in 40,000 events, about every 3 days");
  assert.equal(rarity(92_820.4, 86_400), "once in 93,000 events, about every day");
  assert.equal(rarity(3e12), "rarer than once in a billion events");
  assert.deepEqual([span(59), span(125), span(86_400 * 10)], ["59 seconds", "2 minutes", "10 days"]);
  assert.deepEqual([rough(7.4), rough(1_234_567)], ["7", "1,200,000"]);
  assert.deepEqual([num(0.0001234), num(1234.6), num(Number.NaN), num(4.5678)], ["0.000123", "1,235", "–", "4.57"]);
  assert.deepEqual([bytes(512), bytes(1536), bytes(3 * 2 ** 30)], ["512 B", "1.5 KiB", "3.0 GiB"]);
  // minus signs as wide as digits, and none before a zero
  assert.deepEqual([num(-4.5678), num(-1234.6), num(-1.234e-8), bits(-1.239), bits(-0.001), percent(-0.019, 1), percent(-0.0004), count(-1234), fixed(-0.12345, 3), fixed(null, 3)],
    ["−4.57", "−1,235", "−1.23e−8", "−1.24", "0.00", "−1.9 %", "0 %", "−1,234", "−0.123", "–"]);
  assert.equal(short(new Date(Date.now() - 7_200_000).toISOString()), "2 h");
});

test("what a day was promised is told beside what came, of streams of which it can be", () => {
  const hour = (time: number, events: number, incidents: number) => ({ time, events, bits: 0, rarest: 0, incidents, distinct: 0 });
  const hours = { now: 200_000, points: [hour(100_000, 3000, 4), hour(150_000, 600, 1), hour(198_000, 400, 2)] };
  const schema = (kind: "number" | "byte") => ({ fields: [{ name: "value", kind }] });
  // a quarter of its events came in this time, so a quarter of what was promised
  const day = dayOf({ offset: 4000, promised: 2, schema: schema("number") }, hours);
  assert.deepEqual(day, { promised: 0.5, came: 3 });
  assert.equal(dayOf({ offset: 4000, promised: 2, schema: schema("byte") }, hours), null);
  assert.equal(dayOf({ offset: 0, promised: 0, schema: schema("number") }, { now: 1, points: [] }), null);
  assert.equal(dayWords([day!, { promised: 1, came: 0 }], 1, 2), "In the latest 24 hours: 4 incidents; it promised at most 1.5 false ones.");
  assert.equal(dayWords([day!], 0, 3), "In the latest 24 hours: 3 incidents; it promised at most 0.5 false ones, of the 1 stream of which it can be told.");
  assert.equal(dayWords([], 0, 3), "");
});

test("incidents of one kind that began together in several streams are one card", () => {
  const began = (stream: string, second: number, kind: AlarmEvent["kind"] = "missing") =>
    ({ stream, kind, began: 1, count: 1, phase: "begins", event: null, parts: [], time: new Date(1e12 + second * 1000).toISOString() }) as unknown as AlarmEvent;
  const cards = folded([began("late", 60), began("c", 9), began("b", 4, "value"), began("b", 4), began("a", 0), began("old", -50)]);
  assert.deepEqual(cards.map((card) => card.map((i) => `${i.stream} ${i.kind}`)), [["late missing"], ["c missing", "b missing", "a missing"], ["b value"], ["old missing"]]);
  // of fewer streams each keeps its own
  assert.deepEqual(folded([began("b", 4), began("a", 0), began("a", 0)]).map((card) => card.length), [1, 1, 1]);
});

test("incidents of several streams or kinds that began within two minutes are said to belong together", () => {
  const start = Date.now() - 500_000;
  const began = (stream: string, second: number, kind: AlarmEvent["kind"] = "value", event: unknown = {}) =>
    ({ stream, kind, began: second, count: 1, phase: "begins", event, parts: [], time: new Date(start + second * 1000).toISOString() }) as unknown as AlarmEvent;
  const all = [began("db", 300), began("db", 290), began("web", 130), began("web", 119, "missing", null), began("db", 60), began("api", 0), { ...began("x", 0), time: undefined } as unknown as AlarmEvent];
  const groups = together(all);
  // two of one stream and kind are no outage of several, and what began later than two minutes after the first is not of it
  assert.deepEqual(groups.map((group) => group.map((i) => i.stream)), [["api", "db", "web"]]);
  assert.match(togetherWords(groups[0]!), /^3 incidents of 3 streams began within 2 minutes, from .+ on: they may have one cause\.$/);
  assert.equal(othersWords(all[5]!, groups), "Began within 2 minutes of 2 other incidents: db (odd value), web (overdue).");
  assert.equal(othersWords(all[2]!, groups), null);
  assert.equal(othersWords(all[5]!, groups, [all[5]!, all[4]!, all[3]!]), null, "the card itself holds them");
  const many = together(Array.from({ length: 7 }, (_, i) => began(`s${i}`, i)));
  assert.match(othersWords(many[0]![0]!, many)!, /^Began within 2 minutes of 6 other incidents: s1 .*, s4 \(odd value\) and 2 more\.$/);
});

test("incidents are listed with what is odd first, the newest of each first, and what was called normal as it was", () => {
  const kept = new Map<string, string>();
  Object.assign(globalThis, { localStorage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => void kept.set(key, text) }, dispatchEvent: () => true });
  const incident = (stream: string, second: number, phase: AlarmEvent["phase"]) => ({ stream, kind: "value", phase, began: second, count: 1, event: {}, parts: [], time: new Date(1e12 + second * 1000).toISOString() }) as unknown as AlarmEvent;
  const state = new State();
  const [old, over, fresh, ended, first, second] = [incident("a", 1, "goes_on"), incident("b", 2, "ended"), incident("c", 9, "begins"), incident("d", 8, "ended"), incident("e", 3, "begins"), incident("f", 7, "ended")] as const;
  state.add([over!, old!, second!, fresh!, first!, ended!]);
  const names = () => listed(state.latest()).map((list) => list.map((i) => i.stream).join(""));
  assert.deepEqual(names(), ["cea", "dfb", ""]);
  say(incidentId(second!), { verdict: "normal" });
  say(incidentId(first!), { verdict: "normal" });
  assert.deepEqual(names(), ["ca", "db", "ef"], "the one that was called so last comes first");
});

test("edges that differ are told with the digits in which they do", () => {
  assert.equal(between(1.0486, 1.0531, gap), "1.049 s – 1.053 s");
  assert.equal(between(1.05, 1.05, gap), "exactly 1.05 s");
  assert.equal(between(20.1, 21.8, num, " and "), "20.1 and 21.8");
  assert.equal(between(7200, 7201, gap), "7,200 s – 7,201 s");
  assert.deepEqual([gap(4e9), between(7200, 9e12, gap), between(4e9, 9e12, gap), between(8e9, 9e9)], ["over 100 years", "2 hours – over 100 years", "over 100 years", "8.00e9 – 9.00e9"]);
  assert.equal(percent(-0.0004, 1), "0.0 %");
  assert.deepEqual([kindWords("missing"), kindWords("missing", undefined, true), kindWords("missing", undefined, false, false)], ["An event is overdue", "An event came late", "An event was overdue"]);
  assert.deepEqual([kindWords("silent"), kindWords("silent", subjectOf({ key: "web-3", field: "ms" })), kindWords("end", "web-3"), kindWords("end"), kindShort("silent")], ["A key fell silent", "web-3 fell silent", "web-3 was unusual as a whole", "A key ended, or went on, out of turn", "fell silent"]);
  assert.equal(lastWords(12345, null), "Its latest event is 12,345; other keys have gone on.");
});

test("an event's time is its own, or that of its arrival", () => {
  const [own, arrival] = ["2026-01-01T12:00:00Z", "2026-01-01T12:00:05Z"];
  assert.deepEqual([whenOf({ event: { time: own }, arrival }), whenOf({ event: {}, arrival }), whenOf({ event: null, arrival }), whenOf({ event: {} })], [own, arrival, arrival, undefined]);
  assert.match(titleOf({ event: { time: own }, arrival }), /; arrived .*:05\.$/);
  assert.doesNotMatch(titleOf({ event: { time: own }, arrival: "2026-01-01T12:00:00.4Z" }), /arrived/);
  assert.match(titleOf({ event: {}, arrival }), /^Arrived .*no time of its own/);
  assert.equal(titleOf({ event: {} }), "When it came is not known.");
});

test("how long the next event was to take is told as it was forecast then, and where that means something", () => {
  const gap = (median: number, q95: number) => ({ mean: 1, median, quantiles: { "0.95": q95 } });
  assert.equal(usualGap(gap(1, 2), 1), 2);
  assert.equal(usualGap(gap(1, 1e12), 1), undefined, "far above the median");
  assert.equal(usualGap(gap(1, 2), 7), undefined, "of one key of several");
  assert.equal(usualGap(undefined, 1), undefined);
  // an event that came late carries what was forecast of the gap before it, whatever is forecast by now
  const late = { event_offset: 40, oddest: 40, parts: [part({ name: "value" }), part({ name: "gap", value: "101 s", expected: gap(1, 1.2) })] };
  assert.deepEqual(expectedGap(late, "gap"), gap(1, 1.2));
  assert.equal(expectedGap({ ...late, oddest: 43 }, "gap"), undefined, "of another event");
  assert.equal(expectedGap({ ...late, parts: [part({ name: "gap" })] }, "gap"), undefined, "nothing is carried");
  assert.equal(expectedGap(late, undefined), undefined, "no times");
  // what is awaited is forecast now, until something comes
  const next = { fields: { gap: gap(3, 4) }, offset: 40 };
  assert.deepEqual([awaitedGap({ began: 40 }, next, "gap"), awaitedGap({ began: 40 }, { ...next, offset: 41 }, "gap"), awaitedGap({ began: 40 }, next, undefined)], [gap(3, 4), undefined, undefined]);
});

test("rates and regret are said in words", () => {
  assert.equal(ratesWords([{ promised: 1.5, offset: 3000, incidents: 0 }]), "Ever: 0 incidents in 3,000 events of 1 stream; it promised at most 1.5 false ones, one in 2,000.");
  assert.match(ratesWords([{ promised: 1, offset: 2000, incidents: 3 }, { promised: 1, offset: 2000, incidents: 1 }]), /^Ever: 4 incidents in 4,000 events of 2 streams, one in 1,000; it promised at most 2 false ones, one in 2,000\.$/);
  assert.match(regretWords({ regret_bits: -12, regret_bound_bits: 5 }), /^nothing: .+ 12 bits/);
  assert.equal(regretWords({ regret_bits: 3, regret_bound_bits: 5 }), "3 bits in all; it can never be more than 5");
});

test("symbols can be seen, predictors have one name, and contexts are told in words", () => {
  assert.deepEqual([symbolText(" "), symbolText(""), symbolText(null), symbolText("\n", "text"), symbolText("\n", "byte"), symbolText(" ", "byte"), symbolText("/home", "category")], ["␣", "(empty)", "missing", "(end of the text)", "\\n", "␣", "/home"]);
  assert.deepEqual(["expert order-0", "order-2", "matches", "expert day-step", "earlier values of the slot", "toString", undefined].map(predictorWords),
    ["how often each comes", "the last 2 symbols", "what followed such a past before", "the change of one day before", "earlier values there", "toString", "–"]);
  const field = (name: string, kind: string, ...contexts: string[]) => ({ name, kind, count: 1, experts: [], loss_bits: 0, flow: [{ name: "contexts", about: "", reads: [], parts: contexts.map((name) => ({ name, about: "" })) }] });
  const [page, line] = [field("page", "category", "Side(7, 0)"), field("line", "line", "Side(0, 0)")];
  const sides = sidesOf([field("gap", "gap"), page, field("note", "text"), field("ms", "number"), field("code", "category")], page);
  assert.deepEqual(sides, ["time between events", "ms", "code", "the hour of the day", "the hour of the week"]);
  assert.deepEqual(sidesOf([field("gap", "gap"), line], line), ["the hour of the day", "the hour of the week"], "a model that sees no other field");
  const words = (name: string) => contextWords({ name, about: "The place: of the line." }, sides);
  assert.deepEqual(["Order(0)", "Order(1)", "Order(3)", "Skip(6)", "Bag(64, true)", "Bag(4096, false)", "Side(2, 1)", "Side(3, 0)", "Side(7, 2)", "Side(8, 0)", "Side(0, 0)", "Field"].map(words),
    ["how often each comes", "the last symbol", "the last 3 symbols", "the symbols 2 and 3 back", "the session's symbols in any order, and the last symbol", "the session's symbols in any order", "ms and the last symbol", "time between events and ms", "all other fields and the last 2 symbols", "the hour of the day", "no other field", "the place"]);
});

test("of a line that is like another only the other words are marked", () => {
  const line = { data: "POST /api/pay 502 157" };
  const parts = [part({ value: "POST <path> <number> <number>", excess_bits: 9, expected: { top: [["GET <path> <number> <number>", 0.9], ["cache hit ratio <decimal>", 0.1]], other: 0 } })];
  assert.deepEqual(fieldsOf(line, parts)[0]!.pieces, [{ text: "POST", odd: 1 }, { text: " /api/pay 502 157", odd: 0 }]);
  const other = [part({ value: "all is lost now", excess_bits: 9, expected: parts[0]!.expected! })];
  assert.deepEqual(fieldsOf({ data: "all is lost now" }, other)[0]!.pieces, [{ text: "all is lost now", odd: 1 }]);
});

test("a level that has moved is not called over", () => {
  assert.equal(beganWords("level", false), "usual by now, began");
  assert.equal(beganWords("value", false), "over, began");
  assert.equal(beganWords("level", true), "goes on, began");
  assert.equal(beganWords("missing", true, true), "goes on, noticed");
});

test("a silence is told by when it began and ended, and by the event's own time where that is another", () => {
  const at = Date.now() - 100_000;
  assert.match(silenceWords({ from: at, until: at + 70_000, own: at - 500 }, 1.2), /^Nothing came from \S+ until \S+, for 70 s\. As forecast then, 95 % of the time the next event comes within 1\.2 s\.$/);
  assert.match(silenceWords({ from: at, until: null, own: Date.parse("2025-01-01T12:00:00Z") }, 5), /^Nothing has come since \S+\. By its own time the last event is of .*2025.*\. 95 % of the time the next event comes within 5 s\.$/);
  assert.equal(silenceWords({ from: null, until: null, own: null }, undefined), "");
});

test("an incident that a usual event showed is asked for by others of its events", () => {
  const incident = { count: 9, parts: [part({ excess_bits: 2 }), part({ excess_bits: -1 })] };
  assert.deepEqual([isUsual(incident), isUsual({ ...incident, count: 1 }), isUsual({ ...incident, parts: [part({ excess_bits: 4 })] })], [true, false, false]);
  assert.deepEqual([tried({ began: 10, event_offset: 20 }), tried({ began: 10, event_offset: 12 }), tried({ began: 10, event_offset: 10 })], [[10, 19, 18, 17, 16], [10, 11], [10]]);
});

test("another rate is told beside the one before", () => {
  const before = { events: 300, seconds: 450 };
  assert.equal(rateWords([{ events: 16, seconds: 8 }, { events: 64, seconds: 19.2 }], before), "At its oddest one event in 300 ms, over 64 events; before it one in 1.5 s. That is 5 times as often.");
  assert.match(rateWords([{ events: 16, seconds: 144 }, { events: 64, seconds: 96 }], before), /over 16 events; .* 6 times as seldom\.$/);
  assert.deepEqual([rateWords([{ events: 0, seconds: 0 }], before), rateWords([before], { events: 0, seconds: 0 })], ["", ""]);
});

test("a checkpoint says what was found of it, and what restoring it does to later events", () => {
  assert.equal(proofWords({ whole: true, state_hash: "0123456789abcdef0123" }), "whole, its state is 0123456789ab…");
  assert.equal(proofWords({ whole: false, fault: "its checksum is another" }), "damaged: its checksum is another");
  const checkpoint = { stream: "web", generation: 3, offset: 1200, time: "2026-01-01T12:00:00Z", bytes: 1 };
  const later = (offset: number | null) => restoreWords(checkpoint, offset)[1]!;
  assert.match(restoreWords(checkpoint, 1250)[0]!, /2026.*next event will be number 1,200\.$/);
  assert.match(later(1250), /^The 50 events that it has learnt since will be set aside: .*brought back/);
  assert.match(later(1201), /^The 1 event that/);
  assert.match(later(null), /^What it has learnt since/);
  assert.equal(later(1200), "It has learnt nothing since, so nothing is lost.");
});

const point = (offset: number, events: number, bits: number, simple: number | null = null) => ({ offset, events, loss_bits_per_event: bits, simple_bits_per_event: simple });
const replay = (id: number, more: Partial<Replay> = {}): Replay => ({
  id, stream: "web", from: 0, to: 200, begin: "fresh", settings: {}, state: "done", asked: "2026-01-01T12:00:00Z", seconds: 1, offset: 200, course: [],
  loss_bits_per_event: 0, skill: null, network_gain: null, incidents: 0, refused: 0, ...more,
});

test("a form says what is to be replayed, and what it cannot mean is refused in words", () => {
  const wish: Wish = { stream: "web", name: "", from: "", to: "", begin: "fresh", network: "", seed: "", more: "" };
  assert.deepEqual(specOf(wish), { stream: "web", begin: "fresh" });
  assert.deepEqual(specOf({ ...wish, name: "none", from: "1,000", to: "2000", network: "off", seed: "7", more: '{"horizon": 8}' }),
    { stream: "web", name: "none", from: 1000, to: 2000, begin: "fresh", settings: { horizon: 8, network: "off", seed: 7 } });
  // one that goes on from what the stream knew has its settings, whatever stands in the form
  assert.deepEqual(specOf({ ...wish, begin: "live", network: "off", seed: "x", more: "{" }), { stream: "web", begin: "live" });
  for (const [bad, said] of [[{ from: "-1" }, /From is the number of an event/], [{ to: "1.5" }, /To is/], [{ seed: "x" }, /whole number/], [{ more: "{" }, /are JSON/], [{ more: "[1]" }, /an object/], [{ stream: "" }, /which stream/]] as const) {
    assert.throws(() => specOf({ ...wish, ...bad }), { message: said });
  }
});

test("replays are called by what differs, and say how far they are", () => {
  assert.deepEqual([replay(1), replay(2, { begin: "live" }), replay(3, { settings: { network: "off", seed: 7 } }), replay(4, { name: "mine" })].map(nameOf), ["from nothing", "as it was learnt", "network off, seed 7", "mine"]);
  const running = replay(1, { state: "running", from: 1000, to: 2000, offset: 1250 });
  assert.deepEqual([progress(running), stateWords(running)], [0.25, "learning event 1,250, 25 %"]);
  const before = { ...running, offset: 900 };
  assert.deepEqual([progress(before), stateWords(before)], [0, "goes to where it begins, 100 events before"]);
  assert.deepEqual([progress(replay(1)), stateWords(replay(1, { state: "failed", detail: "the log is gone" })), stateWords(replay(1, { state: "waiting", offset: 0 }))], [1, "failed: the log is gone", "waits for others"]);
});

test("courses of several replays stand over the same offsets, and differ by the means of the same events", () => {
  const live = replay(2, { begin: "live", course: [point(100, 100, 2, 3), point(200, 50, 1, 2)], loss_bits_per_event: 5 / 3, state_hash: "a" });
  const other = replay(1, { course: [point(100, 100, 2.5), point(200, 50, 1)], loss_bits_per_event: 2, state_hash: "b" });
  const half = replay(3, { to: 150, course: [point(150, 120, 4)], state: "running", offset: 150 });
  assert.deepEqual(joined([live, other, half]), [[100, 150, 200], [2, null, 1], [2.5, null, 1], [null, 4, null]]);
  assert.deepEqual(joined([live, other], "so far"), [[100, 200], [2, 250 / 150], [2.5, 2]]);
  assert.equal(yardstick([other, live]), live);
  assert.deepEqual(joined([other, live, half], "difference").slice(1), [[0.5, null, 2 - 250 / 150], [0, null, 0], [null, null, null]]);
  assert.deepEqual([differenceWords(live, live), differenceWords(other, live), differenceWords(half, live), figure(-0.25, "difference"), figure(2)], ["–", "+0.333", "other events", "−0.250", "2.00"]);
  assert.deepEqual([simpleLoss(live), simpleLoss(other)], [400 / 150, null]);
  const again = replay(5, { state_hash: "a" });
  assert.deepEqual([live, other, half, again].map((one) => sameWords(one, [live, other, half, again])), ["as no. 5", "of its own", "–", "as no. 2"]);
});

test("courses that are drawn together differ in colour or dashes", () => {
  const looks = Array.from({ length: 8 }, (_, place) => `${colourOf(place)} ${dashOf(place)}`);
  assert.equal(new Set(looks).size, 8);
  assert.equal(new Set(looks.slice(0, 4).map((look) => look.split(" ")[1])).size, 4, "the first four also without colours");
});

test("the odd word of a text is marked by its place in bytes", () => {
  const text = "naïve 🙂 502 end";
  const start = Buffer.from("naïve 🙂 ").length;
  const parts = [part({ value: "502", place: [start, start + 4], excess_bits: 12 }), part({ excess_bits: 0 })];
  assert.deepEqual(cut(text, parts).map((p) => [p.text, p.odd]), [["naïve 🙂 ", 0], ["502", 1], [" end", 0]]);
  const fields = fieldsOf({ data: { page: "/a", ms: 9 } }, [part({ name: "ms", excess_bits: 9 }), part({ name: "page", excess_bits: -1 })]);
  assert.deepEqual(fields.map((f) => [f.name, f.pieces[0]!.odd]), [["page", 0], ["ms", 1]]);
  assert.deepEqual(fieldsOf(null, []), []);
  // what stands in a slot of a line has no place of its own
  const slots = [part({ name: "path/slot 1", value: "/pay", excess_bits: 9 }), part({ name: "status", value: "502", excess_bits: 9.5 }), part({ name: "slot 1", value: "10.0.0.7", excess_bits: 1 }), part({ name: "value", value: "<ip> <path> <number>", excess_bits: 2 })];
  assert.deepEqual(fieldsOf({ data: "é 10.0.0.7 /pay 502" }, slots)[0]!.pieces.map((p) => [p.text, p.odd]), [["é 10.0.0.7 ", 0], ["/pay", 2], [" ", 0], ["502", 1]]);
});

test("numbers are shown with the digits that people read, and told in full where these are fewer", () => {
  assert.deepEqual([18.466708342306546, -0.000012345678, 240.5, 1234567.891234, 1e21, 1732915200123, 0.1 + 0.2, 50.123456].map(figureText), ["18.4667", "-0.0000123457", "240.5", "1234567.89", "1e+21", "1732915200123", "0.3", "50.1235"]);
  const [field] = fieldsOf({ data: { temp: 18.466708342306546 } }, [part({ name: "temp", value: "18.466708342306546", excess_bits: 9 })]);
  assert.deepEqual(field!.pieces, [{ text: "18.4667", odd: 1, exact: "18.466708342306546" }]);
  assert.deepEqual(fieldsOf({ data: { v: [1.5, 2.123456789] } }, [])[0]!.pieces, [{ text: "[1.5, ", odd: 0 }, { text: "2.12346", odd: 0, exact: "2.123456789" }, { text: "]", odd: 0 }]);
  assert.deepEqual([partText("18.466708342306546", "number"), partText("18.466708342306546", "text"), partText("12", "number"), partText(null, "number"), partText("1 s", "gap")],
    [{ text: "18.4667", exact: "18.466708342306546" }, { text: "18.466708342306546" }, { text: "12" }, { text: "missing" }, { text: "1 s" }]);
});

test("an element of a vector is a part of its own", () => {
  const parts = [part({ name: "value[1]", excess_bits: 9 }), part({ name: "value[2]", excess_bits: 4 }), part({ name: "value[0]", excess_bits: 0 })];
  assert.deepEqual(fieldsOf({ data: [1.5, 77, 3] }, parts)[0]!.pieces.map((p) => [p.text, p.odd]), [["[1.5, ", 0], ["77", 1], [", ", 0], ["3", 2], ["]", 0]]);
  const at = [part({ name: "at[0]", excess_bits: 9 })];
  assert.deepEqual(fieldsOf({ data: { at: [1, 2], v: 3 } }, at).map((f) => [f.name, f.pieces.map((p) => [p.text, p.odd])]), [["at", [["[", 0], ["1", 1], [", 2]", 0]]], ["v", [["3", 0]]]]);
  assert.deepEqual([numberOf([1.5, 77], "value[1]"), numberOf({ at: [1, 2] }, "at[0]"), numberOf({ "at[0]": 5 }, "at[0]"), numberOf(4, "value"), numberOf({ v: "x" }, "v"), numberOf(null, "v")], [77, 1, 5, 4, null, null]);
});

test("a stream that changed is named where no incident tells of it", () => {
  const drift = { detector: "loss" as const, began: 900, noticed: 950, bits_before: 1, bits_after: 2 } as NonNullable<StreamRow["drift"]>;
  const rows = [row("told", { offset: 1000, drift }), row("untold", { offset: 1000, drift }), row("old", { offset: 9000, drift }), row("same", { offset: 1000 })];
  const incident = { stream: "told", began: 910, offset: 990, count: 5 } as AlarmEvent;
  assert.deepEqual(changedUntold(rows, [incident]).map(({ stream }) => stream), ["untold"]);
});

test("a lasting change is told in the words of the terminal", () => {
  const told = (detector: "loss" | "level" | "rate", field?: string, level_before?: number, level_after?: number) => {
    const change = { detector, field, level_before, level_after, bits_before: 1, bits_after: 2.25 };
    return [changeWords(change), changeShort(change)];
  };
  assert.deepEqual(told("loss"), ["it is harder to predict, at 2.25 bits per event, which were 1.00", "less predictable"]);
  assert.deepEqual(told("loss", "page"), ["page is harder to predict, at 2.25 bits per event, which were 1.00", "page less predictable"]);
  assert.deepEqual(told("level", "ms", 4, 7.5), ["the level of ms moved from 4 to 7.5", "ms moved"]);
  assert.deepEqual(told("rate", undefined, 10, 0.25), ["events come faster, typically one in 250 ms, which was 10 s", "faster"]);
  assert.deepEqual(told("rate", undefined, 60, 600), ["events come more slowly, typically one in 10 minutes, which was 60 s", "slower"]);
});

test("an event has its fields in the order of its stream", () => {
  const fields = [{ name: "gap" }, { name: "page" }, { name: "at[0]" }, { name: "at[1]" }, { name: "ms" }];
  assert.deepEqual(Object.keys(inOrder({ key: "u", data: { at: [1, 2], ms: 3, new: 1, page: "x" } }, fields)!.data as object), ["page", "at", "ms", "new"]);
  assert.deepEqual([inOrder({ data: [2, 1] }, fields), inOrder({ data: "b a" }, fields), inOrder(null, fields)], [{ data: [2, 1] }, { data: "b a" }, null]);
});

test("that a part was never seen is said only of what is looked for", () => {
  const number = (value: string) => part({ value, expected: { mean: 5, median: 5, quantiles: { "0.05": 4, "0.95": 6 } } });
  const sought = (p: Part, kind: string | undefined, data: unknown = 1) => isSought(p, kind, data);
  assert.deepEqual([sought(part({ value: "x" }), "category"), sought(part({ value: "502", place: [0, 3] }), "text"), sought(number("7"), "number"), sought(number("-1"), "number")], [true, true, true, true]);
  // a usual number, the rest of a text, a time to the next event, bytes, the end of a key, nothing, and an element
  assert.deepEqual([sought(number("5"), "number"), sought(part({ value: "all of it" }), "text"), sought(part({ value: "1 s" }), "gap"), sought(part({ value: "a" }), "byte"), sought(part({ value: "a" }), "line"),
    sought(part({ name: "end", value: "(the key ends)" }), undefined), sought(part({}), "category"), sought({ ...number("7"), name: "value[0]" }, "number", [7, 5]), sought({ ...number("7"), name: "at[1]" }, "number", { at: [7, 5] })],
    Array.from({ length: 9 }, () => false));
  assert.equal(sought({ ...number("7"), name: "at[1]" }, "number", { "at[1]": 7 }), true);
});

test("what was expected is said in a few words", () => {
  assert.equal(expectedWords({ top: [["/home", 0.61], [null, 0.2], ["/x", 0.001]], other: 0.19 }), "/home (61 %), missing (20 %)");
  assert.equal(expectedWords({ mean: 1, median: 20, quantiles: { "0.05": 19.5, "0.95": 20.5 } }), "20 (90 % within 19.5 and 20.5)");
  assert.equal(expectedWords(undefined), "");
});

test("streams are filtered, sorted and grouped", () => {
  const rows = [row("web-1", { events_per_second: 3 }), row("web-2", { failed: "broken" }), row("db.a", { last_incident: { kind: "value", phase: "begins", began: 1, oddest: 1, time: "2026-01-01T00:00:00Z" } })];
  const names = (list: StreamRow[]) => list.map((r) => r.stream);
  assert.deepEqual(names(arrange(rows, "rate", true, "WEB")), ["web-1", "web-2"]);
  assert.deepEqual(names(arrange(rows, "name", false, "")), ["db.a", "web-1", "web-2"]);
  assert.deepEqual(names(arrange(rows, "incident", true, "")), ["web-2", "db.a", "web-1"]);
  assert.deepEqual(names(arrange(rows, "name", false, "is:odd")), ["db.a"]);
  assert.deepEqual(["web-1", "db.a", "-x"].map(prefix), ["web", "db", "-x"]);
});

test("streams are sorted by each figure, the most first, and what has none comes last", () => {
  const drift = (began: number) => ({ detector: "loss", bits_before: 1, bits_after: 2, began, noticed: began + 5 }) as StreamRow["drift"];
  const rows = [
    row("a", { recent_bits: 2, skill: -0.1, offset: 900, drift: drift(100) }), row("b", { recent_bits: null, skill: null, offset: 20, drift: drift(10) }),
    row("c", { recent_bits: 10.5, skill: 0.4, offset: 9_000 }), row("d", { recent_bits: 0, skill: 0, offset: 100_000, drift: drift(50_000) }),
  ];
  const names = (...how: [Parameters<typeof arrange>[1], boolean]) => arrange(rows, ...how, "").map((r) => r.stream).join("");
  assert.deepEqual([names("bits", true), names("bits", false)], ["cadb", "bdac"]);
  assert.deepEqual([names("skill", true), names("skill", false)], ["cdab", "badc"]);
  assert.deepEqual([names("events", true), names("events", false)], ["dcab", "bacd"]);
  // a change by how many events ago it began, which is what is shown of it
  assert.deepEqual([names("drift", true), names("drift", false)], ["badc", "cdab"]);
});

test("a stream's line is drawn over all its room, from its first value on", () => {
  assert.deepEqual(sparkPoints([null, null, 1, null, 3], 72, 20), [[1, 18, false], [69, 2, false]]);
  assert.deepEqual(sparkPoints([1, 2, 2, null], 72, 20).map(([x, y, isJoined]) => [Math.round(x), y, isJoined]), [[1, 18, false], [24, 2, true], [46, 2, true]]);
  assert.deepEqual(sparkPoints([null, null], 72, 20), []);
  assert.deepEqual(sparkPoints([4, 4], 72, 20).map(([, y]) => y), [10, 10]);
});

test("a history without events has gaps", () => {
  const history = { stream: "s", span_seconds: 60, spans_max: 180, now: 0, windows: [], points: [{ time: 0, events: 60, bits: 120, rarest: 9, incidents: 1, distinct: 0 }, { time: 180, events: 30, bits: 30, rarest: 2, incidents: 0, distinct: 0 }] };
  assert.deepEqual(filled(history), { time: [0, 60, 120, 180], bits: [2, null, null, 1], rate: [1, 0, 0, 0.5], incidents: [2, null, null, null] });
});

test("incidents that a silence began are counted in the course, where no event has joined them yet", () => {
  const points = [{ time: 60, events: 60, bits: 120, rarest: 9, incidents: 1, distinct: 0 }, { time: 120, events: 30, bits: 30, rarest: 2, incidents: 0, distinct: 0 }];
  const history = { stream: "s", span_seconds: 60, spans_max: 180, now: 600, windows: [], points };
  const overdue = (second: number, event: unknown = null) => ({ kind: "missing", event, time: new Date(second * 1000).toISOString() }) as unknown as AlarmEvent;
  const told = withSilences(history, [overdue(130), overdue(310), overdue(320, { data: 1 }), overdue(-20_000)]);
  assert.deepEqual(told.points.map(({ time, events, incidents }) => [time, events, incidents]), [[60, 60, 1], [120, 30, 1], [300, 0, 1]]);
  assert.deepEqual(filled(told).incidents, [2, 1, null, null, 1], "where the line ended");
  assert.match(viewWords(told, 1), /^90 events in view, 1\.67 bits each; 3 incidents began\. All came within 2 minutes, from .*: that is too little for a course over time\.$/);
  assert.equal(viewWords({ ...told, points: [] }, 0), "No event in this time.");
  assert.equal(viewWords({ ...history, points: [{ ...points[0]!, events: 0, incidents: 1 }] }, 0), "No event in this time; 1 incident began.");
});

test("windows that hold nothing but the events of a longer one are left out", () => {
  const window = (name: string, events: number) => ({ name, events, seconds: 5, loss_bits_per_event: 1, simple_bits_per_event: 1, experts: [] });
  const names = (...events: number[]) => distinct(["minute", "hour", "day", "ever"].map((name, i) => window(name, events[i]!))).map(({ name }) => name);
  assert.deepEqual([names(9, 9, 9, 9), names(2, 9, 9, 9), names(0, 0, 4, 9), names(1, 2, 3, 4)], [["ever"], ["minute", "ever"], ["day", "ever"], ["minute", "hour", "day", "ever"]]);
});

test("a course over time needs spans; what came at once is shown by its numbers", () => {
  const point = (time: number, events = 5) => ({ time, events, bits: 5, rarest: 2, incidents: 0, distinct: 0 });
  const of = (...points: ReturnType<typeof point>[]) => burst({ points, span_seconds: 60, windows: [] });
  assert.deepEqual([of(), of(point(60)), of(point(60), point(120, 0), point(300)), of(point(60), point(120), point(180))], [null, 60, 300, null]);
  const window = (events: number, seconds: number) => ({ name: "minute", events, seconds, loss_bits_per_event: 1, simple_bits_per_event: 1, experts: [] });
  assert.equal(burst({ points: [point(60)], span_seconds: 60, windows: [window(3, 1), window(5, 5.2), window(5, 0)] }), 6, "a window of the same events");
  const rare = { stream: "s", events: 9, counts: [], surprises: [{ offset: 7, time: 1, rarity_events: 9, surprise_bits: 20 }, { offset: 3, time: 1, rarity_events: 8, surprise_bits: 10 }] };
  const incident = (event_offset: number, event: unknown) => ({ event_offset, event, surprise_bits: 20 }) as unknown as AlarmEvent;
  assert.deepEqual(byNumber({ rare, incidents: [incident(7, {}), incident(9, null), incident(1, {})] }), [[1, 3, 7], [20, 10, 20], [20, null, 20]]);
  assert.deepEqual(byNumber({ rare: null, incidents: [] }), [[], [], []]);
});

test("metrics are read with their labels", () => {
  const early = parseMetrics('# HELP x\nsurmise_a_total{group="w\\"x",kind="b"} 3\nsurmise_t_sum 2\nsurmise_t_count 4\n');
  assert.deepEqual(early.get("surmise_a_total"), [{ labels: { group: 'w"x', kind: "b" }, value: 3 }]);
  assert.equal(sum(early, "surmise_a_total", { kind: "b" }), 3);
  assert.equal(meanSince(parseMetrics("surmise_t_sum 5\nsurmise_t_count 10\n"), early, "surmise_t"), 0.5);
  assert.equal(meanSince(early, early, "surmise_t"), null);
});

test("stages stand after all that they read", () => {
  const stage = (name: string, ...reads: string[]) => ({ name, about: "", reads, parts: [] });
  assert.deepEqual(depths([]), []);
  assert.deepEqual(depths([stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "c", "a"), stage("e", "b", "d")]), [0, 1, 1, 2, 3]);
});

test("a stage's time is told where it is measured, and that it is not where it is not", () => {
  const stage = (name: string) => ({ name, about: "", reads: [], parts: [] });
  const symbols = ["past", "contexts", "network", "mixer", "mixture"].map(stage);
  const numbers = ["past", "forecasts", "network", "mixture"].map(stage);
  const cost = { measured: 9, stages: ([["contexts", 7], ["network", 3], ["training", 2], ["mixing", 4], ["numbers", 8]] as const).map(([name, microseconds]) => ({ name, about: "", microseconds })) };
  const short = (flow: typeof symbols, of = cost) => flow.map(({ name }) => timeShort(stageTime(name, flow, of)));
  assert.deepEqual(short(symbols), ["not measured", "7 µs", "5 µs", "part of 4 µs", "part of 4 µs"]);
  assert.deepEqual(short(numbers), ["part of 8 µs", "part of 8 µs", "5 µs", "part of 8 µs"]);
  assert.deepEqual(new Set(short(symbols, { ...cost, measured: 0 })), new Set(["not measured"]));
  assert.equal(timeWords(stageTime("mixer", symbols, cost)), "Its own time is not measured: mixer and mixture take 4 µs, under “mixing”, of all fields of an event together.");
  assert.equal(timeWords(stageTime("network", symbols, cost)), "It takes 5 µs, measured under “network” and “training”, of all fields of an event together.");
  assert.equal(timeWords(stageTime("past", symbols, cost)), "Its time is not measured.");
});

test("the rarest events of one incident are one entry, with how many they are", () => {
  const rare = (offset: number): RareEvent => ({ offset, time: 1, rarity_events: 1e9, surprise_bits: 30 });
  const incident = (began: number, event_offset: number, offset: number, rarity_events = 9, event: unknown = {}) => ({ began, event_offset, offset, rarity_events, event }) as unknown as AlarmEvent;
  const [burst, wide, silent] = [incident(10, 12, 19), incident(5, 5, 40, 90), incident(50, 50, 50, 9, null)];
  const { of, others } = byIncident([burst, wide, silent], [4, 5, 10, 12, 19, 41, 50].map(rare));
  assert.deepEqual([...of.values()].map((events) => events.map(({ offset }) => offset)), [[], [10, 19]], "of those that hold it, the rarest has it");
  assert.deepEqual(others.map(({ offset }) => offset), [4, 41, 50]);
  assert.deepEqual([moreWords(1), moreWords(16)], ["1 more of its events is among the rarest", "16 more of its events are among the rarest"]);
});

test("keys are listed by the rarest of their events", () => {
  const event = (offset: number, key: string | undefined, rarity_events: number): RareEvent => ({ offset, time: offset, rarity_events, surprise_bits: 1, ...(key === undefined ? {} : { key }) });
  const listed = byKey([event(1, "a", 50), event(2, "b", 900), event(3, undefined, 1e6), event(4, "a", 700), event(5, "b", 20)]);
  assert.deepEqual(listed.map((k) => [k.key, k.rarest.offset, k.events]), [["b", 2, 2], ["a", 4, 2]]);
});

test("a page that is left open for a day does not grow", () => {
  const seen = new Seen();
  const outcome = (i: number): Outcome => ({ stream: "s", key: `user-${i % 20_000}`, offset: i, model_version: i, surprise_bits: 2, excess_bits: 0, anomaly_score: 0, rarity_events: 1 + ((i * 7919) % 100_003), fields: {} });
  for (let i = 0; i < 300_000; i++) seen.add(outcome(i));
  assert.ok(seen.latest.length <= 600 && seen.hasKeys);
  const state = new State();
  const incident = (i: number): AlarmEvent => ({ stream: "s", kind: "value", phase: "begins", began: i, oddest: i, event_offset: i, offset: i, count: 1, rarity_events: 1e4, event: null, surprise_bits: 1, excess_bits: 1, parts: [], time: new Date(i * 1000).toISOString() });
  for (let i = 0; i < 5000; i++) state.add([incident(i)]);
  assert.ok(state.incidents.size <= 400);
  assert.equal(state.latest()[0]!.began, 4999);
});

test("rows of the feed keep what is sent less often, and go when they are gone", () => {
  const state = new State();
  const schema: StreamRow["schema"] = { fields: [{ name: "page", kind: "category" }] };
  state.take({ kind: "streams", news: { all: true, streams: [row("a", { schema, trend: [1, 2] }), row("b")], gone: [] } });
  state.take({ kind: "streams", news: { all: false, streams: [row("a", { offset: 9 })], gone: ["b"] } });
  assert.deepEqual([...state.rows.keys()], ["a"]);
  assert.deepEqual([state.rows.get("a")!.offset, state.rows.get("a")!.schema, state.rows.get("a")!.trend], [9, schema, [1, 2]]);
});

test("the page weighs little, loads nothing from elsewhere and has nothing inline", () => {
  const file = (name: string) => readFileSync(`dist/${name}`);
  const weight = ["page.html", "page.css", "page.js"].reduce((total, name) => total + gzipSync(file(name)).length, 0);
  assert.ok(weight < 250_000, `${weight} bytes`);
  const html = file("page.html").toString();
  assert.ok(!/<style|<script>| style=| on\w+=/.test(html));
  // what is not the project's own has its licence with it, in what the daemon serves and in the package
  const flat = (text: string) => text.replace(/^ \.$/gm, "").replace(/\s+/g, " ").trim();
  const [script, copyright] = [file("page.js").toString().replaceAll("\\n", "\n").replaceAll('\\"', '"'), readFileSync("../../config/debian/copyright", "utf8")];
  for (const path of ["node_modules/uplot/LICENSE", "../report/fonts/LICENCE-Inter.txt"]) {
    const text = readFileSync(path, "utf8");
    assert.ok(flat(script).includes(flat(text)), `${path} in page.js`);
    for (const holder of text.match(/(?<=^Copyright \(c\) ).+$/gm) ?? []) assert.ok(copyright.includes(`Copyright: ${holder}`), `${holder} in config/debian/copyright`);
  }
  assert.ok(flat(copyright).includes(flat(readFileSync("../report/fonts/LICENCE-Inter.txt", "utf8").split(/^-+$/m)[2]!)), "the terms of OFL in config/debian/copyright");
  assert.ok(!/https?:\/\/(?!www\.w3\.org)/.test(html + file("page.css").toString()));
});
