// Which fields of a stream are shown, where it has more than fit a page that is read.

import { clear, h } from "./dom";
import { count } from "./format";

/** Fields that are shown before a person chooses, and as many as may be shown at once. */
const FIRST = 6;
const CHOSEN_MAX = 12;

export class FieldChoice {
  private readonly said = h("summary", {});
  private readonly list = h("div", { class: "fieldchoice" });
  readonly element = h("details", { class: "folded", hidden: true }, this.said, this.list);
  private names: string[] = [];
  private chosen: Set<string> | null = null;

  constructor(private readonly changed: () => void) {
    this.element.addEventListener("toggle", () => this.draw());
  }

  /** Takes in which fields there are. */
  take(names: string[]): void {
    if (names.length === this.names.length && names.every((name, i) => name === this.names[i])) return;
    this.names = names;
    this.draw();
  }

  /** Whether a field is shown; what is no field of the stream is. */
  has(name: string): boolean {
    if (this.names.length <= FIRST) return true;
    return this.chosen === null ? this.names.indexOf(name) < FIRST : this.chosen.has(name) || !this.names.includes(name);
  }

  private draw(): void {
    const { names } = this;
    this.element.hidden = names.length <= FIRST;
    const shown = names.filter((name) => this.has(name));
    this.said.textContent = `${count(shown.length)} of ${count(names.length)} fields are shown on this page: choose`;
    if (!this.element.open || this.element.hidden) return clear(this.list);
    const isFull = shown.length >= CHOSEN_MAX;
    if (this.list.children.length === names.length) {
      for (const box of this.list.querySelectorAll("input")) box.disabled = isFull && !box.checked;
      return;
    }
    clear(this.list, ...names.map((name) => {
      const box = h("input", { type: "checkbox", checked: this.has(name), disabled: isFull && !this.has(name), onchange: () => this.choose(name, box.checked) });
      return h("label", {}, box, " ", h("bdi", {}, name));
    }));
  }

  private choose(name: string, isChosen: boolean): void {
    this.chosen ??= new Set(this.names.filter((name) => this.has(name)));
    if (isChosen) this.chosen.add(name);
    else this.chosen.delete(name);
    this.draw();
    this.changed();
  }
}
