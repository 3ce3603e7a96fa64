// Feeds that go on where they broke.

import { ProblemError, ProtocolError, UnreachableError } from "./errors.js";
import type { Exchange, Query } from "./exchange.js";
import { Deadline, pause, Pauses } from "./pause.js";
import { EventCutter, type ServerEvent } from "./sse.js";
import type { DaemonNews, StreamNews } from "./told.js";

export interface FollowOptions {
  signal?: AbortSignal;
  /** Called when the feed is there, and when it broke. */
  onState?: (open: boolean) => void;
  /** For how long a feed that broke is asked for again, in milliseconds; for ever if it is left out. */
  giveUpAfterMs?: number;
  /** Whether even a first attempt that fails is made again, and a stream that does not exist is waited for. */
  insist?: boolean;
  /** After so long without a word the connection counts as broken; the daemon says something every 15 seconds. */
  silenceMs?: number;
}

export interface WatchOptions extends FollowOptions {
  /** How many outcomes a second to get; of more, the rarest. */
  rate?: number;
  /** Tells after outcomes what is expected next of the key that spoke last, with so many symbols of a field. */
  predict?: number;
  /** Goes on after the outcome with this offset, as far as the daemon keeps what came. */
  after?: number;
}

/** How long a stream that was followed may be unknown: the daemon may be starting again. */
const UNKNOWN_MAX_MS = 10_000;

const SILENCE_MS = 60_000;

/** The names of outcomes: usual ones, and those with which an incident begins or goes on. */
const OUTCOMES = new Set(["learn", "surprise"]);

/**
 * The events of a feed. Nothing is read ahead of who iterates but the piece that came last, so a slow reader holds the
 * connection back, and the daemon leaves out outcomes and says how many. After a break it is asked for what came since
 * the last event (`Last-Event-ID`), after pauses that grow to some seconds.
 */
export async function* follow(exchange: Exchange, path: string, query: Query, options: FollowOptions, after?: number): AsyncGenerator<ServerEvent, void, void> {
  const { signal, insist = false, giveUpAfterMs = Number.POSITIVE_INFINITY } = options;
  const pauses = new Pauses(100);
  let last = after === undefined ? null : String(after);
  let [wasOpen, wasReplaced] = [false, false];
  let brokenAt: number | null = null;
  while (!signal?.aborted) {
    let error: unknown = null;
    let isOpen = false;
    try {
      for await (const event of connection(exchange, path, query, options, last)) {
        if (!isOpen) {
          [isOpen, wasOpen, brokenAt] = [true, true, null];
          options.onState?.(true);
        }
        if (event === null) continue;
        pauses.reset();
        if (event.id !== null) last = event.id;
        if (event.name === "replaced") [last, wasReplaced] = [null, true];
        else if (OUTCOMES.has(event.name)) wasReplaced = false;
        yield event;
      }
    } catch (caught) {
      error = caught;
    }
    if (signal?.aborted) return;
    options.onState?.(false);
    brokenAt ??= Date.now();
    const away = Date.now() - brokenAt;
    const unknown = error instanceof ProblemError && error.status === 404;
    if (unknown && wasReplaced && !insist) return;
    // the daemon may have begun anew and know nothing of what was followed
    if (unknown || (error instanceof ProblemError && error.status === 400)) last = null;
    if (error !== null && !mayPass(error, unknown && wasOpen && away < UNKNOWN_MAX_MS, wasOpen, insist)) throw error;
    if (error !== null && away >= giveUpAfterMs) throw error;
    await pause(pauses.take(error instanceof ProblemError ? error.retryAfterMs : 0), signal);
  }
}

function mayPass(error: unknown, isRestarting: boolean, wasOpen: boolean, insist: boolean): boolean {
  if (error instanceof ProtocolError) return false;
  if (insist) return true;
  if (isRestarting) return true;
  return wasOpen && (error instanceof UnreachableError || (error instanceof ProblemError && error.passes));
}

/** The events of one connection; `null` once it is there, before the first of them. */
async function* connection(exchange: Exchange, path: string, query: Query, options: FollowOptions, last: string | null): AsyncGenerator<ServerEvent | null, void, void> {
  const deadline = new Deadline(options.silenceMs ?? SILENCE_MS, options.signal);
  const headers: Record<string, string> = { Accept: "text/event-stream", ...(last === null ? {} : { "Last-Event-ID": last }) };
  try {
    const answer = await exchange.open(path, { query, headers }, deadline);
    if (answer.body === null) throw new ProtocolError("the feed has no body");
    yield null;
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    const cutter = new EventCutter();
    for (;;) {
      deadline.touch();
      const { value, done } = await reader.read();
      // the time of who reads is not the silence of the daemon
      deadline.hold();
      if (done) return;
      yield* cutter.cut(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    throw exchange.named(error, deadline, options.signal);
  } finally {
    deadline.abort();
    deadline.close();
  }
}

/** Reads an event of the feed of one stream; none of a kind that this version does not know. */
export function streamNews({ name, data }: ServerEvent): StreamNews | null {
  switch (name) {
    case "learn":
    case "surprise": return { kind: "outcome", outcome: parse(data) };
    case "predict": return { kind: "prediction", prediction: parse(data) };
    case "drift": return { kind: "drift", drift: parse(data) };
    case "alarm": return { kind: "alarm", alarm: parse(data) };
    case "lagged": return { kind: "lagged", ...parse<{ skipped: number; at_least?: number[] }>(data) };
    case "replaced": return { kind: "replaced" };
    default: return null;
  }
}

/** Reads an event of the feed of all streams. */
export function daemonNews({ name, data }: ServerEvent): DaemonNews | null {
  if (name === "streams") return { kind: "streams", news: parse(data) };
  if (name === "alarms") return { kind: "alarms", alarms: parse<{ alarms: never[] }>(data).alarms };
  return null;
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new ProtocolError(`not an event of surmised: ${(error as Error).message}`, { cause: error });
  }
}
