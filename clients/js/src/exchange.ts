// One request and its answer: the only place that talks to the daemon.

import { ProblemError, ProtocolError, UnreachableError, type ProblemFacts } from "./errors.js";
import { Deadline, pause, Pauses } from "./pause.js";

/** A token, or a function that is asked for one: again, with `refused`, when the daemon took the last one for wrong. */
export type Token = string | ((refused: boolean) => string | null | Promise<string | null>);

export interface ExchangeOptions {
  /** Where the daemon answers: `http://127.0.0.1:7070` or, in a page, the origin that served it. */
  url?: string;
  token?: Token;
  /** How long an answer may take, in milliseconds; 30,000 if it is left out. */
  timeoutMs?: number;
  /** For how long a question is asked again that the daemon did not answer; 10,000 if it is left out, 0 for never. */
  patienceMs?: number;
  /** What is called instead of the surroundings' `fetch`. */
  fetch?: typeof globalThis.fetch;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface Ask {
  method?: "GET" | "POST" | "DELETE";
  query?: Query;
  body?: string;
  contentType?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Whether asking changes nothing, so that it may be asked twice; a GET is such a question. */
  isQuestion?: boolean;
  timeoutMs?: number;
  /** Statuses beside 2xx whose body is an answer. */
  answers?: number[];
}

const DEFAULT_URL = "http://127.0.0.1:7070";

/** The address of the daemon: what is given, the origin of the page, or this machine. */
function base(url: string | undefined): string {
  const origin = (globalThis as { location?: { origin?: string } }).location?.origin;
  return (url ?? (origin && origin !== "null" ? origin : DEFAULT_URL)).replace(/\/+$/, "");
}

/** Milliseconds of a header `Retry-After`, which holds seconds or a date. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

export class Exchange {
  readonly url: string;
  readonly timeoutMs: number;
  readonly patienceMs: number;
  private readonly token: Token | undefined;
  private readonly fetch: typeof globalThis.fetch;
  private known: string | null = null;
  /** One question for a token at a time, however many requests need it. */
  private asking: Promise<string | null> | null = null;

  constructor(options: ExchangeOptions) {
    this.url = base(options.url);
    this.token = options.token;
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.patienceMs = options.patienceMs ?? 10_000;
    this.fetch = options.fetch ?? ((...args) => globalThis.fetch(...args));
    if (typeof options.token === "string") this.known = options.token;
  }

  /** Asks, and gives what `read` makes of the answer; again after a pause where that can help. */
  async ask<T>(path: string, ask: Ask, read: (answer: Response) => Promise<T>): Promise<T> {
    const mayRepeat = ask.isQuestion ?? (ask.method ?? "GET") === "GET";
    const pauses = new Pauses();
    const until = Date.now() + this.patienceMs;
    for (;;) {
      try {
        return await this.once(path, ask, read);
      } catch (error) {
        const passes = error instanceof UnreachableError || (error instanceof ProblemError && error.passes);
        const wait = pauses.take(error instanceof ProblemError ? error.retryAfterMs : 0);
        if (!mayRepeat || !passes || ask.signal?.aborted || Date.now() + wait > until) throw error;
        await pause(wait, ask.signal);
        if (ask.signal?.aborted) throw error;
      }
    }
  }

  /** Asks once, and reads the answer within the time that it may take. */
  async once<T>(path: string, ask: Ask, read: (answer: Response) => Promise<T>): Promise<T> {
    const deadline = new Deadline(ask.timeoutMs ?? this.timeoutMs, ask.signal);
    try {
      return await read(await this.open(path, ask, deadline));
    } catch (error) {
      throw this.named(error, deadline, ask.signal);
    } finally {
      deadline.close();
    }
  }

  /** Gives the answer as soon as its head has come. */
  async open(path: string, ask: Ask, deadline: Deadline): Promise<Response> {
    const send = (token: string | null) =>
      this.fetch(this.url + path + queryText(ask.query), {
        method: ask.method ?? "GET",
        headers: {
          ...(ask.body === undefined ? {} : { "Content-Type": ask.contentType ?? "application/json" }),
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
          ...ask.headers,
        },
        ...(ask.body === undefined ? {} : { body: ask.body }),
        signal: deadline.signal,
      });
    // a person who is asked for a token may take their time
    const unhurried = async (refused: boolean, used: string | null): Promise<string | null> => {
      deadline.hold();
      return this.bearer(refused, used).finally(() => deadline.touch());
    };
    let token = await unhurried(false, null);
    let answer = await send(token);
    while (answer.status === 401 && typeof this.token === "function") {
      const given = await unhurried(true, token);
      if (given === null || deadline.signal.aborted) break;
      token = given;
      answer = await send(token);
    }
    if (answer.ok || ask.answers?.includes(answer.status)) return answer;
    throw await problemOf(answer);
  }

  /** What went wrong in the words of this package; what the caller's own signal did is passed on. */
  named(error: unknown, deadline: Deadline, signal: AbortSignal | undefined): unknown {
    if (error instanceof ProblemError || error instanceof ProtocolError) return error;
    if (signal?.aborted) return signal.reason ?? error;
    const cause = { cause: error };
    if (deadline.passed) return new UnreachableError(this.url, "there was no answer in time", cause);
    if (error instanceof SyntaxError) return new ProtocolError(`not an answer of surmised: ${error.message}`, cause);
    const { cause: inner, message } = error as Error & { cause?: { message?: string; code?: string } };
    return new UnreachableError(this.url, inner?.code ?? inner?.message ?? message ?? String(error), cause);
  }

  private async bearer(refused: boolean, used: string | null): Promise<string | null> {
    // another request was given a newer one meanwhile
    if (refused && this.known !== null && this.known !== used) return this.known;
    if (!refused && (this.known !== null || typeof this.token !== "function")) return this.known;
    const ask = this.token;
    if (typeof ask !== "function") return this.known;
    this.asking ??= Promise.resolve(ask(refused)).finally(() => (this.asking = null));
    this.known = await this.asking;
    return this.known;
  }
}

function queryText(query: Query | undefined): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== false);
  return given.length === 0 ? "" : `?${given.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`).join("&")}`;
}

async function problemOf(answer: Response): Promise<ProblemError> {
  const text = await answer.text().catch(() => "");
  let problem: ProblemFacts = { title: answer.statusText || "not an answer of surmised", detail: text.slice(0, 200) };
  try {
    const said: unknown = JSON.parse(text);
    if (said !== null && typeof said === "object") problem = said as ProblemFacts;
  } catch {
    // what stands between may answer in its own words
  }
  return new ProblemError(answer.status, problem, retryAfterMs(answer.headers.get("retry-after")));
}
