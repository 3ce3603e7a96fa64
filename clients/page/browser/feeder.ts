// Keeps every stream learning while the page is looked at.

import { makers, type Daemon } from "./daemon";

/** Events that each stream gets at once, and how long it is between two such. Nothing is measured by it. */
const AT_ONCE = 4;
const BETWEEN_MS = 150;

export class Feeder {
  private isOver = false;
  private readonly running: Promise<void>;
  /** Events that each stream was sent. */
  sent = 0;

  /** Sends events as `makers` makes them, from this one on, until it is ended. */
  constructor(private readonly daemon: Daemon, from: number) {
    this.running = this.run(from);
  }

  private async run(from: number): Promise<void> {
    const all = Object.entries(makers());
    for (let at = from; !this.isOver; at += AT_ONCE) {
      for (const [stream, make] of all) await this.daemon.post(stream, Array.from({ length: AT_ONCE }, (_, i) => make(at + i)));
      this.sent += AT_ONCE;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  }

  /** Ends it; what it has begun to send is learnt. A refusal is an error here. */
  async end(): Promise<void> {
    this.isOver = true;
    await this.running;
  }
}
