// Questions to the daemon, and its feeds. Everything goes to the origin that served the page.

export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

let askToken: () => Promise<string | null> = async () => null;
let asking: Promise<string | null> | null = null;

/** Sets how a person is asked for a token, once however many questions need it. */
export function onToken(ask: () => Promise<string | null>): void {
  askToken = ask;
}

const token = (): string | null => sessionStorage.getItem("token");

export async function call(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
  const bearer = token();
  const headers = { ...init.headers, ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}) };
  const answer = await fetch(path, { ...init, headers });
  if (answer.status === 401) {
    asking ??= askToken().finally(() => (asking = null));
    const given = await asking;
    if (!given) throw new Refused(401, "a token is needed");
    sessionStorage.setItem("token", given);
    return call(path, init);
  }
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
    throw new Refused(answer.status, problem.detail ?? `${answer.status} ${answer.statusText}`);
  }
  return answer;
}

export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await call(path, signal ? { signal } : {})).json()) as T;
}

/** The path of a stream in the API. */
export const of = (stream: string, rest = ""): string => `/api/v1/streams/${encodeURIComponent(stream)}${rest}`;

export interface ServerEvent {
  name: string;
  data: string;
  id: string | null;
}

/** Cuts the text of a feed into events; what is not complete yet is kept for the next piece. */
export class EventParser {
  private rest = "";

  push(text: string): ServerEvent[] {
    this.rest += text;
    // a return at the end may be the first half of a line's end
    const held = this.rest.endsWith("\r") ? "\r" : "";
    this.rest = this.rest.slice(0, this.rest.length - held.length).replace(/\r\n?/g, "\n");
    const blocks = this.rest.split("\n\n");
    this.rest = (blocks.pop() ?? "") + held;
    const events: ServerEvent[] = [];
    for (const block of blocks) {
      const event: ServerEvent = { name: "message", data: "", id: null };
      const data: string[] = [];
      for (const line of block.split("\n")) {
        if (line.startsWith(":")) continue;
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") event.name = value;
        else if (field === "data") data.push(value);
        else if (field === "id") event.id = value;
      }
      if (data.length > 0) events.push({ ...event, data: data.join("\n") });
    }
    return events;
  }
}

/** The longest pause before a feed is asked for again. */
const PAUSE_MAX_MS = 8000;

/**
 * Follows a feed until the signal says otherwise. A feed that breaks off is asked for again with the id of the last
 * event, after pauses that grow to some seconds. (EventSource cannot send a token.)
 */
export async function follow(
  path: string,
  signal: AbortSignal,
  onEvent: (event: ServerEvent) => void,
  onState: (open: boolean) => void = () => {},
): Promise<void> {
  let last: string | null = null;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (last !== null) headers["Last-Event-ID"] = last;
      const answer = await call(path, { signal, headers });
      if (!answer.body) throw new Error("no body");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      onState(true);
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        failures = 0;
        for (const event of parser.push(value)) {
          if (event.id !== null) last = event.id;
          onEvent(event);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && (error.status === 400 || error.status === 404)) last = null;
    }
    if (signal.aborted) return;
    onState(false);
    await pause(Math.min(PAUSE_MAX_MS, 500 * 2 ** Math.min(failures, 4)), signal);
  }
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
