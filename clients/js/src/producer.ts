// Events, sent exactly once whatever breaks.

import type { Accepted, AcceptedError } from "./answers.js";
import { ClosedError, ProblemError, ProtocolError, UnreachableError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import { pause, Pauses } from "./pause.js";
import { encode, type EventFacts } from "./record.js";

export interface ProducerOptions {
  /** The name that the daemon knows it by; a random one if it is left out. */
  producer?: string;
  /** A higher epoch fences those before it: who still sends with a lower one is refused. */
  epoch?: number;
  /** The number of the first event. Who sends the same events again from the beginning begins with the same number. */
  seq?: number;
  /** Events that wait at most, those on their way included; beyond them `send` waits. */
  windowEvents?: number;
  /** Bytes that wait at most. */
  windowBytes?: number;
  /** Events of one request at most. */
  batchEvents?: number;
  /** Bytes of one request at most, unless one event is longer. */
  batchBytes?: number;
  /** How long one request may take, in milliseconds. */
  timeoutMs?: number;
  /** For how long a daemon that is away is waited for; for ever if it is left out and it was there before. */
  giveUpAfterMs?: number;
  /** Called with every refusal that the daemon tells. */
  onRefusal?: (refusal: Refused) => void;
  signal?: AbortSignal;
}

/** An event that the daemon refused. */
export interface Refused extends Omit<AcceptedError, "line"> {
  seq: number;
}

/** What became of the events so far. */
export interface Progress {
  /** Events that `send` took. */
  sent: number;
  /** Events of which the daemon has told what became of them. */
  settled: number;
  /** Events that were learnt and are durable. */
  accepted: number;
  /** Events that were durable before: from an earlier run, or as the answer of a request was lost. */
  duplicates: number;
  refused: number;
  /** The latest refusals. */
  refusals: Refused[];
}

interface Waiting {
  seq: number;
  line: string;
  bytes: number;
}

const REFUSALS_MAX = 100;

/** How long a daemon is waited for that never answered. */
const FIRST_MS = 10_000;

const encoder = new TextEncoder();

/**
 * Sends events to one stream. They wait in a bounded window until the daemon has made them durable; one request is on
 * its way at a time, with all that came meanwhile. Every event has a number, so after a break the same request is made
 * again, and what was learnt is not learnt twice.
 */
export class Producer {
  readonly producer: string;
  readonly epoch: number;
  private readonly options: Required<Pick<ProducerOptions, "windowEvents" | "windowBytes" | "batchEvents" | "batchBytes" | "timeoutMs">> & ProducerOptions;
  private readonly waiting: Waiting[] = [];
  private waitingBytes = 0;
  private seq: number;
  private readonly done: Progress = { sent: 0, settled: 0, accepted: 0, duplicates: 0, refused: 0, refusals: [] };
  private batchMax: number;
  private isRunning = false;
  private isClosed = false;
  private wasReached = false;
  private failure: unknown = null;
  private wakers: (() => void)[] = [];
  private readonly ending = new AbortController();

  constructor(private readonly exchange: Exchange, private readonly path: string, options: ProducerOptions) {
    this.options = { windowEvents: 10_000, windowBytes: 8 << 20, batchEvents: 2000, batchBytes: 1 << 20, timeoutMs: 60_000, ...options };
    this.producer = options.producer ?? `js-${globalThis.crypto?.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`}`;
    this.epoch = options.epoch ?? 0;
    this.seq = options.seq ?? 0;
    this.batchMax = this.options.batchEvents;
    if (options.signal?.aborted) this.end(options.signal.reason);
    options.signal?.addEventListener("abort", () => this.end(options.signal!.reason), { once: true });
  }

  /** What became of the events so far. */
  get progress(): Progress {
    return { ...this.done, refusals: [...this.done.refusals] };
  }

  /**
   * Takes an event into the window, waiting while that is full, and gives its number. Calls are taken in their order;
   * who does not wait for them keeps what they hold in memory.
   */
  async send(data: unknown, facts: EventFacts = {}): Promise<number> {
    // what cannot be sent takes no number
    encode(data, facts);
    await this.until(() => this.hasRoom());
    if (this.isClosed) throw new ClosedError();
    const seq = this.seq++;
    const line = encode(data, { ...facts, seq });
    const bytes = encoder.encode(line).length + 1;
    this.waiting.push({ seq, line, bytes });
    this.waitingBytes += bytes;
    this.done.sent++;
    if (!this.isRunning) void this.run();
    return seq;
  }

  /** Ends the sequence of a key, which is an event, too. */
  endKey(key: string): Promise<number> {
    return this.send(undefined, { key, end: true });
  }

  /** Waits until the daemon has told of everything that was sent so far. */
  async flush(): Promise<Progress> {
    const upTo = this.done.sent;
    await this.until(() => this.done.settled >= upTo);
    return this.progress;
  }

  /** Waits for everything that was sent, and takes no more. */
  async close(): Promise<Progress> {
    this.isClosed = true;
    return this.flush();
  }

  /** Waits for nothing. What was not durable may be durable all the same. */
  abort(): void {
    this.end(new ClosedError("the producer was aborted"));
  }

  private hasRoom(): boolean {
    return this.isClosed || (this.waiting.length < this.options.windowEvents && this.waitingBytes < this.options.windowBytes);
  }

  /** Waits for something to be true, and throws what has ended the producer. */
  private async until(holds: () => boolean): Promise<void> {
    while (this.failure === null && !holds()) await new Promise<void>((resolve) => this.wakers.push(resolve));
    if (this.failure !== null) throw this.failure;
  }

  private wake(): void {
    const wakers = this.wakers;
    this.wakers = [];
    for (const wake of wakers) wake();
  }

  private end(reason: unknown): void {
    this.isClosed = true;
    this.failure ??= reason;
    this.ending.abort(reason);
    this.wake();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    try {
      // what is sent in the same turn goes in one request
      await Promise.resolve();
      while (this.waiting.length > 0 && this.failure === null) await this.sendBatch();
    } catch (error) {
      this.end(error);
    }
    this.isRunning = false;
  }

  private batch(): Waiting[] {
    let [events, bytes] = [0, 0];
    for (const { bytes: more } of this.waiting) {
      if (events >= this.batchMax || (events > 0 && bytes + more > this.options.batchBytes)) break;
      events++;
      bytes += more;
    }
    return this.waiting.slice(0, events);
  }

  /** Makes one request again and again until the daemon has told what became of its events. */
  private async sendBatch(): Promise<void> {
    const batch = this.batch();
    const body = batch.map(({ line }) => line).join("\n");
    const query = { producer: this.producer, epoch: this.epoch };
    const pauses = new Pauses();
    const began = Date.now();
    for (;;) {
      try {
        const ask = { method: "POST" as const, query, body, contentType: "application/x-ndjson", signal: this.ending.signal, timeoutMs: this.options.timeoutMs };
        const answer = await this.exchange.once(this.path, ask, (response) => response.json() as Promise<Accepted>);
        this.wasReached = true;
        return this.settle(batch, answer);
      } catch (error) {
        if (this.failure !== null) throw this.failure;
        if (error instanceof ProblemError && error.status === 413) return this.tooLong(batch, error);
        if (!mayPass(error)) throw error;
        if (error instanceof ProblemError) this.wasReached = true;
        const most = this.options.giveUpAfterMs ?? (this.wasReached ? Number.POSITIVE_INFINITY : FIRST_MS);
        if (Date.now() - began >= most) throw error;
        await pause(pauses.take(error instanceof ProblemError ? error.retryAfterMs : 0), this.ending.signal);
      }
    }
  }

  /** A body that is longer than the daemon takes is halved; one event of it that alone is too long is refused. */
  private tooLong(batch: Waiting[], error: ProblemError): void {
    if (batch.length > 1) {
      this.batchMax = Math.ceil(batch.length / 2);
      return;
    }
    const refusal = { line: 1, code: "line_too_long", field: "body", reason: error.detail } as const satisfies AcceptedError;
    this.settle(batch, { accepted: 0, duplicates: 0, rejected: 1, errors: [refusal] });
  }

  private settle(batch: Waiting[], answer: Accepted): void {
    const { done } = this;
    const told = answer.accepted + answer.duplicates + answer.rejected;
    if (told !== batch.length) throw new ProtocolError(`of ${batch.length} events the daemon tells of ${told}`);
    this.waiting.splice(0, batch.length);
    for (const { bytes } of batch) this.waitingBytes -= bytes;
    done.settled += batch.length;
    done.accepted += answer.accepted;
    done.duplicates += answer.duplicates;
    done.refused += answer.rejected;
    for (const { line, ...refusal } of answer.errors) {
      const refused = { ...refusal, seq: batch[line - 1]?.seq ?? -1 };
      done.refusals.push(refused);
      this.options.onRefusal?.(refused);
    }
    done.refusals.splice(0, Math.max(0, done.refusals.length - REFUSALS_MAX));
    this.wake();
  }
}

/** Whether the same request may succeed later. A body that broke off on its way (400, with what was taken of it) may. */
function mayPass(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof ProblemError && (error.passes || (error.status === 400 && error.problem.taken !== undefined));
}
