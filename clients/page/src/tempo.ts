// What is odd about when events come: one that is overdue or came late, or another rate than before.

import type { AlarmEvent, Expected, LoggedEvent, Part, StreamPrediction } from "surmise";
import { daemon } from "./daemon";
import { clock, count, gap, num, span, timeOf } from "./format";
import { whenOf } from "./logged";

/** An event's own time counts as another one than that of its coming if they are further apart than this. */
const APART_MS = 120_000;
/** Events before an incident that its rate is held against. */
const BEFORE = 300;
/** The daemon's own windows over which it looks at rates, in events. */
const RATE_WINDOWS = [16, 64];

/** Whether an incident is of an event that is overdue, and not of one that came. */
export const isOverdue = (incident: AlarmEvent): boolean => incident.kind === "missing" && incident.event === null;

/** Whether it is odd when events came, or that none came, and not what came. */
export const isOfTempo = ({ kind }: Pick<AlarmEvent, "kind">): boolean => kind === "missing" || kind === "rate" || kind === "silent";

/** Whether an event is one of an incident's. While a key was silent others spoke, which have no part in that. */
export const holds = ({ kind, began, offset }: Pick<AlarmEvent, "kind" | "began" | "offset">, event: number): boolean => (kind === "silent" ? event === began : began <= event && event <= offset);

/** When the silence of an incident began and ended, in milliseconds; `own` is the time that its last event bears. */
interface Silence {
  from: number | null;
  /** None if it goes on. */
  until: number | null;
  own: number | null;
}

/** How long nothing came, and within how long the next event was forecast when it was awaited, where that is known. */
export function silenceWords({ from, until, own }: Silence, usual: number | undefined): string {
  const said: string[] = [];
  if (from !== null) said.push(until === null ? `Nothing has come since ${clock(from / 1000)}.` : `Nothing came from ${clock(from / 1000)} until ${clock(until / 1000)}, for ${lasting((until - from) / 1000)}.`);
  if (from !== null && own !== null && Math.abs(from - own) > APART_MS) said.push(`By its own time the last event is of ${clock(own / 1000)}.`);
  if (usual !== undefined) said.push(`${until === null ? "" : "As forecast then, "}95 % of the time the next event comes within ${gap(usual)}.`);
  return said.join(" ");
}

/** Of a key that fell silent, its latest event and when that was. */
export const lastWords = (offset: number, time: number | null): string => `Its latest event is ${count(offset)}${time === null ? "" : `, of ${clock(time / 1000)}`}; other keys have gone on.`;

const lasting = (seconds: number): string => (seconds < 90 ? gap(Math.max(0, seconds)) : span(seconds));

/** Events and the seconds that they took. */
interface Pace {
  events: number;
  seconds: number;
}

const each = ({ events, seconds }: Pace): number => seconds / events;
/** How far one rate is from another, as a factor above 1. */
const factor = (a: Pace, b: Pace): number => Math.max(each(a) / each(b), each(b) / each(a));

/** How often events came where an incident was oddest, in the window that is furthest from what had come before. */
export function rateWords(windows: Pace[], before: Pace): string {
  const known = windows.filter(({ events, seconds }) => events > 0 && seconds > 0);
  if (known.length === 0 || before.events <= 0 || before.seconds <= 0) return "";
  const odd = known.reduce((a, b) => (factor(b, before) > factor(a, before) ? b : a));
  return `At its oddest one event in ${gap(each(odd))}, over ${count(odd.events)} events; before it one in ${gap(each(before))}. That is ${num(factor(odd, before), 2)} times as ${each(odd) < each(before) ? "often" : "seldom"}.`;
}

/** A gap that is so many times the median or more is no measure of the usual. */
const FAR = 30;

/** The field of a stream that is the time between its events, where these have times. */
const gapField = (fields: { name: string; kind: string }[]): string | undefined => fields.find((field) => field.kind === "gap")?.name;

/**
 * The gap that is exceeded once in twenty times, as it was forecast. Of one key it says nothing of the stream, and far
 * above the median nothing of when an event is overdue.
 */
export function usualGap(expected: Pick<Expected, "median" | "quantiles"> | undefined, keys: number): number | undefined {
  const usual = expected?.quantiles?.["0.95"];
  return keys > 1 || usual === undefined || usual > FAR * (expected?.median ?? 0) ? undefined : usual;
}

/**
 * What was forecast of the gap before the event of an incident, as the incident itself carries it: of an event that is
 * not the oddest one, or bears no forecast, it is not known any more.
 */
export const expectedGap = ({ event_offset, oddest, parts }: Pick<AlarmEvent, "event_offset" | "oddest" | "parts">, name: string | undefined): Part["expected"] =>
  event_offset === oddest ? parts.find((part) => part.name === name)?.expected : undefined;

/** What is forecast of the gap before an event that is awaited; not known any more once another one has come. */
export const awaitedGap = ({ began }: Pick<AlarmEvent, "began">, { fields, offset }: Pick<StreamPrediction, "fields" | "offset">, name: string | undefined): Part["expected"] =>
  offset === began && name !== undefined ? fields[name] : undefined;

/** Says in words what is odd about when events came. */
export async function tempoOf(incident: AlarmEvent, signal: AbortSignal): Promise<string> {
  const at = async (offset: number): Promise<LoggedEvent | undefined> => {
    const { events } = await daemon.events(incident.stream, { from: Math.max(0, offset), count: 1, signal });
    return events.find((item) => item.offset === Math.max(0, offset));
  };
  if (incident.kind === "silent") return lastWords(incident.oddest, millis(await at(incident.oddest)));
  return incident.kind === "rate" ? rateOf(incident, at) : silenceOf(incident, at, signal);
}

type At = (offset: number) => Promise<LoggedEvent | undefined>;

const millis = (item: LoggedEvent | undefined): number | null => (item ? timeOf(whenOf(item)) : null);

async function rateOf(incident: AlarmEvent, at: At): Promise<string> {
  const past = Math.max(0, incident.began - BEFORE);
  const ask = async (offset: number) => (offset < 0 ? null : millis(await at(offset)));
  // the evidence rises most where the rate changes, and is largest where it has lasted
  const ends = [...new Set([incident.oddest, incident.offset])];
  const windows = ends.flatMap((end) => {
    const last = ask(end);
    return RATE_WINDOWS.map(async (events): Promise<Pace> => {
      const [from, until] = await Promise.all([ask(end - events), last]);
      return from === null || until === null ? { events: 0, seconds: 0 } : { events, seconds: (until - from) / 1000 };
    });
  });
  const [a, b] = await Promise.all([ask(past), ask(incident.began)]);
  return a === null || b === null ? "" : rateWords(await Promise.all(windows), { events: incident.began - past, seconds: (b - a) / 1000 });
}

async function silenceOf(incident: AlarmEvent, at: At, signal: AbortSignal): Promise<string> {
  const { schema, keys, offset } = await daemon.status(incident.stream, { signal });
  const name = gapField(schema.fields);
  if (isOverdue(incident)) {
    // by the daemon's clock, as it was the daemon that waited
    const [last, next, now] = await Promise.all([at(incident.began - 1), offset > incident.began ? at(incident.began) : undefined, daemon.next(incident.stream, { signal })]);
    const came = (item: LoggedEvent | undefined) => timeOf(item?.arrival) ?? millis(item);
    return silenceWords({ from: came(last), until: came(next), own: timeOf(last?.event?.time) }, usualGap(awaitedGap(incident, now, name), keys));
  }
  const [last, next] = await Promise.all([at(incident.oddest - 1), at(incident.oddest)]).then((both) => both.map(millis));
  return silenceWords({ from: last ?? null, until: next ?? null, own: null }, next == null ? undefined : usualGap(expectedGap(incident, name), keys));
}
