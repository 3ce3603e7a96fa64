// Every view's numbers beside the daemon's, while all streams go on learning.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { HistoryAnswer, LearnerDescription, Prediction, StatusAnswer, StreamRow, SystemReport } from "surmise";
import { parseMetrics, sum } from "../src/metrics";
import { predictorWords } from "../src/predictors";
import { agree, isBetween, read, type Shown, type Told } from "./brackets";
import { program } from "./chromium";
import { DECLARED, makers } from "./daemon";
import { Feeder } from "./feeder";
import { Scene, skip, WAIT } from "./scene";
import * as told from "./told";

const EVENTS = 1500;
/** A trend is drawn of two minutes that had events. */
const LONG = { timeout: 300_000 };
const AGREE_MS = 120_000;

if (!program()) skip("every view's numbers");
else {
  const scene = new Scene();
  let feeder: Feeder;
  const streams = Object.keys(makers());
  before(async () => {
    await scene.start(DECLARED);
    await scene.learn(Object.fromEntries(Object.entries(makers()).map(([stream, make]) => [stream, Array.from({ length: EVENTS }, (_, i) => make(i))])));
    feeder = new Feeder(scene.daemon, EVENTS);
  });
  after(async () => {
    await feeder?.end();
    await scene.end();
  });

  const api = <T>(path: string): Promise<T> => scene.daemon.ask<T>(`/api/v1${path}`);
  const rowsNow = async (): Promise<StreamRow[]> => (await api<{ streams: StreamRow[] }>("/streams?trend=1")).streams;
  const rowOf = async (stream: string): Promise<StreamRow> => (await rowsNow()).find((row) => row.stream === stream)!;
  const metrics = async () => parseMetrics(await (await fetch(`${scene.daemon.url}/metrics`)).text());
  /** The texts of facts by their names. */
  const facts = (): Promise<Shown> => scene.page.locator("dl.facts > div").evaluateAll((all) => Object.fromEntries(all.map((one) => [one.querySelector("dt")!.textContent!.trim(), one.querySelector("dd")!.textContent])));

  test("a figure counts as shown only between two readings, as exact as its text is", () => {
    assert.deepEqual([read("1,204"), read("−1.9 %"), read("≤ 12.5"), read("4.5 MiB (of 9)"), read("none")], [{ value: 1204, half: 0.5 }, { value: -0.019, half: 0.0005 }, { value: 12.5, half: 0.05 }, { value: 4.5 * 2 ** 20, half: 0.05 * 2 ** 20 }, null]);
    assert.deepEqual([isBetween("12", 10, 13), isBetween("12", 13, 10), isBetween("14", 10, 13), isBetween("0.12", 0.124, 0.124), isBetween("0.12", 0.126, 0.13), isBetween("–", null, 3), isBetween("–", 1, 3), isBetween("none", "none", "x"), isBetween(null, null, null)],
      [true, true, false, true, false, true, false, true, false]);
  });

  for (const stream of streams) {
    test(`Stream ${stream}`, LONG, async () => {
      const path = `/streams/${stream}`;
      await scene.open(`#/stream/${stream}`);
      await scene.page.locator("dl.facts dd").first().waitFor(WAIT);
      await agree(stream, facts, async (): Promise<Told> => {
        const [status, row] = [await api<StatusAnswer>(path), await rowOf(stream)];
        return {
          Events: status.offset, "Events/s": row.events_per_second, "Bits/event lately": row.recent_bits, Skill: row.skill, Keys: status.keys, Incidents: status.alarms.begun,
          "False ones promised": status.alarms.promised, Memory: status.state_bytes,
        };
      }, AGREE_MS);
      await agree(`${stream}: what counts now`, () => scene.page.evaluate(() => {
        const card = [...document.querySelectorAll(".card")].find((one) => one.querySelector("h2")?.textContent === "What counts now")!;
        return Object.fromEntries([...card.querySelectorAll(".columns > div")].flatMap((one) => {
          const field = one.querySelector("h3 > bdi")!.textContent!;
          return [[`${field}: first`, one.querySelector(".label")!.textContent], [`${field}: its part`, one.querySelector(".end")!.textContent]];
        }));
      }), async (): Promise<Told> => {
        const { fields } = await api<LearnerDescription>(`${path}/learner`);
        const top = fields.filter((field) => field.experts.some(({ weight }) => weight > 0)).map((field) => ({ field, expert: field.experts.reduce((a, b) => (b.weight > a.weight ? b : a)) }));
        return Object.fromEntries(top.flatMap(({ field, expert }): [string, string | number][] => [[`${field.name}: first`, predictorWords(expert.name)], [`${field.name}: its part`, expert.weight]]));
      }, AGREE_MS);
      await agree(`${stream}: losses`, async (): Promise<Shown> => {
        const rows = await scene.page.locator(".losses tr").evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent!)));
        return Object.fromEntries(rows.slice(1).filter((row) => ["surmise", "Best simple predictor of each field"].includes(row[0]!)).map((row) => [row[0]!, row.at(-1)!]));
      }, async (): Promise<Told> => {
        const ever = (await api<HistoryAnswer>(`${path}/history?span=seconds`)).windows.at(-1)!;
        return { surmise: ever.loss_bits_per_event, "Best simple predictor of each field": ever.simple_bits_per_event };
      }, AGREE_MS);
      // probabilities turn with every event, and are held to the daemon's where nothing comes; medians move
      const { schema } = await api<StatusAnswer>(path);
      const numbers = schema.fields.filter(({ kind }) => kind === "number");
      if (numbers.length > 0) await agree(`${stream}: what is expected`, () => scene.page.evaluate(() => {
        const card = [...document.querySelectorAll(".card")].find((one) => one.querySelector("h2")?.textContent === "What it expects next")!;
        return Object.fromEntries([...card.querySelectorAll(".columns > div")].map((one) => [`${one.querySelector("h3 > bdi")?.textContent} Median`, one.querySelector("dd.big")?.textContent ?? null]));
      }), async (): Promise<Told> => {
        const { fields } = await api<Prediction>(`${path}/next?top=8`);
        return Object.fromEntries(numbers.map(({ name }) => [`${name} Median`, fields[name]!.median!]));
      }, AGREE_MS);
      assert.deepEqual(scene.faults, []);
    });
  }

  test("Learner", LONG, async () => {
    await scene.open("#/stream/log-api/learner");
    await scene.page.locator("dl.facts dd").first().waitFor(WAIT);
    await agree("Learner", facts, async (): Promise<Told> => {
      const [status, learner, row, system] = [await api<StatusAnswer>("/streams/log-api"), await api<LearnerDescription>("/streams/log-api/learner"), await rowOf("log-api"), await api<SystemReport>("/system")];
      return {
        "Events learnt": learner.offset, "Events/s": row.events_per_second, "Events that wait, all streams": sum(await metrics(), "surmise_queue_events", { stage: "inbox" }),
        "Worth of networks": status.report.network_gain ?? "cannot be told", Weights: status.report.parameters, "Corrections that wait": system.gradient_jobs_waiting,
        "Networks run on": system.device, "Processor's instructions": learner.kernel, "Code of the network": learner.engine,
      };
    }, AGREE_MS);
    // the time of an event is a mean of the page's own interval: it lies among the means of shorter ones
    const means: number[] = [];
    let last = await metrics();
    await agree("Learner's times", facts, async (): Promise<Told> => {
      const now = await metrics();
      const count = sum(now, "surmise_learn_duration_seconds_count") - sum(last, "surmise_learn_duration_seconds_count");
      if (count > 0) means.push((sum(now, "surmise_learn_duration_seconds_sum") - sum(last, "surmise_learn_duration_seconds_sum")) / count);
      last = now;
      // between the least and the most in turn, so that any two readings hold all of them
      return { "Time per event, all streams": means.length === 0 ? null : means.length % 2 === 0 ? Math.min(...means) : Math.max(...means) };
    }, AGREE_MS);
  });

  test("System", LONG, async () => {
    await scene.open("#/system");
    await scene.page.locator("table.wide td").first().waitFor(WAIT);
    const look = async (): Promise<Shown> => ({
      ...(await facts()),
      ...(await scene.page.locator("table.wide tr").evaluateAll((all) => Object.fromEntries(all.map((row) => [row.querySelector("th")!.textContent!, row.querySelector("td")!.textContent!.replace(/^http /, "")])))),
      ...(await scene.page.locator("ul.limits li").evaluateAll((all) => Object.fromEntries(all.map((one) => [one.querySelector("code")!.textContent!, one.querySelector(".figure")!.textContent])))),
    });
    await agree("System", look, async (): Promise<Told> => {
      const [now, system, rows] = [await metrics(), await api<SystemReport>("/system"), await rowsNow()];
      return {
        ...Object.fromEntries(system.databases.map(({ name, bytes }) => [name, bytes])), ...Object.fromEntries(system.limits.map(({ key, used }) => [key, used])),
        Streams: rows.length, "Events/s": rows.reduce((total, row) => total + row.events_per_second, 0), "Threads that learn": system.owners,
        "Events received": sum(now, "surmise_events_received_total"), "Sent a second time, and taken once": sum(now, "surmise_events_duplicate_total"), "Came late": sum(now, "surmise_events_late_total"),
        "Wait to be learnt": sum(now, "surmise_queue_events", { stage: "inbox" }), "Corrections of networks that wait": sum(now, "surmise_gradient_jobs_queued"),
        "Keys in memory": sum(now, "surmise_keys", { place: "memory" }), "Keys in the store": sum(now, "surmise_keys", { place: "store" }), "Checkpoints waiting": system.checkpoints_pending,
      };
    }, AGREE_MS);
    await scene.sound("System while streams learn");
  });

  test("Now", LONG, async () => {
    await scene.open("#/now");
    await scene.page.locator(".rates", { hasText: "In the latest 24 hours" }).waitFor(WAIT);
    await agree("Now", async (): Promise<Shown> => {
      const found = /^In the latest 24 hours: (.+) incidents?; it promised at most (.+?) false ones(?:, of the .+ told)?\. Ever: (.+) incidents? in (.+) events of (.+) streams, .*; it promised at most (.+?) false ones/.exec((await scene.page.locator(".rates").textContent())!);
      return Object.fromEntries(["came in a day", "promised in a day", "came", "events", "streams", "promised"].map((key, i) => [key, found?.[i + 1] ?? null]));
    }, async (): Promise<Told> => {
      const rows = await rowsNow();
      const of = (what: "offset" | "promised" | "incidents", which = rows) => which.reduce((total, row) => total + row[what], 0);
      // all came within a day; of bytes it cannot be told
      const told = rows.filter(({ schema }) => schema.fields.every(({ kind }) => kind !== "byte"));
      return { events: of("offset"), streams: rows.length, promised: of("promised"), came: of("incidents"), "promised in a day": of("promised", told), "came in a day": of("incidents", told) };
    }, AGREE_MS);
    assert.deepEqual(scene.faults, []);
  });

  test("Streams", LONG, async () => {
    await scene.open("#/streams");
    await scene.page.locator(".rows > .row").nth(streams.length - 1).waitFor(WAIT);
    const look = (): Promise<Shown> => scene.page.locator(".rows > .row").evaluateAll((all) => Object.fromEntries(all.flatMap((row) => {
      const cell = (key: string) => row.querySelector(`.c-${key}`)!;
      const name = cell("name").querySelector("a")!.textContent!;
      const line = cell("bits").querySelector("path")?.getAttribute("d") ?? "";
      // 0 for the least value of the line, 1 for the most
      const heights = [...line.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map((found) => 1 - (Number(found[1]) - 2) / 16);
      return Object.entries({
        state: cell("name").querySelector(".dot")!.getAttribute("aria-label"), rate: cell("rate").textContent, bits: cell("bits").querySelector(".figure")!.textContent, skill: cell("skill").textContent,
        incident: (cell("incident").querySelector("a, span")!.firstChild as Text).data.trim(), drift: cell("drift").textContent!.replace(/,.*/, ""), events: cell("events").textContent,
        points: String(heights.length), "last height": heights.length === 0 ? "–" : heights.at(-1)!.toFixed(2),
      }).map(([key, text]) => [`${name} ${key}`, text]);
    })));
    const tell = async (): Promise<Told> => Object.fromEntries((await rowsNow()).flatMap((row) => {
      const { state, incident, drift } = told.row(row);
      const known = (row.trend ?? []).filter((bits): bits is number => bits !== null);
      const [low, high] = [Math.min(...known), Math.max(...known)];
      return Object.entries({
        state, rate: row.events_per_second, bits: row.recent_bits, skill: row.skill, incident, drift: drift.replace(/,.*/, ""), events: row.offset,
        points: String(known.length < 2 ? 0 : known.length), "last height": known.length < 2 ? null : high - low < 1e-9 ? 0.5 : (known.at(-1)! - low) / (high - low),
      }).map(([key, value]) => [`${row.stream} ${key}`, value]);
    }));
    // a line is drawn once two minutes had events
    await scene.page.locator(".rows > .row path").nth(streams.length - 1).waitFor({ state: "attached", timeout: AGREE_MS });
    await agree("Streams", look, tell, AGREE_MS);
    await scene.sound("Streams while they learn");
    assert.ok(feeder.sent > 0, "they went on learning");
  });
}
