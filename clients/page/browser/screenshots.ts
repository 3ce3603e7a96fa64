// Takes the pictures of the documentation: node build/browser/screenshots.mjs scene FOLDER
// Without the word scene from a daemon that learns: node build/browser/screenshots.mjs URL FOLDER
// Of a report: node build/browser/screenshots.mjs file:///…/report.html FOLDER

import { mkdirSync, writeFileSync } from "node:fs";
import { browser } from "./chromium";
import { pictured } from "./pictured";

const [from = "scene", folder = "pictures", format = "webp", only = ""] = process.argv.slice(2);
const own = from === "scene" ? await pictured() : null;
const url = own?.url ?? from;
mkdirSync(folder, { recursive: true });

const LOOKS = { light: {}, dark: { dark: true }, phone: { phone: true }, "phone-dark": { phone: true, dark: true } };
if (url.startsWith("file:")) {
  for (const [look, options] of Object.entries<{ dark?: boolean; phone?: boolean }>(LOOKS)) {
    const context = await browser(options);
    const page = context.pages()[0] ?? (await context.newPage());
    await page.setViewportSize(options.phone ? { width: 390, height: 1500 } : { width: 1080, height: 1100 });
    await page.goto(url);
    const session = await context.newCDPSession(page);
    const shot = await session.send("Page.captureScreenshot", { format: "webp", quality: 75 });
    writeFileSync(`${folder}/report-${look}.webp`, Buffer.from(shot.data, "base64"));
    await context.close();
  }
  process.exit(0);
}

const list = (await (await fetch(`${url}/api/v1/alarms?limit=50`)).json()) as { alarms: { stream: string; began: number; oddest: number; event: unknown; rarity_events: number }[] };
const odd = list.alarms.filter((a) => a.event !== null).sort((a, b) => b.rarity_events - a.rarity_events)[0];
const stream = odd?.stream ?? "";
/** The stream of which most can be learnt, in bits of an event, shows what replays tell. */
const { streams } = (await (await fetch(`${url}/api/v1/streams`)).json()) as { streams: { stream: string; offset: number; skill: number | null; recent_bits: number | null }[] };
const worth = (row: { skill: number | null; recent_bits: number | null }) => (row.skill ?? 0) * (row.recent_bits ?? 0);
const replayed = [...streams].sort((a, b) => worth(b) - worth(a))[0];
const views: [string, string][] = [
  ["now", "#/now"],
  ["streams", "#/streams"],
  ["stream", `#/stream/${stream}`],
  ["event", `#/stream/${stream}/event/${odd?.oddest ?? 0}`],
  ["learner", `#/stream/${stream}/learner`],
  ["replays", `#/replays/${replayed?.stream ?? ""}`],
  ["system", "#/system"],
];
/** Views of which the pictures show more than the first screen. */
const LONG = ["stream", "replays", "system"];

/** Replays to show side by side: the stream's own course, and what a learner makes of its second half that begins there. */
async function replay(): Promise<void> {
  const ask = (body: object) => fetch(`${url}/api/v1/replays`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const { stream, offset } = replayed!;
  const from = Math.floor(offset / 2);
  for (const what of [{ begin: "live" }, { name: "knew nothing there" }, { name: "nor has a network", settings: { network: "off" } }]) {
    const answer = await ask({ stream, from, to: offset, ...what });
    if (!answer.ok) throw new Error(`no replay: ${await answer.text()}`);
  }
  for (;;) {
    const { replays } = (await (await fetch(`${url}/api/v1/replays`)).json()) as { replays: { state: string }[] };
    if (replays.every(({ state }) => state !== "waiting" && state !== "running")) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
if (replayed && (!only || "replays".includes(only.split("-")[0]!))) await replay();

for (const [look, options] of Object.entries<{ dark?: boolean; phone?: boolean }>(LOOKS)) {
  const context = await browser(options);
  const page = context.pages()[0] ?? (await context.newPage());
  for (const [name, hash] of views) {
    if (only && !`${name}-${look}`.includes(only)) continue;
    await page.goto(`${url}/${hash}`);
    await page.waitForTimeout(name === "stream" || name === "now" ? 4500 : 2500);
    const session = await context.newCDPSession(page);
    const size = page.viewportSize()!;
    if (LONG.includes(name)) {
      const height = Math.min(options.phone ? 2000 : 1700, await page.evaluate(() => document.documentElement.scrollHeight));
      await page.setViewportSize({ ...size, height });
      await page.waitForTimeout(1500);
    }
    const shot = await session.send("Page.captureScreenshot", { format: format as "webp", ...(format === "webp" ? { quality: 75 } : {}) });
    await page.setViewportSize(size);
    writeFileSync(`${folder}/${name}-${look}.${format}`, Buffer.from(shot.data, "base64"));
  }
  await context.close();
}
await own?.end();
