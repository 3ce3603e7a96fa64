// About when events arrived that have no time of their own: by how many came in which second, minute, hour or day.

import type { HistoryAnswer } from "surmise";
import { daemon } from "./daemon";
import { clock, timeOf } from "./format";

type Spans = Pick<HistoryAnswer, "points" | "span_seconds">;

/**
 * The beginning of the span in which an event came, in seconds since 1970, by the finest of the histories that reaches
 * back to it; none if none does. `end` is the offset of the next event.
 */
export function arrivedIn(offset: number, end: number, histories: Spans[]): number | null {
  for (const { points } of histories) {
    let first = end;
    for (const { events, time } of [...points].reverse()) {
      first -= events;
      if (events > 0 && offset >= first) return first >= 0 ? time : null;
    }
  }
  return null;
}

/** What tells when an event of a stream came: its own time, or about when it arrived. */
export async function arrivals(stream: string, end: number, signal: AbortSignal): Promise<(offset: number, own?: string | number | null) => string> {
  const histories = await Promise.all((["seconds", "minutes", "hours", "days"] as const).map((span) => daemon.history(stream, { span, signal })));
  return (offset, own) => {
    if (timeOf(own ?? null) !== null) return clock(own);
    const at = arrivedIn(offset, end, histories);
    return at === null ? "–" : `≈ ${clock(at)}`;
  };
}
