// What the page knows of all streams, kept up to date by one feed.

import type { AlarmEvent, DaemonNews, StreamRow } from "surmise";
import { daemon, read } from "./daemon";

/** Incidents that the page keeps; the daemon keeps more of each stream. */
const INCIDENTS_MAX = 400;

/** Which incident it is: the same offset is another event's in another incarnation of a stream. */
export const incidentId = (i: { stream: string; kind: string; began: number; incarnation?: number }): string => `${i.stream}\n${i.kind}\n${i.began}\n${i.incarnation ?? 0}`;

export class State extends EventTarget {
  readonly rows = new Map<string, StreamRow>();
  readonly incidents = new Map<string, AlarmEvent>();
  /** Whether the feed is open; none before the first answer. */
  open: boolean | null = null;
  /** What the feed tells while incidents are read anew. */
  private told: AlarmEvent[] | null = null;
  private signal: AbortSignal | null = null;

  /** Incidents, the latest first. */
  latest(): AlarmEvent[] {
    return [...this.incidents.values()].sort(byTime);
  }

  /** Takes in what the feed tells. */
  take(told: DaemonNews): void {
    if (told.kind === "streams") {
      const { news } = told;
      if (news.all) {
        this.rows.clear();
        // what comes after this look is told by the feed, and what came before is asked for
        void this.reload();
      }
      for (const row of news.streams) {
        const before = this.rows.get(row.stream);
        if (before && row.schema.fields.length === 0) row.schema = before.schema;
        if (before && row.trend === undefined && before.trend) row.trend = before.trend;
        this.rows.set(row.stream, row);
      }
      for (const name of news.gone) this.rows.delete(name);
      this.tell("rows");
    } else {
      this.told?.push(...told.alarms);
      this.add(told.alarms);
    }
  }

  add(incidents: AlarmEvent[]): void {
    for (const incident of incidents) this.incidents.set(incidentId(incident), incident);
    if (this.incidents.size > INCIDENTS_MAX) {
      for (const old of this.latest().slice(INCIDENTS_MAX)) this.incidents.delete(incidentId(old));
    }
    this.tell("incidents");
  }

  async start(signal: AbortSignal): Promise<void> {
    const onState = (open: boolean) => {
      this.open = open;
      this.tell("open");
    };
    this.signal = signal;
    await read(() => daemon.watchAll({ signal, insist: true, onState }), signal, (news) => this.take(news));
  }

  /** Reads the incidents anew, at the start and after a restart of the daemon. */
  private async reload(): Promise<void> {
    const told: AlarmEvent[] = (this.told = []);
    try {
      const alarms = await daemon.alarms({ limit: 200, ...(this.signal ? { signal: this.signal } : {}) });
      if (this.told !== told) return;
      this.incidents.clear();
      // what the feed told meanwhile is newer than the answer
      this.add(alarms);
      this.add(told);
    } catch {
      // the feed breaks off, too, and comes back
    } finally {
      if (this.told === told) this.told = null;
    }
  }

  private tell(what: string): void {
    this.dispatchEvent(new Event(what));
  }

  /** Calls a function on news, at most once a frame, and once at the beginning. */
  onNews(what: string[], signal: AbortSignal, draw: () => void): void {
    let due = false;
    const later = () => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => {
        due = false;
        if (!signal.aborted) draw();
      });
    };
    for (const name of what) this.addEventListener(name, later, { signal });
    draw();
  }
}

export function byTime(a: AlarmEvent, b: AlarmEvent): number {
  const [x, y] = [a.time ?? "", b.time ?? ""];
  if (x !== y) return x < y ? 1 : -1;
  return b.began - a.began;
}

export const state = new State();
