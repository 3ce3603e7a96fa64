// What is to be learnt again: the form of a replay.

import type { ReplaySpec } from "surmise";
import { specOf, type Wish } from "./curves";
import { h } from "./dom";
import { state } from "./state";
import { StreamField } from "./streamfield";

const NETWORKS = [["", "as the stream's"], ["off", "off"], ["small", "small"], ["medium", "medium"], ["large", "large"]] as const;

export class ReplayForm {
  readonly element: HTMLElement;
  private readonly stream = new StreamField("Stream", "replay-streams", "its name");
  private readonly name = h("input", { type: "text", placeholder: "by what differs", maxlength: 100, autocomplete: "off" });
  private readonly from = h("input", { type: "text", inputmode: "numeric", placeholder: "the first kept", autocomplete: "off" });
  private readonly to = h("input", { type: "text", inputmode: "numeric", placeholder: "the newest", autocomplete: "off" });
  private readonly begin = h("select", { onchange: () => this.drawBegin() }, h("option", { value: "fresh" }, "with nothing"), h("option", { value: "live" }, "with what it knew there"));
  private readonly network = h("select", {}, ...NETWORKS.map(([value, label]) => h("option", { value }, label)));
  private readonly seed = h("input", { type: "text", inputmode: "numeric", placeholder: "as the stream's", autocomplete: "off" });
  private readonly more = h("textarea", { rows: 1, placeholder: '{"horizon": 8, "memory_mib": 16}', spellcheck: "false" });
  private readonly settings = h("fieldset", { class: "fields" },
    h("legend", {}, "What differs from the stream"),
    h("label", {}, "Network", this.network), h("label", {}, "Seed", this.seed),
    h("label", { class: "all" }, "Other settings (JSON; keys of [model] and [streams.NAME])", this.more));

  constructor(private readonly start: (wish: () => ReplaySpec) => void) {
    const own = () => this.start(() => specOf({ ...this.wish(), name: "", begin: "live" }));
    this.element = h("form", { class: "replay", onsubmit: (event: Event) => (event.preventDefault(), this.start(() => specOf(this.wish()))) },
      h("div", { class: "fields" },
        this.stream.element, h("label", {}, "From event", this.from), h("label", {}, "To before event", this.to),
        h("label", {}, "Begins", this.begin), h("label", {}, "Called", this.name)),
      this.settings,
      h("div", { class: "actions" }, h("button", { class: "main" }, "Start a replay"),
        h("button", { type: "button", onclick: own, title: "Learns the same range with what the stream knew there: its losses are those of the live stream" }, "Its own course, as it was learnt")));
  }

  private wish(): Wish {
    return {
      stream: this.stream.name ?? "", name: this.name.value.trim(), from: this.from.value, to: this.to.value,
      begin: this.begin.value as "fresh" | "live", network: this.network.value, seed: this.seed.value, more: this.more.value,
    };
  }

  /** A learner that goes on from what the stream knew has the stream's settings. */
  private drawBegin(): void {
    this.settings.disabled = this.begin.value === "live";
  }

  /** Fills in a stream, and offers those that there are. */
  draw(stream?: string): void {
    if (stream !== undefined) this.stream.name = stream;
    else if (this.stream.name === undefined && state.rows.size === 1) this.stream.name = [...state.rows.keys()][0];
    this.stream.offer();
  }
}
