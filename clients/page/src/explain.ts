// Finding out what incidents do not tell themselves: why their oddest event is odd, when events came, and until when
// those lasted that are over.

import { ProblemError, type AlarmEvent, type WhyAnswer } from "surmise";
import { pause } from "surmise/pause";
import { daemon, words } from "./daemon";
import { ODD_BITS } from "./eventtext";
import { whenOf } from "./logged";
import { incidentId } from "./state";
import { isOfTempo, tempoOf } from "./tempo";
import { askWhy } from "./why";

/** The first incidents that do not say what was expected are asked for it; each costs the daemon a part of its log. */
const ASKED_MAX = 5;
/** How long the daemon may learn its log again to answer one. */
const WHY_SECONDS = 5;
/** What needs nothing to be learnt again is asked of all that are shown. */
const CHEAP_ASKED_MAX = 60;
const KNOWN_MAX = 200;

/** What was found out of incidents: why an event that shows them is odd, or in words why that cannot be told. */
const whys = new Map<string, { of: number; answer: WhyAnswer | string }>();
/** What is odd about when events came, and of which state of the incident that is told. */
const tempos = new Map<string, { text: string; of: string }>();
/** When the latest unusual event of incidents that are over was; none if that cannot be told. */
const ends = new Map<string, string | number | undefined>();
/** Incidents that could not be found out of, with when they are asked for again, and how long that wait was. */
const later = new Map<string, { at: number; waitMs: number }>();
const WAIT_MS_MAX = 60_000;

/** What was found out of an incident; nothing if it has gone on with an event that is odder. */
export function whyOf(incident: AlarmEvent): WhyAnswer | string | undefined {
  const known = whys.get(incidentId(incident));
  return typeof known?.answer === "object" && known.of !== incident.oddest ? undefined : known?.answer;
}

/** What was found out about when events came; nothing if it is not known yet. */
export const tempoWords = (incident: AlarmEvent): string | undefined => tempos.get(incidentId(incident))?.text || undefined;

/** Until when an incident that is over lasted, as far as that is known and it had several events. */
export const untilOf = (incident: AlarmEvent): string | number | undefined => (incident.phase === "ended" ? ends.get(incidentId(incident)) : undefined);

/** What a state of an incident is told by: another one, or one that has had twice as many events, may be told in other words. */
const stateOf = ({ phase, oddest, event, count }: AlarmEvent): string => `${phase} ${oddest} ${event === null} ${Math.floor(Math.log2(count))}`;

const isTempoAsked = (incident: AlarmEvent): boolean => isOfTempo(incident) && tempos.get(incidentId(incident))?.of !== stateOf(incident);

const isEndAsked = (incident: AlarmEvent): boolean => incident.phase === "ended" && incident.count > 1 && !ends.has(incidentId(incident));

const isWhyAsked = (i: AlarmEvent): boolean =>
  !isOfTempo(i) && whyOf(i) === undefined && i.event !== null && (i.event_offset !== i.oddest || !i.parts.some((part) => part.expected) || isUsual(i));

/** Whether the event with which an incident was noticed is none of those that are odd in it, but the last straw. */
export const isUsual = ({ parts, count }: Pick<AlarmEvent, "parts" | "count">): boolean => count > 1 && parts.every((part) => part.excess_bits <= ODD_BITS);

/** Events that are asked for one after another until one is odd itself: an incident's first, and those before it was noticed. */
export const tried = ({ began, event_offset: noticed }: Pick<AlarmEvent, "began" | "event_offset">): number[] =>
  [...new Set([began, ...[1, 2, 3, 4].map((before) => noticed - before)])].filter((offset) => offset >= began);

/** Why an incident is odd: by its oddest event, or where that is usual by another one that is not. */
async function whyOdd(incident: AlarmEvent, signal: AbortSignal): Promise<WhyAnswer> {
  const ask = (offset: number) => askWhy(incident.stream, offset, signal, WHY_SECONDS);
  if (incident.event_offset !== incident.oddest || !isUsual(incident)) return ask(incident.oddest);
  for (const offset of tried(incident)) {
    const answer = await ask(offset);
    if (answer.parts.some(({ name, excess_bits: excess }) => excess > SHOWING_BITS && (incident.field === undefined || name === incident.field))) return answer;
  }
  return ask(incident.oddest);
}

/** An event shows an incident if a part of it goes beyond the usual by so much. */
const SHOWING_BITS = 2 * ODD_BITS;

/** Finds out one thing of an incident. */
async function findOut(incident: AlarmEvent, signal: AbortSignal): Promise<void> {
  const id = incidentId(incident);
  if (isTempoAsked(incident)) {
    const text = await tempoOf(incident, signal);
    tempos.set(id, { text, of: stateOf(incident) });
  } else if (isEndAsked(incident)) {
    const { events } = await daemon.events(incident.stream, { from: incident.offset, count: 1, signal });
    const last = events.find((item) => item.offset === incident.offset);
    ends.set(id, last && whenOf(last));
  } else {
    whys.set(id, { of: incident.oddest, answer: await whyOdd(incident, signal) });
  }
}

/** Finds out of incidents, one after another from the first on, what they do not say themselves; what costs little first. */
export async function explain(signal: AbortSignal, shown: () => AlarmEvent[], redraw: () => void): Promise<void> {
  const isLater = (i: AlarmEvent) => (later.get(incidentId(i))?.at ?? 0) > Date.now();
  const isCheap = (i: AlarmEvent) => isTempoAsked(i) || isEndAsked(i);
  while (!signal.aborted) {
    const due = shown().slice(0, CHEAP_ASKED_MAX);
    const cheap = due.find((i) => isCheap(i) && !isLater(i));
    const next = cheap ?? due.slice(0, ASKED_MAX).find((i) => isWhyAsked(i) && !isLater(i));
    if (next && !document.hidden) {
      const id = incidentId(next);
      try {
        await findOut(next, signal);
        later.delete(id);
      } catch (error) {
        // one that cannot be answered now keeps no other waiting, and is asked for again
        const waitMs = later.get(id)?.waitMs ?? 1000;
        if (!cheap && error instanceof ProblemError && [404, 410, 500, 503].includes(error.status)) whys.set(id, { of: next.oddest, answer: words(error) });
        else later.set(id, { at: Date.now() + waitMs, waitMs: Math.min(WAIT_MS_MAX, 2 * waitMs) });
      }
      for (const book of [whys, tempos, ends, later]) if (book.size > KNOWN_MAX) book.delete(book.keys().next().value!);
      if (!signal.aborted) redraw();
    }
    await pause(document.hidden || !next ? 2000 : cheap ? 30 : 300, signal);
  }
}
