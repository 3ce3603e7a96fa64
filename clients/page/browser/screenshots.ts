// Takes the pictures of the documentation: node build/browser/screenshots.mjs scene FOLDER
// Without the word scene from a daemon that learns: node build/browser/screenshots.mjs URL FOLDER
// Of a report: node build/browser/screenshots.mjs file:///…/report.html FOLDER

import { mkdirSync, writeFileSync } from "node:fs";
import { browser } from "./chromium";
import { pictured } from "./pictured";

const [from = "scene", folder = "pictures", format = "webp", only = ""] = process.argv.slice(2);
const own = from === "scene" ? await pictured() : null;
const quiet = own && (!only || only.includes("quiet")) ? await pictured(true) : null;
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
const { streams } = (await (await fetch(`${url}/api/v1/streams`)).json()) as { streams: { stream: string; offset: number; skill: number | null; recent_bits: number | null; schema: { fields: { kind: string }[] } }[] };
const worth = (row: { skill: number | null; recent_bits: number | null }) => (row.skill ?? 0) * (row.recent_bits ?? 0);
const replayed = [...streams].sort((a, b) => worth(b) - worth(a))[0];
/** The stream of numbers alone of which there was an incident last, or the first of them. */
const numbers = streams.filter((row) => row.schema.fields.every(({ kind }) => kind === "number" || kind === "gap")).map((row) => row.stream);
const number = list.alarms.find((a) => numbers.includes(a.stream))?.stream ?? numbers[0] ?? "";
const views: [string, string, string?][] = [
  ["now", "#/now"],
  ...(quiet ? [["quiet", "#/now", quiet.url] satisfies [string, string, string]] : []),
  ["streams", "#/streams"],
  ["stream", `#/stream/${stream}`],
  ["number", `#/stream/${number}`],
  ["event", `#/stream/${stream}/event/${odd?.oddest ?? 0}`],
  ["learner", `#/stream/${stream}/learner`],
  ["replays", `#/replays/${replayed?.stream ?? ""}`],
  ["system", "#/system"],
];
/** Views of which the pictures show all, and not the first screen alone. */
const LONG = ["now", "quiet", "stream", "number", "event", "learner", "replays", "system"];

/** Of what differs little from other views there are fewer pictures. */
const LOOKS_OF: Record<string, string[]> = { number: ["light"], quiet: ["light", "phone"] };

/** Waits until each stream has had events in so many minutes that there is a line of them to draw. */
async function lines(): Promise<void> {
  for (let left = 400; left > 0; left--) {
    const { streams } = (await (await fetch(`${url}/api/v1/streams?trend=1`)).json()) as { streams: { trend?: (number | null)[] }[] };
    if (streams.every(({ trend }) => (trend ?? []).filter((bits) => bits !== null).length >= 3)) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

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

if (own && (!only || only.includes("streams"))) await lines();

for (const [look, options] of Object.entries<{ dark?: boolean; phone?: boolean }>(LOOKS)) {
  const context = await browser(options);
  const page = context.pages()[0] ?? (await context.newPage());
  for (const [name, hash, where = url] of views) {
    if (only && !`${name}-${look}`.includes(only)) continue;
    if (LOOKS_OF[name] && !LOOKS_OF[name].includes(look)) continue;
    await page.goto(`${where}/${hash}`);
    await page.waitForTimeout(["stream", "number", "now"].includes(name) ? 6500 : 3000);
    const session = await context.newCDPSession(page);
    const size = page.viewportSize()!;
    if (LONG.includes(name)) {
      // no part is cut off; the bar of a phone lies below all
      const height = Math.max(size.height, await page.evaluate(() => document.documentElement.scrollHeight));
      await page.setViewportSize({ ...size, height });
      await page.waitForTimeout(1500);
    }
    const shot = await session.send("Page.captureScreenshot", { format: format as "webp", ...(format === "webp" ? { quality: LONG.includes(name) ? 45 : 70 } : {}) });
    await page.setViewportSize(size);
    writeFileSync(`${folder}/${name}-${look}.${format}`, Buffer.from(shot.data, "base64"));
  }
  await context.close();
}
await own?.end();
await quiet?.end();
