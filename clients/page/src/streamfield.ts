// A field that a stream's name goes into, with the names that there are to choose from.

import { clear, h } from "./dom";
import { state } from "./state";

/** Names that are offered at once. */
const OFFERED_MAX = 200;

export class StreamField {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly names: HTMLElement;
  private offered: string | null = null;

  constructor(label: string, id: string, placeholder: string, private readonly changed: () => void = () => {}) {
    this.names = h("datalist", { id });
    this.input = h("input", { type: "search", list: id, placeholder, autocomplete: "off", oninput: () => (this.offer(), this.changed()) });
    this.element = h("label", {}, label, " ", this.input, this.names);
  }

  /** The name that stands in it; none if there is nothing. */
  get name(): string | undefined {
    return this.input.value.trim() || undefined;
  }

  set name(name: string | undefined) {
    this.input.value = name ?? "";
  }

  focus(): void {
    this.input.focus();
  }

  /** Offers the streams that the name is a part of. */
  offer(): void {
    const names = [...state.rows.keys()].filter((name) => name.includes(this.name ?? "")).sort().slice(0, OFFERED_MAX);
    const shape = names.join("\n");
    if (shape === this.offered) return;
    this.offered = shape;
    clear(this.names, ...names.map((name) => h("option", { value: name })));
  }
}
