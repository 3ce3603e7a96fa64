// What the pictures of the documentation show: a small company's streams over two days, in four of which something is odd.

import { chance, Daemon } from "./daemon";

type Made = Record<string, unknown>;

/** Seconds that the streams reach back. */
const PAST = 2 * 86_400;
const AT_ONCE = 500;

const round = (x: number, digits = 2): number => Math.round(x * 10 ** digits) / 10 ** digits;

/** How much there is to do at a time of the day, from 0 to 1. */
const daily = (time: number): number => 0.5 - 0.45 * Math.cos(((time % 86_400) / 86_400) * 2 * Math.PI);

/** A stream whose events come evenly: `count` of them up to `end` seconds before now, and others after it. */
class Even {
  private made = 0;
  private readonly step: number;

  constructor(private readonly now: number, private readonly count: number, end: number, private readonly make: (time: number, i: number, left: number) => Made) {
    this.step = (PAST - end) / count;
  }

  /** The events that are due and not made yet. */
  due(now: number): Made[] {
    const events: Made[] = [];
    for (let time = this.timeOf(this.made); time <= now; time = this.timeOf(this.made)) {
      events.push({ time: round(time, 3), ...this.make(time, this.made, this.count - this.made) });
      this.made += 1;
    }
    return events;
  }

  private timeOf = (i: number): number => this.now - PAST + (i + 1) * this.step;
}

/** The streams; those of which something is odd are told why. */
function streams(now: number): Record<string, Even> {
  const evenly = (count: number, end: number, make: (time: number, i: number, left: number) => Made) => new Even(now, count, end, make);
  const next = chance(20);
  const normal = () => next() + next() + next() - 1.5;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const clicks = ["home", "search", "item", "item", "cart", "pay"];
  const visits = new Map<string, number>();
  const paths = ["/", "/login", "/api/cart", "/api/items", "/static/app.js", "/api/search"];
  return {
    // the payment service does not answer
    "web-frontend": evenly(9000, 2, (_, __, left) => {
      const failing = left <= 40 && left % 2 === 0;
      const path = failing ? "/api/pay" : pick(paths);
      return { data: `10.0.${Math.floor(next() * 4)}.${Math.floor(next() * 200)} "${path === "/login" || failing ? "POST" : "GET"} ${path} HTTP/1.1" ${failing ? 502 : next() < 0.03 ? 404 : 200} ${failing ? 157 : 400 + Math.floor(next() * 9000)}` };
    }),
    "web-api": evenly(8000, 10, (_, i) => ({ data: pick([`request ${i} done in ${Math.floor(20 + 60 * next())} ms`, `cache hit ratio ${next().toFixed(2)}`, `worker ${Math.floor(next() * 4)} took job ${Math.floor(next() * 99999)}`]) })),
    // a line that was never seen
    "db-postgres": evenly(6000, 15, (_, i, left) => ({ data: left === 420 ? "ERROR: could not extend file \"base/16384/2619\": No space left on device" : [`LOG: checkpoint complete: wrote ${Math.floor(next() * 900)} buffers`, `LOG: connection authorized: user=shop database=orders`, `LOG: duration: ${(next() * 40).toFixed(1)} ms  statement: SELECT`][i % 3] })),
    // one pump draws more than it did
    "plant-pump-2": evenly(5760, 30, (time, _, left) => ({ data: { pressure: round(4.2 + 0.6 * daily(time) + 0.05 * normal()), power: round(310 + 60 * daily(time) + 3 * normal() + (left < 500 ? 45 : 0), 1) } })),
    "plant-pump-1": evenly(5760, 30, (time) => ({ data: { pressure: round(4.1 + 0.6 * daily(time) + 0.05 * normal()), power: round(305 + 60 * daily(time) + 3 * normal(), 1) } })),
    "plant-oven": evenly(5760, 12, (time, i) => ({ data: round(182 + 6 * Math.sin(i / 24) + 2 * daily(time) + 0.4 * normal(), 1) })),
    // somebody goes where nobody goes
    "shop-clicks": evenly(9000, 3, (_, __, left) => {
      const key = `visitor-${Math.floor(next() * 40)}`;
      const at = visits.get(key) ?? 0;
      visits.set(key, at + 1);
      return { key, data: { page: left === 300 ? "admin/export" : clicks[at % clicks.length], ms: Math.round(60 + 25 * normal()) } };
    }),
    "shop-orders": evenly(5000, 40, (time) => ({ data: { country: pick(["DE", "DE", "DE", "FR", "FR", "NL"]), items: 1 + Math.floor(next() * 4), total: round(20 + 60 * next() * (0.6 + daily(time))) } })),
    "backup-heartbeat": evenly(2880, 20, () => ({ data: "alive" })),
  };
}

/** Those of the streams of which nothing is odd. */
const HEALTHY = ["plant-pump-1", "plant-oven", "web-api", "shop-orders", "backup-heartbeat"];

/** Starts a daemon that has learnt all of them, or the healthy ones alone, and goes on to. */
export async function pictured(isQuiet = false): Promise<{ url: string; end: () => Promise<void> }> {
  const daemon = await Daemon.start("", { network: isQuiet ? "small" : "auto", budget: "2/day" });
  const all = Object.entries(streams(Date.now() / 1000)).filter(([name]) => !isQuiet || HEALTHY.includes(name));
  const send = async () => {
    for (const [stream, source] of all) {
      const events = source.due(Date.now() / 1000);
      for (let at = 0; at < events.length; at += AT_ONCE) await daemon.post(stream, events.slice(at, at + AT_ONCE));
    }
  };
  await send();
  let sending = Promise.resolve();
  const timer = setInterval(() => (sending = sending.then(send)), 1000);
  const end = async () => {
    clearInterval(timer);
    await sending;
    await daemon.end("SIGTERM");
  };
  return { url: daemon.url, end };
}
