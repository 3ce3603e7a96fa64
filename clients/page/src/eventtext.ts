// An event as people read it, with its odd part marked.

import type { EventJson, Expected, Feedback, Part } from "surmise";
import { h } from "./dom";
import { between, count, gap, num } from "./format";

/** A piece of text, and how odd it is: 0 for not at all, 1 for the oddest, 2 for odd beside that. */
export interface Piece {
  text: string;
  odd: 0 | 1 | 2;
  /** The text in full, where it is shown rounded. */
  exact?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Excess below which a part is not marked, in bits. */
export const ODD_BITS = 3;

/** Cuts a text at places that are given in bytes. */
export function cut(text: string, parts: Part[]): Piece[] {
  const all = encoder.encode(text);
  const placed = parts
    .filter((part) => part.place && part.excess_bits > ODD_BITS)
    .sort((a, b) => b.excess_bits - a.excess_bits)
    .slice(0, 3);
  const oddest = placed[0];
  const pieces: Piece[] = [];
  let at = 0;
  for (const part of placed.sort((a, b) => a.place![0] - b.place![0])) {
    const [start] = part.place!;
    // the place of a word reaches to the next word; its mark does not
    const length = Math.min(encoder.encode(part.value ?? "").length || part.place![1] - start, part.place![1] - start);
    if (start < at || start > all.length) continue;
    if (start > at) pieces.push({ text: decoder.decode(all.slice(at, start)), odd: 0 });
    pieces.push({ text: decoder.decode(all.slice(start, start + length)), odd: part === oddest ? 1 : 2 });
    at = start + length;
  }
  if (at < all.length) pieces.push({ text: decoder.decode(all.slice(at)), odd: 0 });
  return pieces.length > 0 ? pieces : [{ text, odd: 0 }];
}

/** Digits of a number that are shown, at least, and of what lies below one beside a whole part. */
const DIGITS = 6;
const DIGITS_BELOW_ONE = 2;

/** A number with the digits that people read; a whole number has all of its own. */
export function figureText(x: number): string {
  if (Number.isInteger(x) || !Number.isFinite(x)) return String(x);
  const whole = Math.abs(x) < 1 ? 0 : Math.floor(Math.log10(Math.abs(x))) + 1;
  return String(Number(x.toPrecision(Math.min(17, Math.max(DIGITS, whole + DIGITS_BELOW_ONE)))));
}

/** The number in full, where it is shown rounded. */
const exactOf = (value: unknown): { exact?: string } => (typeof value === "number" && figureText(value) !== String(value) ? { exact: String(value) } : {});

/** A value that stands as text in an answer, as people read it: a number of a field of numbers is rounded. */
export function partText(value: string | null, kind: string | undefined): { text: string; exact?: string } {
  const number = kind === "number" && value !== null && value.trim() !== "" ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? { text: figureText(number), ...exactOf(number) } : { text: valueText(value) };
}

export function valueText(value: unknown): string {
  if (value === null || value === undefined) return "missing";
  if (typeof value === "string") return value;
  if (typeof value === "number") return figureText(value);
  return JSON.stringify(value);
}

/**
 * Whether the daemon looks among earlier events for the like of a part of an event's data, so that there was none if it
 * tells none. It looks for symbols, for words of texts, and for numbers out of the usual; not for ends of keys, times
 * between events, what stands in a line, missing values and elements of vectors.
 */
export function isSought(part: Part, kind: string | undefined, data: unknown): boolean {
  if (part.value === null || isElement(part.name, data)) return false;
  if (kind === "category") return true;
  if (kind === "text") return part.place !== undefined;
  const [low, high] = [part.expected?.quantiles?.["0.05"], part.expected?.quantiles?.["0.95"]];
  return kind === "number" && low !== undefined && high !== undefined && (Number(part.value) < low || Number(part.value) > high);
}

/** Whether a name is that of an element of a vector. */
function isElement(name: string, data: unknown): boolean {
  const vector = /^(.*)\[\d+\]$/.exec(name)?.[1];
  return vector !== undefined && (Array.isArray(data) || (data !== null && typeof data === "object" && Array.isArray((data as Record<string, unknown>)[vector])));
}

/** Texts are shown up to so many characters; the view of one event shows all. */
const SHOWN_MAX = 240;

/** What a person said of an incident, as it stands in a log. */
function feedbackWords({ offset, verdict, label }: Feedback): string {
  const said = [verdict === undefined ? null : verdict === "normal" ? "was normal" : "mattered", label === undefined ? null : label === "" ? "has no label" : `is called ${label}`];
  return `the incident of event ${count(offset)} ${said.filter(Boolean).join(" and ")}`;
}

/** An event with its fields in the order in which its stream has them; answers about single events have them by name. */
export function inOrder(event: EventJson | null, fields: { name: string }[]): EventJson | null {
  const data = event?.data;
  if (data === null || typeof data !== "object" || Array.isArray(data)) return event;
  const placeOf = (name: string) => {
    const place = fields.findIndex((field) => field.name === name || field.name.startsWith(`${name}[`));
    return place < 0 ? fields.length : place;
  };
  const sorted = Object.entries(data).sort(([a], [b]) => placeOf(a) - placeOf(b));
  return { ...event, data: Object.fromEntries(sorted) };
}

/** The name and the pieces of each value of an event. */
export function fieldsOf(event: EventJson | null, parts: Part[]): { name: string; pieces: Piece[] }[] {
  if (event === null) return [];
  const oddest = parts.find((part) => part.name !== "end");
  const out: { name: string; pieces: Piece[] }[] = [];
  const one = (name: string, value: unknown) => {
    if (Array.isArray(value)) return void out.push({ name, pieces: elementsOf(name, value, parts, oddest) });
    const text = valueText(value);
    const own = parts.filter((part) => part.name === name);
    const pieces = cut(text, own).map((piece) => ({ ...piece, ...exactOf(value) }));
    const whole = pieces.every((piece) => piece.odd === 0);
    const odd = own.reduce((sum, part) => sum + part.excess_bits, 0);
    if (whole && oddest?.name === name && odd > 1) pieces[0]!.odd = 1;
    else if (whole && odd > ODD_BITS) pieces[0]!.odd = 2;
    out.push({ name, pieces });
  };
  const { data } = event;
  if (data !== null && typeof data === "object" && !Array.isArray(data)) {
    for (const [name, value] of Object.entries(data)) one(name, value);
  } else if (typeof data === "string") {
    parts = parts.flatMap((part) => unlike(data, part) ?? [inLine(data, part)]);
    one("value", data);
  } else if (data !== undefined) one("value", data);
  if (event.feedback) out.push({ name: "feedback", pieces: [{ text: feedbackWords(event.feedback), odd: 0 }] });
  if (event.end) out.push({ name: "end", pieces: [{ text: "the key ends", odd: oddest === undefined ? 1 : 0 }] });
  return out;
}

/** A part with its place in a line: what stands in a slot of it is found by what it is. */
function inLine(line: string, part: Part): Part {
  const at = part.place || part.name === "value" || !part.value ? -1 : line.indexOf(part.value);
  if (at < 0) return part;
  const start = encoder.encode(line.slice(0, at)).length;
  return { ...part, name: "value", place: [start, start + encoder.encode(part.value!).length] };
}

/**
 * What of a line's template no expected template has at that place, as parts of their own; none where that is most of
 * it, or all that was expected is as unlike.
 */
function unlike(line: string, part: Part): Part[] | null {
  const template = part.name === "value" && part.place === undefined && part.excess_bits > ODD_BITS ? part.value?.split(/\s+/) : undefined;
  const words = [...line.matchAll(/\S+/g)];
  if (!template || words.length < 3 || words.length !== template.length) return null;
  const differing = (part.expected?.top ?? []).map(([other]) => common(template, (other ?? "").split(/\s+/))).reduce<number[] | null>((a, b) => (a && a.length <= b.length ? a : b), null);
  if (!differing || differing.length === 0 || differing.length > template.length / 2) return null;
  return differing.map((place) => {
    const word = words[place]!;
    const start = encoder.encode(line.slice(0, word.index)).length;
    return { ...part, value: word[0], place: [start, start + encoder.encode(word[0]).length] };
  });
}

/** The places of words that are not among the most that two lists have in common in their order. */
function common(own: string[], other: string[]): number[] {
  const most = Array.from({ length: own.length + 1 }, () => new Array<number>(other.length + 1).fill(0));
  for (let i = own.length - 1; i >= 0; i--) for (let j = other.length - 1; j >= 0; j--) most[i]![j] = own[i] === other[j] ? 1 + most[i + 1]![j + 1]! : Math.max(most[i + 1]![j]!, most[i]![j + 1]!);
  const places: number[] = [];
  for (let [i, j] = [0, 0]; i < own.length; ) {
    if (j < other.length && own[i] === other[j]) [i, j] = [i + 1, j + 1];
    else if (j < other.length && most[i]![j + 1]! >= most[i + 1]![j]!) j++;
    else places.push(i++);
  }
  return places;
}

/** The pieces of a vector, with its odd elements marked: each of them is a part of its own. */
function elementsOf(name: string, values: unknown[], parts: Part[], oddest: Part | undefined): Piece[] {
  const pieces: Piece[] = [];
  const push = (text: string, odd: Piece["odd"], exact: { exact?: string } = {}) => {
    const last = pieces.at(-1);
    if (last && last.odd === 0 && odd === 0 && !last.exact && !exact.exact) last.text += text;
    else pieces.push({ text, odd, ...exact });
  };
  push("[", 0);
  values.forEach((value, i) => {
    const own = parts.find((part) => part.name === `${name}[${i}]`);
    const excess = own?.excess_bits ?? 0;
    if (i > 0) push(", ", 0);
    push(valueText(value), own !== undefined && own === oddest && excess > 1 ? 1 : excess > ODD_BITS ? 2 : 0, exactOf(value));
  });
  push("]", 0);
  return pieces;
}

/** The number that a field has in an event's data: an element of a vector has its place in its name. */
export function numberOf(data: unknown, field: string): number | null {
  const record = data !== null && typeof data === "object" && !Array.isArray(data) ? (data as Record<string, unknown>) : { value: data };
  const [, vector, place] = /^(.*)\[(\d+)\]$/.exec(field) ?? [];
  const elements = vector === undefined ? undefined : record[vector];
  const value = field in record ? record[field] : Array.isArray(elements) ? elements[Number(place)] : undefined;
  return typeof value === "number" ? value : null;
}

/** A text that is odd as a whole is painted up to so many characters: of a longer one no word is odder than another. */
const PAINTED_MAX = 40;
/** Fields of a record that are shown where there is little room: what is odd, and the first. */
const FIELDS_SHOWN = 8;

function fewer<F extends { pieces: Piece[] }>(fields: F[]): F[] {
  if (fields.length <= FIELDS_SHOWN) return fields;
  const isOdd = ({ pieces }: F) => pieces.some((piece) => piece.odd > 0);
  const kept = new Set([...fields.filter(isOdd), ...fields.filter((field) => !isOdd(field))].slice(0, FIELDS_SHOWN));
  return fields.filter((field) => kept.has(field));
}

/** An event as an element. */
export function eventElement(event: EventJson | null, parts: Part[], whole = false): HTMLElement {
  const line = h("span", { class: "event", dir: "auto" });
  if (event === null) {
    line.append(h("mark", {}, "no event came"));
    return line;
  }
  if (event.key !== undefined) line.append(h("span", { class: "key" }, h("bdi", {}, shorten(event.key, 80))), " ");
  const fields = fieldsOf(event, parts);
  const shown = whole ? fields : fewer(fields);
  for (const { name, pieces } of shown) {
    const span = h("span", { class: "field" });
    if (!(fields.length === 1 && name === "value")) span.append(h("span", { class: "name" }, name), " ");
    let room = whole ? Number.POSITIVE_INFINITY : SHOWN_MAX;
    for (const piece of pieces) {
      const text = shorten(piece.text, room);
      if (text) span.append(piece.odd ? h("mark", { class: `${piece.odd === 1 ? "odd" : "less"}${pieces.length === 1 && text.length > PAINTED_MAX ? " whole" : ""}` }, h("bdi", { title: piece.exact }, text)) : h("bdi", { title: piece.exact }, text));
      room = Math.max(0, room - piece.text.length);
    }
    line.append(span, " ");
  }
  if (shown.length < fields.length) line.append(h("span", { class: "name" }, `and ${count(fields.length - shown.length)} more fields`));
  return line;
}

export const shorten = (text: string, most: number): string =>
  text.length <= most ? text : most <= 0 ? "" : `${[...text].slice(0, Math.max(1, most - 1)).join("")}…`;

/** A symbol as people read it: one that is blank must be seen, and a line feed closes a text. */
export function symbolText(symbol: string | null, kind?: string): string {
  if (symbol === null) return "missing";
  if (symbol === "") return "(empty)";
  if (kind === "text" && (symbol === "\n" || symbol === "\\n")) return "(end of the text)";
  const text = kind === "byte" || kind === "text" ? JSON.stringify(symbol).slice(1, -1).replace(/^\\"$/, '"') : symbol;
  return /^\s+$/.test(text) ? text.replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥") : text;
}

/** What was expected, in a few words. */
export function expectedWords(expected: Expected | undefined, kind?: string, most = 3): string {
  if (!expected) return "";
  if (expected.top) {
    const likely = expected.top.filter(([, p]) => p >= 0.005).slice(0, most);
    if (likely.length === 0) return "nothing in particular";
    return likely.map(([symbol, p]) => `${shorten(symbolText(symbol, kind), 60)} (${share(p)})`).join(", ");
  }
  if (expected.median === undefined) return "";
  const say = kind === "gap" ? gap : num;
  const [low, high] = [expected.quantiles?.["0.05"], expected.quantiles?.["0.95"]];
  return low === undefined || high === undefined ? say(expected.median) : low === high ? `exactly ${say(low)}` : `${say(expected.median)} (90 % within ${between(low, high, say, " and ")})`;
}

export const share = (p: number): string => (p >= 0.995 ? "> 99 %" : p < 0.01 ? "< 1 %" : `${Math.round(p * 100)} %`);
