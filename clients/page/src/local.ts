// What this browser keeps of incidents: notes and what is muted, of which the daemon knows nothing, and verdicts, which
// the daemon learns but does not tell of an incident again.

import type { FeedbackVerdict } from "surmise";
import { subjectOf } from "./format";

export interface Said {
  note?: string;
  /** What a person said of the incident last. */
  verdict?: FeedbackVerdict;
  /** Why the daemon did not learn the verdict, in words; it has learnt it where there is none. */
  refused?: string;
  /** Until when incidents like it are muted, in milliseconds since 1970. */
  mutedUntil?: number;
}

const KEY = "surmise.said";
const SAID_MAX = 500;

type Book = Record<string, Said>;

/** What was read last, and of which text: it is looked at for every incident. */
let [text, book]: [string | null, Readonly<Book>] = [null, {}];

function read(): Readonly<Book> {
  const now = localStorage.getItem(KEY);
  if (now === text) return book;
  text = now;
  try {
    book = JSON.parse(now ?? "{}") as Book;
  } catch {
    book = {};
  }
  return book;
}

export const said = (id: string): Said => read()[id] ?? {};

/** Of what something was said, what was spoken of last first. */
export const spoken = (): string[] => Object.keys(read()).reverse();

/** Says something of an incident; the event `said` tells others. */
export function say(id: string, change: { [K in keyof Said]?: Said[K] | undefined }): void {
  const book = { ...read() };
  const now = { ...book[id], ...change } as Said;
  delete book[id];
  if (now.note || now.verdict || now.mutedUntil) book[id] = now;
  const entries = Object.entries(book);
  localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(entries.slice(-SAID_MAX))));
  dispatchEvent(new Event("said"));
}

/** Incidents of one stream, kind, and field or key are muted together. */
export const muteId = (i: { stream: string; kind: string; field?: string; key?: string }): string => `mute\n${i.stream}\n${i.kind}\n${subjectOf(i) ?? ""}`;

export const isMuted = (i: { stream: string; kind: string; field?: string; key?: string }, now = Date.now()): boolean =>
  (said(muteId(i)).mutedUntil ?? 0) > now;
