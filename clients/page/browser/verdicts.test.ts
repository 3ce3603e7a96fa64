// What a person says of an incident: the daemon learns it, and where it does not, the page says so.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { program } from "./chromium";
import { Daemon, spiked, token } from "./daemon";
import { Scene, skip, TEST, until, WAIT } from "./scene";

const EVENTS = 3000;

if (!program()) skip("what a person says of an incident");
else {
  const scene = new Scene();
  before(async () => {
    await scene.start();
    await scene.learn({ pump: spiked(EVENTS), other: spiked(EVENTS), gone: spiked(EVENTS) });
  });
  after(() => scene.end());

  const card = (stream: string) => scene.page.locator(`li.incident:has(a.stream[href="#/stream/${stream}"])`);
  const press = (stream: string, name: string) => card(stream).getByRole("button", { name }).click();
  /** What the log of a stream holds that a person said. */
  const logged = async (stream: string, daemon = scene.daemon, secret = "") =>
    (await daemon.ask(`/api/v1/streams/${stream}/events?from=${EVENTS}&count=20`, secret)).events.map((e: any) => e.event.feedback).filter(Boolean);
  const incidentOf = async (stream: string) => (await scene.daemon.ask(`/api/v1/streams/${stream}/alarms`)).alarms[0];

  test("a verdict is learnt by the daemon, and the incident is shown as judged", TEST, async () => {
    await scene.open("#/now");
    await scene.page.locator(".state", { hasText: /^3 incidents now$/ }).waitFor(WAIT);
    await scene.unfold(scene.page.locator("li.incident"), 3);
    const { began, incarnation } = await incidentOf("pump");
    // by keyboard, which goes on where it was
    await card("pump").getByRole("button", { name: "That was normal" }).focus();
    await scene.page.keyboard.press("Enter");
    await card("pump").locator(".verdict", { hasText: "Called normal: the daemon has learnt it" }).waitFor(WAIT);
    assert.deepEqual(await logged("pump"), [{ offset: began, verdict: "normal", incarnation }]);
    await scene.page.waitForFunction(() => document.activeElement?.textContent === "That was normal", undefined, WAIT);
    const isJudged = async () => {
      await scene.page.locator(".state", { hasText: /^2 incidents now$/ }).waitFor(WAIT);
      await scene.page.locator(".badge [aria-hidden]", { hasText: /^2$/ }).waitFor(WAIT);
      // the last of the list, under a heading of its own
      assert.deepEqual((await scene.page.locator("ol.incidents > li.divider h2").allTextContents()).slice(-1), ["Called normal"]);
      await scene.page.locator("ol.incidents > li.divider", { hasText: "kept in this browser alone" }).waitFor(WAIT);
      assert.ok((await scene.page.locator("ol.incidents > li").last().textContent())!.includes("pump"));
      assert.equal(await card("pump").getByRole("button", { name: "That was normal" }).getAttribute("aria-pressed"), "true");
    };
    await isJudged();
    // what is learnt is not told again
    await card("pump").getByRole("button", { name: "That was normal" }).dispatchEvent("click");
    await scene.page.reload();
    await isJudged();
    assert.equal((await logged("pump")).length, 1);
    await scene.sound("a judged incident");
    // the view of the stream has it, too
    await scene.open("#/stream/pump");
    const odd = scene.page.locator(".card", { hasText: "What is odd now" }).first();
    await odd.locator(".state.quiet").waitFor(WAIT);
    await odd.locator(".verdict", { hasText: "Called normal" }).waitFor(WAIT);
    // a verdict that is the other one takes the place of the first
    await odd.getByRole("button", { name: "That mattered" }).click();
    await odd.locator("li.incident.open .verdict", { hasText: "mattered: the daemon has learnt it" }).waitFor(WAIT);
    assert.deepEqual((await logged("pump")).map((said: any) => said.verdict), ["normal", "bad"]);
    await odd.locator(".state.quiet").waitFor({ state: "detached", ...WAIT });
    // and what was said stands in the log like an event
    await scene.open(`#/stream/pump/event/${began}`);
    await scene.page.locator("ol.context li", { hasText: `the incident of event ${began.toLocaleString("en")} was normal` }).waitFor(WAIT);
    await scene.page.locator("ol.context li", { hasText: `the incident of event ${began.toLocaleString("en")} mattered` }).waitFor(WAIT);
    await scene.sound("an event and what was said of it");
  });

  test("a verdict that the daemon refuses stays in this browser, and says why", TEST, async () => {
    // offsets of a stream that was put back mean other events
    await scene.daemon.checkpoint();
    const [{ generation }] = (await scene.daemon.ask("/api/v1/checkpoints?stream=other")).checkpoints.slice(-1);
    await scene.daemon.does("POST", `/api/v1/checkpoints/other/${generation}/restore`);
    await scene.open("#/now");
    await scene.unfold(card("other"));
    scene.quiet = true;
    await press("other", "That was normal");
    await card("other").locator(".verdict", { hasText: "Called normal in this browser alone; the daemon has not learnt it: the stream is incarnation 2 by now" }).waitFor(WAIT);
    assert.deepEqual(await logged("other"), []);
    await scene.page.reload();
    await scene.unfold(card("other"));
    await card("other").locator(".verdict", { hasText: "in this browser alone" }).waitFor(WAIT);
    // and one whose stream is no more
    await scene.daemon.does("POST", "/api/v1/streams/gone/delete");
    await scene.unfold(card("gone"));
    await press("gone", "That mattered");
    await card("gone").locator(".verdict", { hasText: "Called one that mattered in this browser alone" }).waitFor(WAIT);
    await scene.sound("verdicts that were refused");
    // until it is looked at anew, the page may still ask for what it knew of the stream that is gone
    await scene.page.reload();
    await scene.unfold(card("other"));
    await card("gone").waitFor({ state: "detached", ...WAIT });
    scene.quiet = false;
  });

  test("a verdict that did not arrive is not kept, and may be said again", TEST, async () => {
    await scene.learn({ later: spiked(EVENTS) });
    await scene.open("#/now");
    await scene.unfold(card("later"));
    scene.quiet = true;
    await scene.page.route("**/feedback", (route) => route.abort());
    await press("later", "That was normal");
    await card("later").locator(".verdict", { hasText: "Whether the daemon has learnt it is not known" }).waitFor(WAIT);
    assert.equal(await card("later").getByRole("button", { name: "That was normal" }).getAttribute("aria-pressed"), "false");
    await scene.page.unroute("**/feedback");
    scene.quiet = false;
    await press("later", "That was normal");
    await card("later").locator(".verdict", { hasText: "the daemon has learnt it, and" }).waitFor(WAIT);
    assert.deepEqual((await logged("later")).map((said: any) => said.verdict), ["normal"]);
    assert.deepEqual(scene.faults, []);
  });

  test("who may only read is told that a verdict was not learnt", TEST, async () => {
    const free = scene.daemon;
    scene.daemon = await Daemon.start(token("keeper", "all", ["ingest", "read", "operate"]) + token("looker", "eyes", ["read"]));
    scene.quiet = true;
    try {
      for (let at = 0, all = spiked(EVENTS); at < EVENTS; at += 500) await scene.daemon.post("watched", all.slice(at, at + 500), "all");
      await until("the incident", () => scene.daemon.ask("/api/v1/alarms", "all"), ({ alarms }) => alarms.length > 0);
      await scene.page.goto(`${scene.daemon.url}/#/now`);
      await scene.page.locator("dialog#token input").fill("eyes");
      await scene.page.getByRole("button", { name: "Use it" }).click();
      await card("watched").waitFor(WAIT);
      await press("watched", "That was normal");
      await card("watched").locator(".verdict", { hasText: 'in this browser alone; the daemon has not learnt it: the token "looker" does not have the role ingest' }).waitFor(WAIT);
      assert.deepEqual(await logged("watched", scene.daemon, "all"), []);
      await scene.page.goto("about:blank");
    } finally {
      await scene.daemon.end("SIGTERM");
      scene.daemon = free;
      scene.quiet = false;
    }
    assert.deepEqual(scene.faults.splice(0).filter((fault) => !fault.startsWith(`request to ${free.url}`)), []);
  });
}
