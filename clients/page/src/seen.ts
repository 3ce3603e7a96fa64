// What came while the page was open, in fixed memory.

import type { Outcome, StreamNews } from "surmise";

const LATEST_MAX = 400;

export class Seen {
  /** The latest outcomes, the oldest first. */
  latest: Outcome[] = [];
  /** Whether any event had a key. */
  hasKeys = false;

  /** Takes in what the feed of a stream tells. */
  take(news: StreamNews): void {
    if (news.kind === "outcome") this.add(news.outcome);
    else if (news.kind === "replaced") this.clear();
  }

  add(outcome: Outcome): void {
    this.latest.push(outcome);
    if (this.latest.length > LATEST_MAX * 1.5) this.latest = this.latest.slice(-LATEST_MAX);
    this.hasKeys ||= outcome.key !== undefined;
  }

  clear(): void {
    this.latest = [];
    this.hasKeys = false;
  }
}
