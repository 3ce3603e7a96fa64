// Against a live daemon, which is killed in the middle of things.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Client, ProblemError, RecordError, UnreachableError } from "../src/index.js";
import { retryAfterMs } from "../src/exchange.js";
import { EventCutter } from "../src/sse.js";
import { LiveDaemon } from "./daemon.js";

let daemon: LiveDaemon;
let client: Client;
const run = () => daemon.run();
const end = (signal: NodeJS.Signals) => daemon.end(signal);

before(async () => {
  daemon = await LiveDaemon.begin();
  client = daemon.client;
});
after(() => end("SIGTERM"));

test("100,000 events are learnt once each while the daemon is killed", { timeout: 300_000 }, async () => {
  const producer = client.producer("killed", { producer: "test" });
  let kills = 0;
  for (let i = 0; i < 100_000; i++) {
    await producer.send(["/home", "/cart"][i % 2]!);
    if (i === 30_000 || i === 60_000) {
      await end("SIGKILL");
      kills++;
      void run();
    }
  }
  const progress = await producer.close();
  assert.equal(kills, 2);
  assert.deepEqual([progress.settled, progress.refused, progress.accepted + progress.duplicates], [100_000, 0, 100_000]);
  assert.equal((await client.status("killed")).offset, 100_000);
  // the same program again, from the beginning
  const again = client.producer("killed", { producer: "test" });
  for (let i = 0; i < 3000; i++) await again.send("/home");
  assert.equal((await again.close()).duplicates, 3000);
  assert.equal((await client.status("killed")).offset, 100_000);
});

test("a stream's own log is replayed beside it", async () => {
  await client.push("again", Array.from({ length: 600 }, (_, i) => ({ page: ["/home", "/cart"][i % 2], ms: i % 3 })));
  const { id } = await client.replay({ stream: "again", name: "seed 7", settings: { seed: 7 } });
  let replay = await client.replayShow(id);
  for (let i = 0; i < 600 && (replay.state === "waiting" || replay.state === "running"); i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    replay = await client.replayShow(id);
  }
  assert.deepEqual([replay.state, replay.offset, replay.name], ["done", 600, "seed 7"]);
  assert.equal(replay.course.reduce((sum, { events }) => sum + events, 0), 600);
  assert.equal((await client.replays())[0]!.state_hash, replay.state_hash);
  await client.deleteReplay(id);
  assert.deepEqual(await client.replays(), []);
  const refused = client.replay({ stream: "again", settings: { netwerk: "off" } });
  await assert.rejects(refused, (error: ProblemError) => error.status === 422 && error.detail.includes("netwerk"));
});

test("questions are answered, and refusals are typed", async () => {
  const events = Array.from({ length: 200 }, (_, i) => ({ page: ["/home", "/cart"][i % 2], ms: 10 + (i % 3) }));
  assert.equal((await client.push("web", events)).accepted, 200);
  assert.equal((await client.next("web")).fields.page!.top![0]![0], "/home");
  assert.equal((await client.forecast("web", { horizon: 3 })).steps!.length, 3);
  assert.ok((await client.predict("web", { page: "/home" })).fields.ms);
  assert.equal((await client.why("web", 150)).offset, 150);
  assert.ok((await client.history("web")).windows);
  const rare = await client.surprises("web", { days: 1, limit: 3 });
  assert.ok(rare.surprises.length <= 3 && rare.events > 0);
  assert.deepEqual((await client.templates("web")).templates, []);
  assert.deepEqual((await client.keys("web", { order: "quietest" })).keys, []);
  assert.ok((await client.streams()).streams.some(({ stream }) => stream === "web"));
  await assert.rejects(client.next("nobody"), (error: ProblemError) => error instanceof ProblemError && error.status === 404 && error.detail !== "");
  await assert.rejects(client.push("web", [{ ms: Number.NaN }]), RecordError);
  // what is pushed again with its id is known
  const named = { idOf: (_data: unknown, place: number) => `order ${place}` };
  assert.equal((await client.push("named", events.slice(0, 3), named)).accepted, 3);
  assert.equal((await client.push("named", events.slice(0, 4), named)).duplicates, 3);
  await assert.rejects(new Client({ url: "http://127.0.0.1:1", patienceMs: 0 }).streams(), UnreachableError);
});

test("what is said of an incident is learnt, and events are forgotten", async () => {
  const events = Array.from({ length: 3000 }, (_, i) => ({ n: (i * i) % 7 }));
  assert.equal((await client.push("odd", [...events, { n: 1e6 }])).accepted, 3001);
  const incident = (await client.incidents("odd")).alarms[0]!;
  const { offset, incarnation } = incident;
  const taken = await client.feedback("odd", offset, { verdict: "normal", label: "deploy", incarnation });
  assert.deepEqual(taken.feedback, { offset, verdict: "normal", label: "deploy", incarnation: 1 });
  assert.equal((await client.status("odd")).offset, 3002);
  const refused = (status: number) => (error: ProblemError) => error instanceof ProblemError && error.status === status;
  await assert.rejects(client.feedback("odd", offset, { verdict: "bad", incarnation: 2 }), refused(409));
  await assert.rejects(client.feedback("odd", 5, { verdict: "bad" }), refused(404));
  const changed = await client.forget("odd", { from: 10, to: 20 });
  assert.deepEqual([changed.forgotten, changed.offset], [10, 2992]);
  await assert.rejects(client.forget("odd", { key: "nobody" }), refused(404));
  // the incident has another offset now, and another incarnation
  const after = (await client.incidents("odd")).alarms[0]!;
  assert.deepEqual([after.offset, after.incarnation], [offset - 10, 2]);
});

test("a feed goes on where it broke", { timeout: 60_000 }, async (t) => {
  const leave = new AbortController();
  // a feed that is still followed when the time is up would keep this program from ending
  t.signal.addEventListener("abort", () => leave.abort());
  const offsets: number[] = [];
  const first = (await client.status("web")).offset;
  const states: boolean[] = [];
  const watching = (async () => {
    for await (const news of client.watch("web", { signal: leave.signal, after: first - 1, onState: (open) => states.push(open) })) {
      if (news.kind === "outcome") offsets.push(news.outcome.offset);
      if (offsets.length === 20) leave.abort();
    }
  })();
  const until = async (reached: () => boolean) => {
    while (!reached() && !t.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  // outcomes are made only while somebody follows, so each push waits for the feed
  await until(() => states.at(-1) === true);
  await client.push("web", Array.from({ length: 10 }, () => ({ page: "/home", ms: 10 })));
  await until(() => offsets.length === 10);
  await end("SIGKILL");
  await run();
  await until(() => states.length > 1 && states.at(-1) === true);
  await client.push("web", Array.from({ length: 10 }, () => ({ page: "/home", ms: 10 })));
  await watching;
  assert.ok(states.includes(false));
  assert.deepEqual(offsets, Array.from({ length: 20 }, (_, i) => first + i));
});

test("who is asked for a token may take longer than an answer may, and is asked once for all questions", async () => {
  const asked: boolean[] = [];
  const fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    init?.signal?.throwIfAborted();
    const known = new Headers(init?.headers).get("authorization") === "Bearer good";
    return known ? Response.json({ streams: [] }) : Response.json({ title: "Unauthorized", status: 401 }, { status: 401 });
  };
  const token = async (refused: boolean) => {
    asked.push(refused);
    if (!refused) return "stale";
    await new Promise((resolve) => setTimeout(resolve, 200));
    return "good";
  };
  const guarded = new Client({ url: "http://127.0.0.1:1", patienceMs: 0, timeoutMs: 50, token, fetch });
  const answers = await Promise.all([guarded.streams(), guarded.streams(), guarded.streams()]);
  assert.deepEqual(answers, Array(3).fill({ streams: [] }));
  assert.deepEqual(asked, [false, true]);
});

test("Retry-After is seconds or a date; a feed is cut wherever its pieces end", () => {
  assert.deepEqual([retryAfterMs("2"), retryAfterMs(null), retryAfterMs("Thu, 01 Jan 1970 00:00:05 GMT", 1000)], [2000, undefined, 4000]);
  const text = 'event: learn\r\nid: 7\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: still here\n\nevent: lagged\ndata: {}\n\n';
  for (let at = 0; at <= text.length; at++) {
    const cutter = new EventCutter();
    const events = [...cutter.cut(text.slice(0, at)), ...cutter.cut(text.slice(at))];
    assert.deepEqual(events, [{ name: "learn", id: "7", data: '{"a":\n1}' }, { name: "lagged", id: null, data: "{}" }]);
  }
});

test("the types of answers are those of the OpenAPI document", () => {
  assert.equal(execFileSync(process.execPath, ["scripts/answers.mjs"], { encoding: "utf8" }), readFileSync("src/answers.ts", "utf8"));
});
