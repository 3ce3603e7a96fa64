// What a person says of incidents. The daemon has no place for it, so it stays in this browser, and the page says so.

export interface Said {
  note?: string;
  normal?: boolean;
  /** Until when incidents like it are muted, in milliseconds since 1970. */
  mutedUntil?: number;
}

const KEY = "surmise.said";
const SAID_MAX = 500;

type Book = Record<string, Said>;

function read(): Book {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Book;
  } catch {
    return {};
  }
}

export const said = (id: string): Said => read()[id] ?? {};

export function say(id: string, change: Said): void {
  const book = read();
  const now: Said = { ...book[id], ...change };
  delete book[id];
  if (now.note || now.normal || now.mutedUntil) book[id] = now;
  const entries = Object.entries(book);
  localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(entries.slice(-SAID_MAX))));
}

/** Incidents of one stream, kind and field are muted together. */
export const muteId = (i: { stream: string; kind: string; field?: string }): string => `mute\n${i.stream}\n${i.kind}\n${i.field ?? ""}`;

export const isMuted = (i: { stream: string; kind: string; field?: string }, now = Date.now()): boolean =>
  (said(muteId(i)).mutedUntil ?? 0) > now;
