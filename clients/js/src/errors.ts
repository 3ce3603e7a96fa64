// Why the client could not do what it was asked.

import type { TakenLines } from "./answers.js";

/** The base of every error of this package. */
export class SurmiseError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The daemon cannot be reached, or did not answer in time. */
export class UnreachableError extends SurmiseError {
  constructor(readonly url: string, readonly reason: string, options?: { cause?: unknown }) {
    super(`cannot reach surmised at ${url}: ${reason}`, options);
  }
}

/** The other side does not answer as surmise does. */
export class ProtocolError extends SurmiseError {}

/** An event cannot be sent, as no JSON can carry it; the producer remains usable. */
export class RecordError extends SurmiseError {}

/** The producer has been closed. */
export class ClosedError extends SurmiseError {
  constructor(message = "the producer is closed") {
    super(message);
  }
}

/** What `application/problem+json` says (RFC 9457). */
export interface ProblemFacts {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  field?: string;
  taken?: TakenLines;
}

/** The daemon says no. */
export class ProblemError extends SurmiseError {
  /** The kind of problem in a few words. */
  readonly title: string;
  /** What happened and what to do. */
  readonly detail: string;
  /** The code of the fault as on the event socket, if there is one. */
  readonly code: string | undefined;
  /** The part of the request that is at fault, if there is one. */
  readonly field: string | undefined;

  constructor(
    readonly status: number,
    readonly problem: ProblemFacts,
    /** After how many milliseconds the same request may succeed, if the daemon says so. */
    readonly retryAfterMs?: number,
  ) {
    const place = problem.field ? ` (field "${problem.field}")` : "";
    super(`${status} ${problem.title ?? ""}${place}: ${problem.detail ?? ""}`);
    this.title = problem.title ?? "";
    this.detail = problem.detail ?? "";
    this.code = problem.code;
    this.field = problem.field;
  }

  /** Whether the same request may succeed later: too many, too slow, starting, or no room on the disk. */
  get passes(): boolean {
    return [408, 429, 502, 503, 504, 507].includes(this.status);
  }
}
