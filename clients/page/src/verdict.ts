// What a person says of an incident, told to the daemon, which learns it like an event.

import { ProblemError, type AlarmEvent, type FeedbackVerdict } from "surmise";
import { daemon, words } from "./daemon";
import { said, say, type Said } from "./local";
import { incidentId } from "./state";

/** Verdicts that are on their way, and those of which it is not known whether they arrived, with why, in words. */
const asked = new Set<string>();
const failed = new Map<string, string>();

/** Whether a verdict on an incident is on its way. */
export const isAsked = (id: string): boolean => asked.has(id);

/** Whether a person has said that an incident was normal. */
export const isNormal = (incident: AlarmEvent): boolean => said(incidentId(incident)).verdict === "normal";

/** Tells the daemon what a person says of an incident. It stays in this browser alone only where the daemon refuses. */
export async function judge(incident: AlarmEvent, verdict: FeedbackVerdict, redraw: () => void): Promise<void> {
  const id = incidentId(incident);
  if (asked.has(id)) return;
  asked.add(id);
  failed.delete(id);
  redraw();
  try {
    // offsets of another incarnation mean other events; which one it is of is not known of all
    const { incarnation } = incident;
    await daemon.feedback(incident.stream, incident.began, { verdict, ...(incarnation ? { incarnation } : {}) });
    say(id, { verdict, refused: undefined });
  } catch (error) {
    if (error instanceof ProblemError && !error.passes) say(id, { verdict, refused: words(error) });
    else failed.set(id, words(error));
  } finally {
    asked.delete(id);
    redraw();
  }
}

/** What became of what a person said of an incident; none if nothing was said. */
export function verdictWords({ verdict, refused }: Said, trouble?: string): string | null {
  if (trouble !== undefined) return `Whether the daemon has learnt it is not known: ${trouble} Say it again.`;
  if (verdict === undefined) return null;
  const called = verdict === "normal" ? "Called normal" : "Called one that mattered";
  if (refused !== undefined) return `${called} in this browser alone; the daemon has not learnt it: ${refused}`;
  return verdict === "normal"
    ? "Called normal: the daemon has learnt it, and does not tell the like of it any more."
    : "Called one that mattered: the daemon has learnt it, and tells such incidents sooner.";
}

/** The same of one incident, as it stands now. */
export const verdictOf = (id: string): string | null => verdictWords(said(id), failed.get(id));
