// Measures what the page costs, and prints the figures: node build/browser/cost.mjs [STREAMS] [SECONDS]
//
// It starts a daemon of its own. First useful paint: from the start of the navigation to the first row of the list.
// Frames: while the list of all streams is scrolled and its rows change, as a connection feeds each stream an event each
// other second. A viewer: a follower of /api/v1/watch and one
// stream's view, as the page is one. Three days: 86,400 looks of the feed each, sent as fast as the page takes them.

import { createServer, type ServerResponse } from "node:http";
import { loadavg } from "node:os";
import type { Page } from "playwright-core";
import { browser } from "./chromium";
import { Daemon, DECLARED, kinds } from "./daemon";

const [streams = 2000, seconds = 10] = process.argv.slice(2).map(Number);
const DAY_LOOKS = 86_400;
const DAYS = 3;
// one viewer costs so little that many pairs are needed to tell it from nothing
const PAIRS_ONE = 100;
const PAIRS_FIFTY = 25;
const IDLE_SECONDS = 15;
const FEED_MS = 100;

const many = (i: number) => `many-${String(i).padStart(5, "0")}`;
const say = (what: string, figure: string) => console.log(`${what.padEnd(64)} ${figure}`);
const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** From the start of the navigation until a row is painted. */
async function firstPaint(page: Page, url: string): Promise<number> {
  await page.goto("about:blank");
  await page.goto(`${url}/#/streams`, { waitUntil: "commit" });
  await page.locator(".rows > .row").first().waitFor();
  // two frames later it is on the screen
  return page.evaluate(() => new Promise<number>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))));
}

/** Times between frames while the list is scrolled. */
async function frames(page: Page): Promise<number[]> {
  return page.evaluate(
    (ms) =>
      new Promise<number[]>((resolve) => {
        const port = document.querySelector(".viewport")!;
        const times: number[] = [];
        const start = performance.now();
        let last = start;
        let down = 1;
        const step = (now: number) => {
          times.push(now - last);
          last = now;
          if (port.scrollTop + port.clientHeight >= port.scrollHeight - 1) down = -1;
          if (port.scrollTop <= 0) down = 1;
          port.scrollTop += 40 * down;
          if (now - start < ms) requestAnimationFrame(step);
          else resolve(times.slice(1));
        };
        requestAnimationFrame(step);
      }),
    seconds * 1000,
  );
}

/**
 * Viewers that look at a daemon until they are told to leave: each has the feed of all streams, and looks at one. They
 * are there once each has begun to read.
 */
async function look(daemon: Daemon, viewers: number): Promise<AbortController> {
  const leave = new AbortController();
  const begun: Promise<void>[] = [];
  const follow = async (path: string) => {
    try {
      const asked = fetch(daemon.url + path, { signal: leave.signal, headers: { Accept: "text/event-stream" } });
      begun.push(asked.then(() => undefined, () => undefined));
      const answer = await asked;
      const reader = answer.body!.getReader();
      while (!(await reader.read()).done);
    } catch {
      // left
    }
  };
  const poll = async () => {
    while (!leave.signal.aborted) {
      await Promise.all(["", "/next?top=8", "/history?span=seconds"].map((rest) => fetch(`${daemon.url}/api/v1/streams/shop-clicks${rest}`, { signal: leave.signal }).then((a) => a.text(), () => "")));
      await pause(2000);
    }
  };
  for (let i = 0; i < viewers; i++) void Promise.all([follow("/api/v1/watch"), follow("/api/v1/streams/shop-clicks/watch?rate=40"), poll()]);
  await Promise.all(begun);
  // the rows of all streams, which each gets once, have been sent and read by then
  await pause(2000);
  return leave;
}

/**
 * By how much viewers lower the events that a second of the daemon's processor learns, in percent. The machine's own
 * speed moves by more than that within a minute, so short spans with viewers and without take turns, and each is
 * compared with its neighbours alone; the median of all pairs is told, with its 95 % interval by ranks. Viewers share
 * the machine with the daemon, where a person's browser does not: in spans without them they look at another daemon.
 */
async function costOf(daemon: Daemon, other: Daemon, viewers: number, pairs: number): Promise<string> {
  const events = kinds(500)["shop-clicks"]!.map((event) => JSON.stringify({ ...(event as object), time: undefined }));
  const body = events.join("\n");
  let sent = 0;
  let feeding = true;
  const producer = async () => {
    while (feeding) {
      const answer = await fetch(`${daemon.url}/api/v1/streams/shop-clicks/events`, { method: "POST", body, headers: { "Content-Type": "application/x-ndjson" } });
      sent += ((await answer.json()) as { accepted: number }).accepted;
    }
  };
  // several posts are always on their way, so that the learner is what limits
  const producers = Promise.all([producer(), producer(), producer()]);
  // what is looked at is this daemon or the other; what looks takes the same part of the machine
  const span = async (at: Daemon, viewers: number): Promise<number> => {
    const leave = await look(at, viewers);
    const [before, cpu] = [sent, daemon.cpuSeconds()];
    await pause(seconds * 1000);
    const rate = (sent - before) / (daemon.cpuSeconds() - cpu);
    leave.abort();
    return rate;
  };
  const costs: number[] = [];
  let without = await span(other, viewers);
  for (let pair = 0; pair < pairs; pair++) {
    const seen = await span(daemon, viewers);
    const after = await span(other, viewers);
    costs.push(100 * (1 - seen / ((without + after) / 2)));
    without = after;
  }
  feeding = false;
  await producers;
  const sorted = costs.sort((a, b) => a - b);
  // how many of the values lie below the median is binomial: of 25, it lies between the 8th from either end
  const rank = Math.floor(pairs / 2 - 0.98 * Math.sqrt(pairs));
  return `${median(sorted).toFixed(1)} % (95 %: ${sorted[rank]!.toFixed(1)} to ${sorted[pairs - 1 - rank]!.toFixed(1)} %; ${pairs} pairs of ${seconds} s)`;
}

/** What viewers take of a processor while nothing is learnt but one event a second, so that the feed has news. */
async function idleCost(daemon: Daemon, viewers: number): Promise<string> {
  const taken = async () => {
    const cpu = daemon.cpuSeconds();
    for (let second = 0; second < IDLE_SECONDS; second++) {
      await daemon.post("shop-clicks", [{ key: "user-1", data: { page: "/home", ms: 50 } }]);
      await pause(1000);
    }
    return daemon.cpuSeconds() - cpu;
  };
  const without = await taken();
  const leave = await look(daemon, viewers);
  const seen = await taken();
  leave.abort();
  return `${((100 * (seen - without)) / IDLE_SECONDS).toFixed(1)} % of one processor (${IDLE_SECONDS} s)`;
}

/** A server that has the daemon's page, and a feed of its own that lasts for days. */
async function days(daemon: Daemon, page: Page): Promise<void> {
  const list = await daemon.ask<{ streams: Record<string, unknown>[] }>("/api/v1/streams?trend=1");
  const some = list.streams.slice(0, 200);
  let feed: ServerResponse | null = null;
  const server = createServer((request, response) => {
    if (request.url === "/api/v1/watch") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      feed = response;
      return;
    }
    void fetch(daemon.url + request.url).then(async (answer) => {
      response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") ?? "text/plain" });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await page.goto(`http://127.0.0.1:${port}/#/now`);
  while (!feed) await pause(50);
  const write = (text: string) => new Promise<void>((resolve) => (feed!.write(text) ? resolve() : feed!.once("drain", resolve)));
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await pause(500);
    await session.send("HeapProfiler.collectGarbage");
    const usage = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
    const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
    return `${(usage.usedSize / 1e6).toFixed(2)} MB, ${nodes} elements`;
  };
  for (let look = 0; look <= DAYS * DAY_LOOKS; look++) {
    const rows = some.slice(look % 190, (look % 190) + 10).map((row) => ({ ...row, offset: look, events_per_second: look % 50 }));
    await write(`event: streams\nid: ${look}\ndata: ${JSON.stringify({ all: look === 0, streams: look === 0 ? some : rows, gone: [] })}\n\n`);
    if (look % 60 === 0) {
      const time = new Date(Date.now() - (DAYS * DAY_LOOKS - look) * 1000).toISOString();
      const incident = { stream: some[look % some.length]!.stream, kind: "value", phase: "ended", began: look, offset: look, oddest: look, event_offset: look, count: 3, rarity_events: 12_345, time, event: { data: `line ${look}` }, surprise_bits: 12, excess_bits: 9, parts: [] };
      await write(`event: alarms\nid: ${look}\ndata: ${JSON.stringify({ alarms: [incident] })}\n\n`);
    }
    // the first hour fills what is bounded
    if (look === 3600 || (look > 0 && look % DAY_LOOKS === 0)) {
      say(`the page after ${Math.round(look / 360) / 10} hours of looks (${look} news, ${Math.floor(look / 60)} incidents)`, await heap());
    }
  }
  server.closeAllConnections();
  server.close();
}

// thousands of checkpoints at once would drown what viewers cost
process.env.SURMISE__STORE__CHECKPOINT_INTERVAL = "1h";
const daemon = await Daemon.start(DECLARED);
const context = await browser();
const page = context.pages()[0] ?? (await context.newPage());
try {
  say("load of the machine, at the beginning", loadavg().map((x) => x.toFixed(1)).join(" "));
  for (const [stream, events] of Object.entries(kinds(1000))) await daemon.post(stream, events);
  for (let i = 0; i < streams; i++) await daemon.post(many(i), [{ data: "open" }, { data: "close" }, { data: "open" }]);
  const paints: number[] = [];
  for (let i = 0; i < 5; i++) paints.push(await firstPaint(page, daemon.url));
  say(`first useful paint, list of ${streams} streams, median of 5`, `${median(paints).toFixed(0)} ms (${paints.map((x) => x.toFixed(0)).join(", ")})`);
  const socket = await daemon.socket();
  let fed = 0;
  // every stream has an event each other second
  const feeder = setInterval(() => {
    const lines = Array.from({ length: (streams * FEED_MS) / 2000 }, () => `{"stream":"${many(fed++ % streams)}","data":"close"}\n`);
    socket.write(lines.join(""));
  }, FEED_MS);
  const times = await frames(page);
  clearInterval(feeder);
  socket.destroy();
  const late = times.filter((t) => t > 25).length;
  say(`frames while ${streams} streams are scrolled and fed`, `${Math.round(fed / seconds)} events a second: ${(1000 / (times.reduce((a, b) => a + b, 0) / times.length)).toFixed(1)} a second, median ${median(times).toFixed(1)} ms, ${late} of ${times.length} over 25 ms`);
  await days(daemon, page);
  await page.goto("about:blank");
  say("one viewer takes, while one event a second comes,", await idleCost(daemon, 1));
  say("fifty viewers", await idleCost(daemon, 50));
  const other = await Daemon.start(DECLARED);
  await other.post("shop-clicks", kinds(500)["shop-clicks"]!);
  let isFed = true;
  const others = (async () => {
    for (; isFed; await pause(100)) await other.post("shop-clicks", kinds(10)["shop-clicks"]!.map((event) => ({ ...(event as object), time: undefined })));
  })();
  say("one viewer lowers events per second of the daemon's processor by", await costOf(daemon, other, 1, PAIRS_ONE));
  say("fifty viewers", await costOf(daemon, other, 50, PAIRS_FIFTY));
  isFed = false;
  await others;
  await other.end("SIGTERM");
  say("load of the machine, at the end", loadavg().map((x) => x.toFixed(1)).join(" "));
} finally {
  await context.close();
  await daemon.end("SIGTERM");
}
