// Why single events are odd. The daemon answers one such question at a time and refuses others meanwhile, so a page
// asks one after another.

import type { WhyAnswer } from "surmise";
import { daemon } from "./daemon";

let last: Promise<unknown> = Promise.resolve();

/**
 * Asks why an event is odd, once what was asked before is answered. A question that was put is not broken off by the
 * signal, as the daemon would go on with it; one that waits is not put any more.
 */
export function askWhy(stream: string, offset: number, signal: AbortSignal, seconds?: number): Promise<WhyAnswer> {
  const answer = last.then(() => {
    signal.throwIfAborted();
    return daemon.why(stream, offset, seconds === undefined ? {} : { seconds });
  });
  last = answer.catch(() => {});
  return answer;
}
