// The cards of incidents beside what the daemon tells of them: one by one, and of several streams together.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AlarmEvent } from "surmise";
import { program } from "./chromium";
import { kinds, spiked } from "./daemon";
import { Scene, skip, TEST, until, WAIT } from "./scene";
import * as told from "./told";

const EVENTS = 3000;

if (!program()) skip("cards of incidents");
else {
  const scene = new Scene();
  const PUMPS = ["pump-1", "pump-2", "pump-3"];
  before(async () => {
    await scene.start();
    await scene.learn(Object.fromEntries(PUMPS.map((name) => [name, spiked(EVENTS)])));
  });
  after(() => scene.end());
  const alarms = async (): Promise<AlarmEvent[]> => (await scene.daemon.ask("/api/v1/alarms?limit=200")).alarms;
  const card = (stream: string) => scene.page.locator("li.incident", { has: scene.page.locator(`a.stream[href="#/stream/${stream}"]`) });

  test("incidents of one kind in several streams are one card, which is muted as one", TEST, async () => {
    await scene.open("#/now");
    await scene.page.locator(".state", { hasText: /^3 incidents now$/ }).waitFor(WAIT);
    const fold = scene.page.locator("li.fold");
    await fold.locator(".stream", { hasText: "3 streams: pump-1, pump-2, pump-3" }).first().waitFor(WAIT);
    assert.equal(await fold.getAttribute("data-incidents"), "3");
    // what began together is said so, and a card of all of them need not say it again
    await scene.page.locator(".hero .together", { hasText: /^3 incidents of 3 streams began within 2 minutes, from .+ on: they may have one cause\.$/ }).waitFor(WAIT);
    await scene.unfold(scene.page.locator("li.incident"), 3);
    assert.equal(await scene.page.locator("li.incident .others").count(), 0);
    await scene.sound("a card of several streams");
    await fold.getByRole("button", { name: "Mute all for a day" }).click();
    const isMuted = async () => {
      await scene.page.locator("li.incident, li.fold").first().waitFor({ state: "detached", ...WAIT });
      await scene.page.locator(".state.quiet", { hasText: "Nothing is odd now" }).waitFor(WAIT);
      await scene.page.locator(".hidden", { hasText: "3 incidents muted in this browser." }).waitFor(WAIT);
      assert.equal(await scene.page.locator(".together").count(), 0, "of what is hidden nothing is said");
    };
    await isMuted();
    await scene.page.reload();
    await isMuted();
    assert.equal((await alarms()).filter(({ phase }) => phase === "ended").length, 0, "the daemon knows nothing of it");
    await scene.page.getByRole("button", { name: "Show them" }).click();
    await fold.waitFor(WAIT);
  });

  test("a card says since when, how often and what was expected, as the daemon tells it", TEST, async () => {
    const { "shop-clicks": clicks, "host-db1": host, "log-api": log, arm } = kinds(2500);
    await scene.learn({ "shop-clicks": clicks!, "host-db1": host!, "log-api": log!, arm: arm! });
    await scene.open("#/now");
    const mine = (await until("incidents", alarms, (all) => ["shop-clicks", "host-db1", "log-api", "arm"].every((name) => all.some((i) => i.stream === name && i.event !== null)))).filter((i) => i.event !== null);
    assert.ok(mine.some(({ count }) => count > 1) && mine.some(({ count }) => count === 1));
    await until("cards", async () => {
      await scene.openFolds();
      return Promise.all(mine.map(({ stream, oddest }) => scene.page.locator(`li.incident a.button[href="#/stream/${stream}/event/${oddest}"]`).count()));
    }, (counts) => counts.every((count) => count === 1));
    for (const incident of mine) {
      const { schema } = await scene.daemon.ask(`/api/v1/streams/${incident.stream}`);
      const own = scene.page.locator("li.incident", { has: scene.page.locator(`a.button[href="#/stream/${incident.stream}/event/${incident.oddest}"]`) });
      const events = incident.count > 1 ? ` · ${incident.count.toLocaleString("en")} unusual events` : "";
      await until(incident.stream, async () => ({
        since: await own.locator("time").getAttribute("data-at"),
        events: / · .* unusual events?$/.exec((await own.locator(".facts").first().textContent())!)?.[0] ?? "",
        expected: await own.locator(".instead").first().textContent(),
      }), (shown) => JSON.stringify(shown) === JSON.stringify({ since: new Date(incident.time!).toISOString(), events, expected: told.expected(incident, schema.fields) }))
        .catch((error) => assert.fail(`${error.message}, and not ${new Date(incident.time!).toISOString()}, ${events}, ${told.expected(incident, schema.fields)}`));
    }
    // one that is overdue began with others, of another kind
    await until("one is overdue", alarms, (all) => all.some(({ event, stream }) => event === null && stream === "arm"));
    const others = card("arm").locator(".others", { hasText: /^Began within 2 minutes of \d+ other incidents: .+\.$/ });
    await until("others", async () => {
      await scene.openFolds();
      return others.count();
    }, (count) => count > 0);
    await scene.sound("cards");
  });
}
