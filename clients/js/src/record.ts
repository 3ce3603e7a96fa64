// An event as a line of JSON.

import { RecordError } from "./errors.js";

/** What an event may have beside its data. */
export interface EventFacts {
  /** Which of many sequences inside the stream it belongs to. */
  key?: string;
  /** When it was; when it came, if that is left out. A number is seconds since 1970. */
  time?: Date | string | number;
  /** Whether it is the end of its key's sequence. */
  end?: boolean;
}

/** Writes an event as it is sent. JSON has no numbers without end, and would make missing values of them in silence. */
export function encode(data: unknown, facts: { [K in keyof EventFacts]?: EventFacts[K] | undefined } & { seq?: number; id?: string | undefined }): string {
  const { seq, id, key, time, end } = facts;
  if (seq !== undefined && (!Number.isSafeInteger(seq) || seq < 0)) throw new RecordError(`seq: ${seq} is no whole number from 0 on`);
  if (data === undefined && !end) throw new RecordError("data: an event has data, unless it is an end");
  if (time instanceof Date && Number.isNaN(time.getTime())) throw new RecordError("time: it is no date");
  try {
    return JSON.stringify({ seq, id, key, time, end: end || undefined, data }, (name, value: unknown) => {
      if (typeof value === "number" && !Number.isFinite(value)) throw new RecordError(`${name || "data"}: ${value} is no number of JSON; leave the field out`);
      return value;
    });
  } catch (error) {
    if (error instanceof RecordError) throw error;
    throw new RecordError(`data: ${(error as Error).message}`, { cause: error });
  }
}
