// What the pictures of the documentation show: a small company's streams over two days, in four of which something is odd.

import { chance, Daemon } from "./daemon";

type Made = Record<string, unknown>;

/** Seconds that the streams reach back. */
const PAST = 2 * 86_400;
const AT_ONCE = 500;

const round = (x: number, digits = 2): number => Math.round(x * 10 ** digits) / 10 ** digits;

/** How much there is to do at a time of the day, from 0 to 1. */
const daily = (time: number): number => 0.5 - 0.45 * Math.cos(((time % 86_400) / 86_400) * 2 * Math.PI);

/** The events of a stream: `count` of them evenly up to `end` seconds before now. */
function evenly(now: number, count: number, end: number, make: (time: number, i: number, left: number) => Made): Made[] {
  const step = (PAST - end) / count;
  return Array.from({ length: count }, (_, i) => {
    const time = now - PAST + (i + 1) * step;
    return { time: round(time, 3), ...make(time, i, count - i) };
  });
}

/** The streams, each with all of its events. */
function streams(now: number): Record<string, Made[]> {
  const next = chance(20);
  const normal = () => next() + next() + next() - 1.5;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const clicks = ["home", "search", "item", "item", "cart", "pay"];
  const visits = new Map<string, number>();
  const paths = ["/", "/login", "/api/cart", "/api/items", "/static/app.js", "/api/search"];
  return {
    // the payment service does not answer
    "web-frontend": evenly(now, 9000, 2, (_, __, left) => {
      const failing = left <= 40 && left % 2 === 0;
      const path = failing ? "/api/pay" : pick(paths);
      return { data: `10.0.${Math.floor(next() * 4)}.${Math.floor(next() * 200)} "${path === "/login" || failing ? "POST" : "GET"} ${path} HTTP/1.1" ${failing ? 502 : next() < 0.03 ? 404 : 200} ${failing ? 157 : 400 + Math.floor(next() * 9000)}` };
    }),
    "web-api": evenly(now, 8000, 10, (_, i) => ({ data: pick([`request ${i} done in ${Math.floor(20 + 60 * next())} ms`, `cache hit ratio ${next().toFixed(2)}`, `worker ${Math.floor(next() * 4)} took job ${Math.floor(next() * 99999)}`]) })),
    // a line that was never seen
    "db-postgres": evenly(now, 6000, 15, (_, i, left) => ({ data: left === 420 ? "ERROR: could not extend file \"base/16384/2619\": No space left on device" : [`LOG: checkpoint complete: wrote ${Math.floor(next() * 900)} buffers`, `LOG: connection authorized: user=shop database=orders`, `LOG: duration: ${(next() * 40).toFixed(1)} ms  statement: SELECT`][i % 3] })),
    // one pump draws more than it did
    "plant-pump-2": evenly(now, 5760, 30, (time, _, left) => ({ data: { pressure: round(4.2 + 0.6 * daily(time) + 0.05 * normal()), power: round(310 + 60 * daily(time) + 3 * normal() + (left < 500 ? 45 : 0), 1) } })),
    "plant-pump-1": evenly(now, 5760, 30, (time) => ({ data: { pressure: round(4.1 + 0.6 * daily(time) + 0.05 * normal()), power: round(305 + 60 * daily(time) + 3 * normal(), 1) } })),
    "plant-oven": evenly(now, 5760, 12, (time, i) => ({ data: round(182 + 6 * Math.sin(i / 24) + 2 * daily(time) + 0.4 * normal(), 1) })),
    // somebody goes where nobody goes
    "shop-clicks": evenly(now, 9000, 3, (_, __, left) => {
      const key = `visitor-${Math.floor(next() * 40)}`;
      const at = visits.get(key) ?? 0;
      visits.set(key, at + 1);
      return { key, data: { page: left === 300 ? "admin/export" : clicks[at % clicks.length], ms: Math.round(60 + 25 * normal()) } };
    }),
    "shop-orders": evenly(now, 5000, 40, (time) => ({ data: { country: pick(["DE", "DE", "DE", "FR", "FR", "NL"]), items: 1 + Math.floor(next() * 4), total: round(20 + 60 * next() * (0.6 + daily(time))) } })),
    "backup-heartbeat": evenly(now, 2880, 20, () => ({ data: "alive" })),
  };
}

/** Starts a daemon that has learnt all of them. */
export async function pictured(): Promise<Daemon> {
  const daemon = await Daemon.start("", { network: "auto", budget: "2/day" });
  const now = Date.now() / 1000;
  for (const [stream, events] of Object.entries(streams(now))) {
    for (let at = 0; at < events.length; at += AT_ONCE) await daemon.post(stream, events.slice(at, at + AT_ONCE));
    console.error(`${stream}: ${events.length} events`);
  }
  return daemon;
}
