// What came while the page was open, in fixed memory.

import type { Outcome, Part, StreamNews } from "surmise";

const LATEST_MAX = 400;
const RAREST_MAX = 24;
const KEYS_MAX = 500;

export interface KeySums {
  events: number;
  bits: number;
  rarest: number;
}

export class Seen {
  /** The latest outcomes, the oldest first. */
  latest: Outcome[] = [];
  rarest: Outcome[] = [];
  readonly keys = new Map<string, KeySums>();
  count = 0;
  skipped = 0;
  /** Of all events, how many were at least as rare as once in 10, 100, 1,000 and 10,000. */
  readonly atLeast = [0, 0, 0, 0];

  /** Takes in what the feed of a stream tells. */
  take(news: StreamNews): void {
    if (news.kind === "outcome") this.add(news.outcome);
    else if (news.kind === "lagged") this.skip(news.skipped, news.at_least);
    else if (news.kind === "replaced") this.clear();
  }

  add(outcome: Outcome): void {
    this.count++;
    this.latest.push(outcome);
    if (this.latest.length > LATEST_MAX * 1.5) this.latest = this.latest.slice(-LATEST_MAX);
    this.atLeast.forEach((_, i) => outcome.rarity_events >= 10 ** (i + 1) && this.atLeast[i]!++);
    if (this.rarest.length < RAREST_MAX || outcome.rarity_events > this.rarest.at(-1)!.rarity_events) {
      this.rarest.push(outcome);
      this.rarest.sort((a, b) => b.rarity_events - a.rarity_events);
      this.rarest.length = Math.min(this.rarest.length, RAREST_MAX);
    }
    if (outcome.key === undefined) return;
    const sums = this.keys.get(outcome.key) ?? { events: 0, bits: 0, rarest: 0 };
    sums.events++;
    sums.bits += outcome.surprise_bits;
    sums.rarest = Math.max(sums.rarest, outcome.rarity_events);
    // the key of the latest event comes last, so the one that is silent for longest goes first
    this.keys.delete(outcome.key);
    this.keys.set(outcome.key, sums);
    if (this.keys.size > KEYS_MAX) this.keys.delete(this.keys.keys().next().value!);
  }

  /** Counts outcomes that were not sent; of those that the daemon looked at, it tells how many were how rare. */
  skip(count: number, atLeast?: number[]): void {
    this.skipped += count;
    if (!atLeast) return;
    this.count += count;
    atLeast.forEach((n, i) => i < this.atLeast.length && (this.atLeast[i]! += n));
  }

  clear(): void {
    this.latest = [];
    this.rarest = [];
    this.keys.clear();
    this.count = this.skipped = 0;
    this.atLeast.fill(0);
  }

  /** The parts of an outcome, as far as it tells them. */
  partsOf(outcome: Outcome): Part[] {
    const parts = Object.entries(outcome.fields ?? {}).map(([name, field]) => ({ name, value: null, ...field }));
    return parts.sort((a, b) => b.excess_bits - a.excess_bits);
  }
}
