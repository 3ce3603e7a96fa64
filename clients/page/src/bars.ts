// Bars of probabilities and shares, as HTML that a screen reader reads as a list.

import { h } from "./dom";
import { percent } from "./format";

/** Digits that a part of one is worth: what is nearly certain is not said to be. */
export const digitsOf = (part: number): number => (part < 0.1 || (part >= 0.99 && part < 0.9995) ? 1 : 0);

/** One bar: a label, a part of one, and what stands at its end. */
export function bar(label: string | Node, part: number, end = percent(part, digitsOf(part)), kind = ""): HTMLElement {
  const fill = h("span", { class: "fill", "aria-hidden": "true" });
  fill.style.width = `${Math.max(0, Math.min(1, part)) * 100}%`;
  return h("li", { class: `bar ${kind}` }, fill, h("span", { class: "label" }, typeof label === "string" ? h("bdi", {}, label) : label), h("span", { class: "end" }, end));
}

export const bars = (...items: (HTMLElement | null)[]): HTMLElement => h("ul", { class: "bars" }, ...items);
