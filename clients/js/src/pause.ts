// Waiting, and giving up waiting.

/** Waits; sooner over if the signal says so, which is no error. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}

/** Pauses that grow from 50 ms to some seconds until something succeeds; the daemon's own word is waited for. */
export class Pauses {
  private next: number;

  constructor(private readonly first = 50, private readonly most = 5000) {
    this.next = first;
  }

  reset(): void {
    this.next = this.first;
  }

  /** The next pause, not shorter than what the daemon asks for. Many clients do not come back in the same instant. */
  take(atLeastMs = 0): number {
    const ms = this.next * (0.75 + Math.random() / 2);
    this.next = Math.min(this.most, this.next * 2);
    return Math.max(ms, atLeastMs);
  }
}

/** A signal that follows another one, and that ends by itself when `touch` has not been called for a while. */
export class Deadline {
  private readonly own = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether time ran out. */
  passed = false;
  private readonly end = () => this.own.abort(this.outer?.reason);

  constructor(private readonly ms: number, private readonly outer?: AbortSignal) {
    if (outer?.aborted) this.end();
    outer?.addEventListener("abort", this.end, { once: true });
    this.touch();
  }

  get signal(): AbortSignal {
    return this.own.signal;
  }

  touch(): void {
    clearTimeout(this.timer);
    if (!Number.isFinite(this.ms) || this.own.signal.aborted) return;
    this.timer = setTimeout(() => ((this.passed = true), this.own.abort()), this.ms);
  }

  /** Lets time stand still until it is touched again. */
  hold(): void {
    clearTimeout(this.timer);
  }

  /** Lets go of the clock and of the other signal. */
  close(): void {
    clearTimeout(this.timer);
    this.outer?.removeEventListener("abort", this.end);
  }

  /** Ends what still runs. */
  abort(): void {
    this.own.abort();
  }
}
