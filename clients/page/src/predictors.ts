// What predictors and contexts are called for people. Answers name them as settings and reports do: "order-2",
// "expert matches", "Side(3, 1)"; where words stand for such a name, it is their title.

import type { FieldDescription, NamedPart } from "surmise";
import { h } from "./dom";
import { fieldWords } from "./format";

/** What each predictor goes by, by its name. */
const WORDS: Record<string, string> = {
  counts: "all counts together", network: "the network", numbers: "the event's numbers", mixed: "all of them, mixed",
  matches: "what followed such a past before", recency: "what came lately", bias: "a constant",
  last: "the value before", mean: "the mean of late", trend: "level and trend", day: "the value one day before", "day-step": "the change of one day before",
  "linear-own": "a regression on its own past", "linear-all": "a regression on the past of all fields",
  stack: "the forecasts together", "stack-key": "the forecasts together, as sure as of its key", "stack-narrow": "the forecasts together, surer",
  level: "the slow mean of all keys", "last-key": "the value before, as sure as of its key", line: "the line through the last two values", log: "the logarithm of the value",
  background: "any value", "given-errors": "how wrong the fields before it were", "given-values": "the fields before it", "given-symbols": "the event's symbols",
  repeat: "the value before again", frequent: "values that came often", following: "values that came often after the one before", step: "the value before, changed as it often changes",
  grid: "all values that are remembered", "earlier values of the slot": "earlier values there", density: "the forecast from the past",
};

const lastSymbols = (n: number): string => (n === 1 ? "the last symbol" : `the last ${n} symbols`);
const orderWords = (n: number): string => (n === 0 ? "how often each comes" : lastSymbols(n));

/** A predictor in words, which answers name with and without the word expert; one that is told in words stays as it is. */
export function predictorWords(by: string | undefined): string {
  const name = by?.replace(/^expert /, "") ?? "";
  const order = /^order-(\d+)$/.exec(name)?.[1];
  return order !== undefined ? orderWords(Number(order)) : (Object.hasOwn(WORDS, name) ? WORDS[name]! : name) || "–";
}

/** The same with its name as its title, where that is another. */
export function predictor(by: string | undefined, about = ""): HTMLElement {
  const [name, words] = [by?.replace(/^expert /, "") ?? "", predictorWords(by)];
  return h("span", { title: [name === words ? "" : name, about].filter(Boolean).join(": ") || undefined }, words);
}

/** What contexts can see beside a field's own past, in the order of their bits: other fields but texts, and clocks. */
export function sidesOf(fields: FieldDescription[], field: FieldDescription): string[] {
  const contexts = field.flow.find((stage) => stage.name === "contexts")?.parts ?? [];
  // the context of all of them has no bits where there are none
  const isAlone = contexts.some(({ name }) => name === "Side(0, 0)");
  const others = isAlone ? [] : fields.filter((other) => other !== field && other.kind !== "text" && other.kind !== "byte").slice(0, SIDES_MAX);
  return [...others.map(({ name, kind }) => fieldWords(name, kind)), "the hour of the day", "the hour of the week"];
}

/** Other fields that contexts can see, at most. */
const SIDES_MAX = 8;
const CLOCKS = 2;

/** The places of the bits that are set, from 0 on. */
const set = (mask: number): number[] => Array.from({ length: 16 }, (_, bit) => bit).filter((place) => (mask >> place) & 1);

/** What a context of a model is, in words; the code names it by its declaration. */
export function contextWords({ name, about }: NamedPart, sides: string[]): string {
  const [, kind, first = "", second] = /^(\w+?)(?:\((\w+)(?:, (\w+))?\))?$/.exec(name) ?? [];
  switch (first === "" ? "" : kind) {
    case "Order": return orderWords(Number(first));
    case "Skip": return `the symbols ${set(Number(first)).map((lag) => lag + 1).join(" and ")} back`;
    case "Bag": return `the session's symbols in any order${second === "true" ? ", and the last symbol" : ""}`;
    case "Side": return sideWords(set(Number(first)), Number(second), sides);
    default: return /^[A-Z]\w*$/.test(name) ? `${about.charAt(0).toLowerCase()}${about.slice(1).split(/[.:;,]/)[0]}` : name;
  }
}

function sideWords(places: number[], last: number, sides: string[]): string {
  const fields = sides.length - CLOCKS;
  const seen = places.length > 2 && places.length >= fields ? ["all other fields"] : places.map((place) => sides[place] ?? "another field");
  const all = [...seen, ...(last > 0 ? [lastSymbols(last)] : [])];
  return all.length === 0 ? "no other field" : all.length === 1 ? all[0]! : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}
