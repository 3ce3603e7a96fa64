// Checkpoints of streams: what there are, and what a person does with them.

import type { CheckpointInfo } from "surmise";
import { confirmed } from "./confirm";
import { daemon, words } from "./daemon";
import { clear, h } from "./dom";
import { shorten } from "./eventtext";
import { ago, bytes, count, moment, plural } from "./format";
import { state } from "./state";
import { StreamField } from "./streamfield";

/** Checkpoints that are listed before a person asks for more. */
const SHOWN = 12;

const idOf = (c: { stream: string; generation: number }): string => `${c.stream}\n${c.generation}`;
const nameOf = (c: { stream: string; generation: number }): string => `${shorten(c.stream, 60)}, generation ${count(c.generation)}`;

interface Row {
  element: HTMLElement;
  time: HTMLElement;
  shape: string;
}

/** What there is to say of a checkpoint that has been read back. */
export function proofWords(proof: { whole: boolean; fault?: string | null; state_hash?: string | null }): string {
  if (!proof.whole) return `damaged: ${proof.fault ?? "it cannot be read back"}`;
  return proof.state_hash ? `whole, its state is ${proof.state_hash.slice(0, 12)}…` : "whole";
}

/** What becomes of a stream that is put back, and of what it has learnt since. */
export function restoreWords(at: CheckpointInfo, offset: number | null): string[] {
  const since = offset === null ? null : Math.max(0, offset - at.offset);
  return [
    `It will know what it knew at ${moment(at.time)}, and its next event will be number ${count(at.offset)}.`,
    since === 0
      ? "It has learnt nothing since, so nothing is lost."
      : `${since === null ? "What" : `The ${plural(since, "event")} that`} it has learnt since will be set aside: out of its log, and not sent again by anybody. For a while (store.undo_kept) all of it can be brought back.`,
    "The stream goes on meanwhile: events that come wait until it is done.",
  ];
}

/** The list of checkpoints with its buttons, drawn again and again without taking a button from under a finger. */
export class Checkpoints {
  readonly element: HTMLElement;
  private readonly title = h("p", { class: "facts" });
  private readonly said = h("p", { class: "said", role: "status" });
  private readonly list = h("ol", { class: "checkpoints" });
  private readonly more = h("button", { type: "button", onclick: () => ((this.shown += SHOWN * 2), this.draw(this.known)) }, "Show more");
  private readonly make = h("button", {}, "Make one of every stream");
  private readonly field = new StreamField("Of", "checkpoint-streams", "every stream", () => this.chosen());
  private readonly rows = new Map<string, Row>();
  /** What was found of checkpoints while the view is open. */
  private readonly found = new Map<string, { text: string; bad: boolean }>();
  private known: CheckpointInfo[] = [];
  private shown = SHOWN;
  private isBusy = false;

  constructor(private readonly changed: () => void) {
    const form = h("form", { class: "keyed", onsubmit: (event: Event) => (event.preventDefault(), this.makeNow()) }, this.field.element, this.make);
    this.element = h("div", {}, form, this.said, this.title, this.list, h("p", { class: "more" }, this.more));
  }

  private chosen(): void {
    this.make.textContent = this.field.name === undefined ? "Make one of every stream" : "Make one of it";
    this.shown = SHOWN;
    this.draw(this.known);
  }

  draw(known: CheckpointInfo[]): void {
    this.known = known;
    this.field.offer();
    const wanted = known.filter((c) => this.field.name === undefined || c.stream.includes(this.field.name)).sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : b.generation - a.generation));
    const total = wanted.reduce((sum, c) => sum + c.bytes, 0);
    const title = wanted.length === 0 ? "There is none yet." : `${plural(wanted.length, "checkpoint")} of ${bytes(total)}${wanted.length > this.shown ? `, the newest ${this.shown} shown` : ""}`;
    if (this.title.textContent !== title) this.title.textContent = title;
    this.more.hidden = wanted.length <= this.shown;
    const shown = wanted.slice(0, this.shown);
    const kept = new Set(shown.map(idOf));
    for (const id of this.rows.keys()) if (!kept.has(id)) this.rows.delete(id);
    const elements = shown.map((c) => this.rowOf(c));
    const now = this.list.children;
    if (elements.length !== now.length || elements.some((element, i) => now[i] !== element)) this.list.replaceChildren(...elements);
  }

  private rowOf(c: CheckpointInfo): HTMLElement {
    const id = idOf(c);
    const shape = JSON.stringify([c.pinned, c.label, this.found.get(id)]);
    let row = this.rows.get(id);
    if (!row) {
      row = { element: h("li", {}), time: h("span", { title: moment(c.time) }), shape: "" };
      this.rows.set(id, row);
    }
    row.time.textContent = `made ${ago(c.time)}`;
    if (row.shape === shape) return row.element;
    row.shape = shape;
    const found = this.found.get(id);
    // a button that was pressed keeps the focus, though the row is made anew
    const focused = row.element.contains(document.activeElement) ? document.activeElement!.getAttribute("data-does") : null;
    const button = (does: string, text: string, onclick: () => void) => h("button", { type: "button", "data-does": does, "aria-label": `${text}: ${nameOf(c)}`, onclick }, text);
    clear(row.element,
      h("div", { class: "what" },
        h("span", { class: "name" }, h("bdi", {}, shorten(c.stream, 80)), c.pinned ? h("span", { class: "tag" }, "pinned") : null, c.label ? h("span", { class: "tag" }, h("bdi", {}, c.label)) : null),
        h("span", { class: "facts" }, `generation ${count(c.generation)} · at event ${count(c.offset)} · ${bytes(c.bytes)} · `, row.time),
        found ? h("span", { class: found.bad ? "failed" : "ok" }, found.text) : null),
      h("div", { class: "actions" },
        button("verify", "Verify", () => this.verify(c)),
        button("restore", "Restore", () => void this.restore(c)),
        button("pin", c.pinned ? "Unpin" : "Pin", () => this.pin(c))));
    if (focused) row.element.querySelector<HTMLElement>(`[data-does="${focused}"]`)?.focus();
    return row.element;
  }

  /** Does one thing after another, and says what came of it. */
  private async does(doing: string, what: () => Promise<(Node | string)[]>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.say(false, doing);
    try {
      this.say(false, ...(await what()));
    } catch (error) {
      this.say(true, words(error));
    } finally {
      this.isBusy = false;
      this.draw(this.known);
      this.changed();
    }
  }

  private say(bad: boolean, ...text: (Node | string)[]): void {
    this.said.className = bad ? "said problem" : "said";
    clear(this.said, ...text);
  }

  private makeNow(): void {
    const stream = this.field.name;
    void this.does("Making …", async () => {
      const { checkpoints } = await daemon.checkpoint({ ...(stream === undefined ? {} : { stream }) });
      const [first] = checkpoints;
      if (!first) return ["There is no stream to make one of."];
      if (checkpoints.length === 1) return [`Made: ${nameOf(first)}, at event ${count(first.offset)}, ${bytes(first.bytes)}.`];
      return [`Made ${plural(checkpoints.length, "checkpoint")} of ${bytes(checkpoints.reduce((sum, c) => sum + c.bytes, 0))}.`];
    });
  }

  private verify(c: CheckpointInfo): void {
    void this.does(`Reading back ${nameOf(c)} …`, async () => {
      const proof = await daemon.checkpointVerify(c.stream, c.generation);
      const text = proofWords(proof);
      this.found.set(idOf(c), { text, bad: !proof.whole });
      return [`${nameOf(c)}: ${text}.`];
    });
  }

  private pin(c: CheckpointInfo): void {
    void this.does(c.pinned ? "Letting it go …" : "Keeping it …", async () => {
      const marks = await daemon.checkpointPin(c.stream, c.generation, !c.pinned);
      c.pinned = marks.pinned;
      return [`${nameOf(c)}: ${marks.pinned ? "kept when newer ones come" : "goes in its turn"}.`];
    });
  }

  private async restore(c: CheckpointInfo): Promise<void> {
    if (this.isBusy) return;
    const title = `Put ${shorten(c.stream, 60)} back to event ${count(c.offset)}?`;
    if (!(await confirmed(title, restoreWords(c, state.rows.get(c.stream)?.offset ?? null), "Restore"))) return;
    await this.does(`Restoring ${nameOf(c)} …`, async () => {
      const changed = await daemon.checkpointRestore(c.stream, c.generation);
      const undo = h("button", { type: "button", onclick: () => this.bringBack(changed.stream) }, "Bring them back");
      const since = changed.offset_before - changed.offset;
      return [`${shorten(changed.stream, 60)} is back at event ${count(changed.offset)}; it had been at ${count(changed.offset_before)}. `, since > 0 ? undo : ""];
    });
  }

  private bringBack(stream: string): void {
    void this.does("Bringing back …", async () => {
      const changed = await daemon.undo(stream);
      return [`${shorten(changed.stream, 60)} is at event ${count(changed.offset)} again.`];
    });
  }
}
