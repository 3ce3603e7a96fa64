// Names, keys and values that try to be more than text, as long as the daemon takes them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { program } from "./chromium";
import { Scene, skip, until, WAIT } from "./scene";

/** The most bytes of a name, a key or the name of a field, and of a value that is a symbol. */
const NAME_BYTES = 512;
const SYMBOL_BYTES = 4096;
const EVENTS = 2500;
const LONG = { timeout: 240_000 };

/** A text that is filled up to so many bytes. */
const filled = (text: string, bytes: number, by = "x"): string => {
  const room = bytes - Buffer.byteLength(text);
  return text + by.repeat(Math.floor(room / Buffer.byteLength(by))) + "x".repeat(room % Buffer.byteLength(by));
};

const NAMES = [
  "<img src=x onerror=hacked()>", "🦄-\u202Estream\u202C", "عربي עברית", "\"'&quot;&lt;script&gt;hacked()", "javascript:hacked()",
  filled("<svg onload=hacked()>", NAME_BYTES), filled("long-", NAME_BYTES, "🦄"), filled("\u202Eابج ", NAME_BYTES, "ش"),
];
const MARKUP = "</script><script>hacked()</script><img src=x onerror=hacked()><b onclick=hacked()>";
const FIELD = filled("<b onclick=hacked()>", NAME_BYTES);

if (!program()) skip("hostile names, keys and values");
else {
  const scene = new Scene();
  before(() => scene.start());
  after(() => scene.end());

  /** Nothing of it became markup, nothing ran, and the page is no wider than a window or a phone. */
  const harmless = async (view: string) => {
    assert.equal(await scene.page.locator("main img, main script, main b, main svg[onload], main [onclick], main [onerror], main a[href^='javascript']").count(), 0, view);
    for (const size of [{ width: 390, height: 844 }, { width: 1280, height: 860 }]) {
      await scene.page.setViewportSize(size);
      // charts take the width of their places a frame later
      const tooWide = () => scene.page.evaluate(() => {
        const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
        const beyond = (one: Element) => one.parentElement!.closest(".scroll") === null && one.getBoundingClientRect().right > innerWidth + 1;
        return wide <= 0 ? "" : `${wide} px: ${[...document.querySelectorAll("main *")].filter(beyond).map((one) => `${one.tagName}.${one.className}`).slice(0, 6).join(", ")}`;
      });
      await until(`${view} is too wide at ${size.width}`, tooWide, (wide) => wide === "");
    }
    assert.deepEqual(scene.faults, [], view);
  };
  /** Texts as they stand in the document. */
  const shows = async (text: string, view: string) => assert.ok((await scene.page.locator("main").textContent())!.includes(text), `${view} shows ${text}`);

  test("hostile names, keys and values are taken, begin incidents, and are harmless text in every view", LONG, async () => {
    await scene.page.addInitScript(() => ((window as any).hacked = () => console.error("hacked")));
    // of each name a stream with a key and a field at their limits; its last event but one is an incident
    const key = (name: string) => filled([...`${MARKUP}${name}`].slice(0, 120).join(""), NAME_BYTES, "ש");
    const odd = filled(`${MARKUP}\u202E`, SYMBOL_BYTES, "y");
    for (const name of NAMES) {
      const event = (i: number) => ({ key: key(name), data: { [FIELD]: i === EVENTS - 2 ? odd : `${MARKUP}${i % 2}` } });
      for (let at = 0; at < EVENTS; at += 500) await scene.daemon.post(name, Array.from({ length: 500 }, (_, i) => event(at + i)));
    }
    // one byte more is refused, so these are the limits
    for (const [name, event] of [[`${filled("", NAME_BYTES)}y`, { data: 1 }], ["limits", { key: filled("", NAME_BYTES + 1), data: 1 }], ["limits", { data: { [filled("", NAME_BYTES + 1)]: 1 } }], [NAMES[0]!, { key: "k", data: { [FIELD]: `${odd}y` } }]] as const) {
      await assert.rejects(scene.daemon.post(name, [event]), JSON.stringify(event).slice(0, 80));
    }
    const known = (await scene.daemon.ask("/api/v1/streams")).streams.map((s: any) => s.stream);
    assert.deepEqual(known.filter((name: string) => name !== "limits").sort(), [...NAMES].sort(), "all were taken");
    await until("incidents", () => scene.daemon.ask("/api/v1/alarms?limit=200"), ({ alarms }) => NAMES.every((name) => alarms.some((a: any) => a.stream === name && a.began === EVENTS - 2)));
    await scene.daemon.checkpoint();

    await scene.open("#/now");
    await scene.unfold(scene.page.locator("li.incident"), async () => (await scene.daemon.ask("/api/v1/alarms?limit=200")).alarms.length);
    for (const name of NAMES) await shows(name, "Now");
    await shows(MARKUP, "Now");
    await harmless("Now");
    // what a person may write of them is text, too
    const first = scene.page.locator("li.incident").first();
    await first.getByRole("button", { name: "Note" }).click();
    await scene.page.locator("textarea").fill(MARKUP);
    await scene.page.getByRole("button", { name: "Keep in this browser" }).click();
    await scene.page.locator(".note", { hasText: MARKUP }).waitFor(WAIT);
    await scene.sound("Now with hostile incidents");
    await harmless("a note");

    for (const name of NAMES) {
      const link = `#/stream/${encodeURIComponent(name)}`;
      await scene.open(link);
      await scene.page.locator(".columns h3", { hasText: FIELD }).first().waitFor(WAIT);
      await shows(MARKUP, link);
      await harmless(link);
      await scene.open(`${link}/event/${EVENTS - 2}`);
      await scene.page.locator("table.parts tbody tr").first().waitFor(WAIT);
      await scene.page.locator("ol.context li").nth(10).waitFor(WAIT);
      // the view of one event shows all of it
      await shows(odd, `${link}/event`);
      await harmless(`${link}/event`);
      await scene.open(`${link}/learner`);
      await scene.page.locator(".graph summary", { hasText: FIELD }).waitFor(WAIT);
      await harmless(`${link}/learner`);
    }
    await scene.sound("a learner of hostile names");

    await scene.open("#/streams");
    await scene.page.locator(".rows > .row").nth(NAMES.length - 1).waitFor(WAIT);
    for (const name of NAMES) await shows(name, "Streams");
    await harmless("Streams");
    await scene.sound("Streams of hostile names");
    await scene.open(`#/replays/${encodeURIComponent(NAMES[5]!)}`);
    await scene.page.getByRole("button", { name: "Its own course" }).click();
    await scene.page.locator(".replays li", { hasText: "done" }).waitFor(WAIT);
    await shows(NAMES[5]!.slice(0, 40), "Replays");
    await harmless("Replays");
    await scene.open("#/system");
    await scene.page.locator(".checkpoints li").nth(NAMES.length - 1).waitFor(WAIT);
    for (const name of NAMES) await shows([...name].slice(0, 40).join(""), "System");
    await harmless("System");
    await scene.sound("System with hostile names");
  });
}
