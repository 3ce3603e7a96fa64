// What the budgets of alarms promised for the events of the latest day, and what came in it.

import type { AlarmEvent, HistoryAnswer, StreamRow } from "surmise";
import { pause } from "surmise/pause";
import { daemon } from "./daemon";
import { num, plural, timeOf } from "./format";
import { isOverdue } from "./tempo";
import { state } from "./state";

const DAY_S = 86_400;
/** Streams that are asked for their day: those with the most events. Each costs the daemon its hours. */
const ASKED_MAX = 50;
/** How old what is known of a stream's day may become. */
const KEPT_MS = 60_000;
const LOOK_MS = 1000;

export interface Day {
  /** Incidents that its budget allowed for its events. */
  promised: number;
  /** Incidents that events began. */
  came: number;
}

/** A stream's day by its hours; none where events are not counted as its budget counts them: by bytes. */
export function dayOf(row: Pick<StreamRow, "offset" | "promised" | "schema">, hours: Pick<HistoryAnswer, "now" | "points">): Day | null {
  if (row.offset === 0 || row.schema.fields.some((field) => field.kind === "byte")) return null;
  const latest = hours.points.filter((point) => point.time > hours.now - DAY_S);
  const sum = (of: "events" | "incidents") => latest.reduce((total, point) => total + point[of], 0);
  return { promised: row.promised * Math.min(1, sum("events") / row.offset), came: sum("incidents") };
}

/** What was promised of the latest day and what came, of so many streams of so many. */
export function dayWords(days: Day[], overdue: number, streams: number): string {
  if (days.length === 0) return "";
  const promised = days.reduce((sum, day) => sum + day.promised, 0);
  const came = days.reduce((sum, day) => sum + day.came, overdue);
  const of = days.length < streams ? `, of the ${plural(days.length, "stream")} of which it can be told` : "";
  return `In the latest 24 hours: ${plural(came, "incident")}; it promised at most ${num(promised, 2)} false ones${of}.`;
}

/** The days of streams, asked for one after another and again when they are old. */
export class Days {
  private readonly known = new Map<string, { at: number; day: Day | null }>();

  /** What there is to say of them now. */
  words(): string {
    for (const name of this.known.keys()) if (!state.rows.has(name)) this.known.delete(name);
    const days = [...this.known].filter(([, { day }]) => day !== null);
    const names = new Set(days.map(([name]) => name));
    return dayWords(days.map(([, { day }]) => day!), overdue(state.latest(), names, Date.now()), state.rows.size);
  }

  async run(signal: AbortSignal, redraw: () => void): Promise<void> {
    while (!signal.aborted) {
      const row = document.hidden ? undefined : this.next();
      if (row) {
        let day: Day | null = null;
        try {
          day = dayOf(row, await daemon.history(row.stream, { span: "hours", signal }));
        } catch {
          // what cannot be told now is asked again in its turn
        }
        if (signal.aborted) return;
        this.known.set(row.stream, { at: Date.now(), day });
        redraw();
      } else await pause(LOOK_MS, signal);
    }
  }

  private next(): StreamRow | undefined {
    const most = [...state.rows.values()].sort((a, b) => b.offset - a.offset).slice(0, ASKED_MAX);
    return most.find((row) => (this.known.get(row.stream)?.at ?? 0) < Date.now() - KEPT_MS);
  }
}

/** Incidents of the latest day that no event began, which hours do not count. */
function overdue(incidents: AlarmEvent[], streams: Set<string>, now: number): number {
  return incidents.filter((i) => streams.has(i.stream) && isOverdue(i) && (timeOf(i.time) ?? 0) > now - DAY_S * 1000).length;
}
