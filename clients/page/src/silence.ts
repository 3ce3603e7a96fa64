// An event that does not come: since when nothing has come, and how long it usually takes.

import type { AlarmEvent, HistoryAnswer, StreamPrediction } from "surmise";
import { daemon } from "./daemon";
import { gap, moment, span, timeOf } from "./format";
import { state } from "./state";

/** An event's own time counts as another one than that of its coming if they are further apart than this. */
const APART_MS = 120_000;

/** Whether an incident is of an event that is overdue, and not of one that came. */
export const isOverdue = (incident: AlarmEvent): boolean => incident.kind === "missing" && incident.event === null;

/** When the last event before an incident came by the daemon's clock, in milliseconds; as exact as spans are long. */
export function cameBefore(history: Pick<HistoryAnswer, "points">, incident: number): number | null {
  const before = history.points.filter((point) => point.events > 0 && point.time * 1000 <= incident);
  return before.length > 0 ? before.at(-1)!.time * 1000 : null;
}

/** Since when nothing had come, by the daemon's clock, and by the events' own times where they are of another time. */
export function silenceWords(noticed: number, came: number | null, own: number | null, usual: number | undefined): string {
  const said: string[] = [];
  if (came !== null) said.push(`Nothing had come for ${span(Math.max(1, (noticed - came) / 1000))}: the last event came at ${moment(came / 1000)}.`);
  if (own !== null && Math.abs((came ?? noticed) - own) > APART_MS) said.push(`By its own time that event is of ${moment(own / 1000)}.`);
  if (usual !== undefined) said.push(`95 % of the time the next event comes within ${gap(usual)}.`);
  return said.join(" ");
}

/** A gap that is so many times the median or more is no measure of the usual. */
const FAR = 30;

/**
 * The gap that is exceeded once in twenty times, where the stream's events have times. Of one key it says nothing of
 * the stream, and far above the median nothing of when an event is overdue.
 */
export function usualGap(prediction: Pick<StreamPrediction, "fields" | "key">, fields: { name: string; kind: string }[], keys: number): number | undefined {
  const name = fields.find((field) => field.kind === "gap")?.name;
  const { median, quantiles } = (name === undefined ? undefined : prediction.fields[name]) ?? {};
  const usual = quantiles?.["0.95"];
  return keys > 1 || usual === undefined || usual > FAR * (median ?? 0) ? undefined : usual;
}

/** Asks the daemon what the silence of an incident is, and says it in words. */
export async function silenceOf(incident: AlarmEvent, signal: AbortSignal): Promise<string> {
  const noticed = timeOf(incident.time);
  if (noticed === null) return "";
  const status = await daemon.status(incident.stream, { signal });
  let came: number | null = null;
  for (const spans of ["seconds", "minutes", "hours"] as const) {
    came ??= cameBefore(await daemon.history(incident.stream, { span: spans, signal }), noticed);
  }
  const usual = usualGap(await daemon.next(incident.stream, { signal }), status.schema.fields, status.keys);
  // once another event has come, the time of the latest is not that of the last before the silence
  const isLast = status.offset === incident.began;
  const own = isLast ? timeOf(state.rows.get(incident.stream)?.last_event_time ?? null) : null;
  return silenceWords(noticed, came, own, usual);
}
