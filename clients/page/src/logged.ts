// When an event of the log was: by its own time, or by that of its arrival.

import type { LoggedEvent } from "surmise";
import { moment, timeOf } from "./format";

type Timed = Pick<LoggedEvent, "arrival"> & { event: { time?: string | number } | null };

/** The time of an event: its own, or when it arrived where it has none; none if neither is known. */
export const whenOf = ({ event, arrival }: Timed): string | number | undefined => event?.time ?? arrival;

/** The same in full, and when it arrived where that is another time. */
export function titleOf(item: Timed): string {
  const [own, came] = [timeOf(item.event?.time), timeOf(item.arrival)];
  if (own === null) return came === null ? "When it came is not known." : `Arrived ${moment(item.arrival)}; it has no time of its own.`;
  return came === null || Math.abs(came - own) < APART_MS ? moment(item.event?.time) : `${moment(item.event?.time)}; arrived ${moment(item.arrival)}.`;
}

/** Times that differ by less are told as one. */
const APART_MS = 1000;
