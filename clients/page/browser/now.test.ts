// Now where nothing is odd: it says so, and what was promised; and what is muted there.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { num } from "../src/format";
import { program } from "./chromium";
import { chance } from "./daemon";
import { Scene, skip, TEST, until, WAIT } from "./scene";

const EVENTS = 3000;

if (!program()) skip("Now where nothing is odd");
else {
  const scene = new Scene();
  // a stream in which nothing is wrong; without times of its own nothing is overdue in it
  before(async () => {
    await scene.start();
    const next = chance(11);
    await scene.learn({ good: Array.from({ length: EVENTS }, (_, i) => ({ data: { step: ["open", "close"][i % 2], ms: Math.round(50 + 10 * next()) } })) });
  });
  after(() => scene.end());

  test("Now is quiet, and tells what was promised beside what came, as the daemon does", TEST, async () => {
    await scene.open("#/now");
    await scene.page.locator(".hero .state.quiet", { hasText: "Nothing is odd now" }).waitFor(WAIT);
    const { streams: [row] } = await scene.daemon.ask("/api/v1/streams");
    assert.deepEqual([row.offset, row.incidents], [EVENTS, 0]);
    assert.ok(Math.abs(row.promised - EVENTS / 2000) < 1e-6, `${row.promised}`);
    const hours = await scene.daemon.ask("/api/v1/streams/good/history?span=hours");
    const events = hours.points.reduce((sum: number, point: any) => sum + point.events, 0);
    assert.equal(events, EVENTS, "all came within a day");
    const rates = scene.page.locator(".rates", { hasText: "In the latest 24 hours" });
    await rates.waitFor(WAIT);
    assert.equal(await rates.textContent(), `In the latest 24 hours: 0 incidents; it promised at most ${num(row.promised, 2)} false ones. Ever: 0 incidents in 3,000 events of 1 stream; it promised at most ${num(row.promised, 2)} false ones, one in 2,000. `);
    assert.equal(await scene.page.locator("li.incident").count(), 0);
    assert.equal(await scene.page.locator(".badge").count(), 0);
    await scene.open("#/stream/good");
    await scene.page.locator(".card", { hasText: "What is odd now" }).first().locator(".state.quiet").waitFor(WAIT);
    await scene.sound("a good stream");
  });

  test("what is muted for a day is hidden, and nothing is odd any more", TEST, async () => {
    await scene.open("#/now");
    await scene.page.locator(".state.quiet").waitFor(WAIT);
    await scene.daemon.post("good", [{ data: { step: "open", ms: 50_000 } }]);
    const card = scene.page.locator("li.incident", { hasText: "good" });
    await card.waitFor(WAIT);
    await scene.page.locator(".state.alarm", { hasText: /^1 incident now$/ }).waitFor(WAIT);
    await scene.page.locator(".where", { hasText: /^In good\.$/ }).waitFor(WAIT);
    await scene.page.locator(".rates", { hasText: /Ever: 1 incident in 3,001 events of 1 stream, one in 3,000;/ }).waitFor(WAIT);
    await card.getByRole("button", { name: "Mute for a day" }).click();
    const isMuted = async () => {
      await card.waitFor({ state: "detached", ...WAIT });
      await scene.page.locator(".state.quiet", { hasText: "Nothing is odd now" }).waitFor(WAIT);
      await scene.page.locator(".hidden", { hasText: "1 incident muted in this browser." }).waitFor(WAIT);
      await scene.page.locator(".badge").waitFor({ state: "detached", ...WAIT });
    };
    await isMuted();
    await scene.page.reload();
    await isMuted();
    await scene.sound("what is muted");
    // it is hidden in this browser alone: the daemon still has it
    const { alarms } = await until("the incident", () => scene.daemon.ask("/api/v1/streams/good/alarms"), ({ alarms }) => alarms.length === 1);
    assert.equal(alarms[0].phase, "begins");
    await scene.page.getByRole("button", { name: "Show them" }).click();
    await card.waitFor(WAIT);
    await scene.page.locator(".state.alarm").waitFor(WAIT);
  });
}
