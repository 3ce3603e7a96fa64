// Figures with their names. A name that a person may not know says what it means when it is pressed.

import { clear, h } from "./dom";

/** A name, what it is now, and what the name means where that is not plain. */
export type Fact = [name: string, value: string, about?: string];

/** Longer ones have a line of their own on a phone. */
const LONG = 18;

/** A list of figures, drawn again and again without taking the focus from what a person has pressed. */
export class Facts {
  readonly element = h("dl", { class: "facts" });
  private readonly values = new Map<string, HTMLElement>();
  private shape = "";

  draw(facts: Fact[]): void {
    const shape = JSON.stringify(facts.map(([name, , about]) => [name, about]));
    if (shape !== this.shape) {
      this.shape = shape;
      this.values.clear();
      clear(this.element, ...facts.map(([name, , about]) => {
        const value = h("dd", {});
        this.values.set(name, value);
        return h("div", {}, h("dt", {}, about ? term(name, about) : name), value);
      }));
    }
    for (const [name, value] of facts) {
      const element = this.values.get(name)!;
      if (element.textContent === value) continue;
      element.textContent = value;
      element.parentElement!.className = value.length > LONG ? "long" : "";
    }
  }
}

/** A word that says what it means: under the pointer, and below itself once it is pressed. */
function term(word: string, about: string): HTMLElement {
  const meaning = h("span", { class: "meaning" }, about);
  const button = h("button", { type: "button", class: "term", title: about, "aria-expanded": "false" }, word);
  const whole = h("span", {}, button);
  button.addEventListener("click", () => {
    const isShown = meaning.isConnected;
    if (isShown) meaning.remove();
    else whole.append(meaning);
    button.setAttribute("aria-expanded", String(!isShown));
  });
  return whole;
}

/** What the figures are that every view has. */
export const MEANS = {
  bits: "How surprising the latest events were on average: 0 bits were certain, 1 bit is a coin toss, 10 bits come once in a thousand. Less is better predicted.",
  skill: "By how much less it was surprised than the best simple predictor, over about the latest hour: 0 % is no better, 100 % would be perfect.",
  rarity: "How seldom an event so unusual comes, by what was forecast of it. The rarity of an incident is another figure, and mostly a smaller one.",
  incident: "How seldom an incident so unusual comes, as far as this stream's own past proves it: what its budget of alarms asks for, and what stands on the incident's card. The event's own rarity, by what was forecast of it, is mostly more.",
  worth: "Which share of their bits networks save the fields of which that can be told. A share below zero is what they have cost so far, mostly while they knew little; one that goes on saving nothing falls asleep.",
  beyond: "What of the surprise goes beyond that which such an event usually has: an odd event among noisy ones is told by it.",
};
