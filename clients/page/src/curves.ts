// Several replays side by side: their courses over offsets, and what their figures say.

import type { Replay, ReplaySpec } from "surmise";
import { bits, count, fixed, percent, plural } from "./format";

/** What a person has filled in; text fields as they are written. */
export interface Wish {
  stream: string;
  name: string;
  from: string;
  to: string;
  begin: "fresh" | "live";
  network: string;
  seed: string;
  more: string;
}

/** What is to be asked of the daemon. */
export function specOf(wish: Wish): ReplaySpec {
  const offset = (text: string, what: string) => {
    if (text.trim() === "") return {};
    const number = Number(text.replaceAll(",", ""));
    if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${what} is the number of an event, from 0 on, and not “${text}”.`);
    return { [what.toLowerCase()]: number };
  };
  if (wish.stream === "") throw new Error("Say which stream is to be learnt again.");
  const settings = wish.begin === "live" ? {} : { ...settingsOf(wish.more), ...(wish.network === "" ? {} : { network: wish.network }), ...seedOf(wish.seed) };
  return {
    stream: wish.stream,
    ...(wish.name === "" ? {} : { name: wish.name }),
    ...offset(wish.from, "From"),
    ...offset(wish.to, "To"),
    begin: wish.begin,
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}

function seedOf(text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`A seed is a whole number, and not “${text}”.`);
  return { seed };
}

function settingsOf(text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`Other settings are JSON, as {"horizon": 8}: ${(error as Error).message}`);
  }
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw new Error('Other settings are an object, as {"horizon": 8}.');
  return given as Record<string, unknown>;
}

export const isOver = (replay: Replay): boolean => replay.state !== "waiting" && replay.state !== "running";

/** How a replay is called: as a person called it, or by what differs. */
export function nameOf(replay: Replay): string {
  if (replay.name) return replay.name;
  if (replay.begin === "live") return "as it was learnt";
  const settings = Object.entries(replay.settings).map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return settings.length === 0 ? "from nothing" : settings.join(", ");
}

/** Which part of its range it has learnt. */
export function progress(replay: Replay): number {
  if (replay.state === "done" || replay.to <= replay.from) return 1;
  return Math.min(1, Math.max(0, (replay.offset - replay.from) / (replay.to - replay.from)));
}

/** How it is doing, in words. */
export function stateWords(replay: Replay): string {
  switch (replay.state) {
    case "waiting": return "waits for others";
    case "running": return replay.offset < replay.from ? `goes to where it begins, ${plural(replay.from - replay.offset, "event")} before` : `learning event ${count(replay.offset)}, ${percent(progress(replay))}`;
    case "done": return "done";
    case "failed": return `failed: ${replay.detail ?? "no reason is told"}`;
    case "stopped": return `stopped at event ${count(replay.offset)}`;
  }
}

/** What a chart draws of each course: the loss of each part, the mean so far, or by how much that differs from another's. */
export type Drawn = "parts" | "so far" | "difference";

/** The points of one course, as they are to be drawn. */
function pointsOf(replay: Replay, drawn: Drawn): [number, number][] {
  let [events, bits] = [0, 0];
  return replay.course.filter((point) => point.events > 0).map((point) => {
    events += point.events;
    bits += point.events * point.loss_bits_per_event;
    return [point.offset, drawn === "parts" ? point.loss_bits_per_event : bits / events];
  });
}

/** Every offset at which a course has a point, with the value of each replay there. */
export function joined(replays: Replay[], drawn: Drawn = "parts"): [number[], ...(number | null)[][]] {
  const offsets = [...new Set(replays.flatMap((replay) => replay.course.map((point) => point.offset)))].sort((a, b) => a - b);
  const other = drawn === "difference" ? yardstick(replays) : undefined;
  const base = new Map(other ? pointsOf(other, drawn) : []);
  const curves = replays.map((replay) => {
    const values = new Map(pointsOf(replay, drawn));
    return offsets.map((offset) => {
      const value = values.get(offset);
      if (value === undefined) return null;
      if (!other) return value;
      // only what is the mean of the same events can be held against one another
      const theirs = replay.stream === other.stream && replay.from === other.from ? base.get(offset) : undefined;
      return theirs === undefined ? null : value - theirs;
    });
  });
  return [offsets, ...curves];
}

/** What the best simple experts would have paid for each event, where that is known; none if it is known nowhere. */
export function simpleLoss(replay: Replay): number | null {
  const known = replay.course.filter((point) => point.simple_bits_per_event !== null && point.events > 0);
  const events = known.reduce((sum, point) => sum + point.events, 0);
  return events === 0 ? null : known.reduce((sum, point) => sum + point.simple_bits_per_event! * point.events, 0) / events;
}

/** The replay that others are held against: the stream's own course, or the one that was asked for first. */
export function yardstick(replays: Replay[]): Replay | undefined {
  return replays.find((replay) => replay.begin === "live") ?? [...replays].sort((a, b) => a.id - b.id)[0];
}

/** By how much a replay loses more or less than another one of the same events. */
export function differenceWords(replay: Replay, other: Replay): string {
  if (replay.id === other.id) return "–";
  if (replay.stream !== other.stream || replay.from !== other.from || replay.to !== other.to || !isOver(replay) || replay.offset !== other.offset) return "other events";
  return signed(replay.loss_bits_per_event - other.loss_bits_per_event);
}

const signed = (x: number): string => (Math.abs(x) < 0.0005 ? "0.000" : `${x > 0 ? "+" : "−"}${Math.abs(x).toFixed(3)}`);

/** Whether others ended in the same state. */
export function sameWords(replay: Replay, among: Replay[]): string {
  if (!replay.state_hash) return "–";
  const same = among.filter((other) => other.id !== replay.id && other.state_hash === replay.state_hash);
  return same.length === 0 ? "of its own" : `as no. ${same.map((other) => other.id).sort((a, b) => a - b).join(", ")}`;
}

/** A loss as tables show it. */
export const loss = (replay: Replay): string => (replay.course.length === 0 ? "–" : fixed(replay.loss_bits_per_event, 3));

/** What is said of a replay's range and beginnings. */
export function rangeWords(replay: Replay): string {
  const settings = Object.entries(replay.settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const begins = replay.begin === "live" ? "began with what the stream knew" : "began with nothing";
  return [`events ${count(replay.from)} to ${count(replay.to)}`, begins, ...settings].join(" · ");
}

/** A value of a chart, with its sign where it is a difference. */
export const figure = (x: number | null, drawn: Drawn = "parts"): string => (x === null ? "–" : drawn === "difference" ? signed(x) : bits(x));
