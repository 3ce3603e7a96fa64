// The daemon that served the page, asked with the JavaScript client.

import { Client, ProblemError, UnreachableError } from "surmise";
import { pause } from "surmise/pause";

let askToken: () => Promise<string | null> = async () => null;

/** Sets how a person is asked for a token, once however many questions need it. */
export function onToken(ask: () => Promise<string | null>): void {
  askToken = ask;
}

/** Whether a person has left the question for a token; they are not asked again before the page is loaded anew. */
let isLeft = false;

/** The token is kept for as long as the tab is open. */
async function token(refused: boolean): Promise<string | null> {
  if (!refused) return sessionStorage.getItem("token");
  if (isLeft) return null;
  const given = await askToken();
  if (given === null) isLeft = true;
  else sessionStorage.setItem("token", given);
  return given;
}

/** Views ask again by themselves, so a question that fails is told at once. */
export const daemon = new Client({ token, patienceMs: 0 });

/** What a person reads of a question that failed. */
export function words(error: unknown): string {
  if (error instanceof ProblemError) return error.status === 401 ? "The daemon asks for a token." : error.detail || error.title;
  if (error instanceof UnreachableError) return `The daemon does not answer: ${error.reason}.`;
  return (error as Error).message;
}

const AGAIN_MS = 5000;

/** Reads a feed until the signal ends it; one that ends by itself, or cannot be read, is begun anew. */
export async function read<T>(feed: () => AsyncIterable<T>, signal: AbortSignal, take: (news: T) => void): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const news of feed()) take(news);
    } catch (error) {
      if (!signal.aborted) console.warn(`a feed broke off: ${words(error)}`);
    }
    await pause(AGAIN_MS, signal);
  }
}
