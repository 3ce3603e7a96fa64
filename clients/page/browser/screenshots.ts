// Takes the pictures of the documentation from a daemon that learns: node build/browser/screenshots.mjs URL FOLDER
// Of a report: node build/browser/screenshots.mjs file:///…/report.html FOLDER

import { mkdirSync, writeFileSync } from "node:fs";
import { browser } from "./chromium";

const [url = "http://127.0.0.1:7070", folder = "../../docs/page", format = "webp", only = ""] = process.argv.slice(2);
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

const list = (await (await fetch(`${url}/api/v1/alarms?limit=50`)).json()) as { alarms: { stream: string; began: number; event: unknown; rarity_events: number }[] };
const odd = list.alarms.filter((a) => a.event !== null).sort((a, b) => b.rarity_events - a.rarity_events)[0];
const stream = odd?.stream ?? "";
const views: [string, string][] = [
  ["now", "#/now"],
  ["streams", "#/streams"],
  ["stream", `#/stream/${stream}`],
  ["event", `#/stream/${stream}/event/${odd?.began ?? 0}`],
  ["learner", `#/stream/${stream}/learner`],
  ["system", "#/system"],
];

for (const [look, options] of Object.entries<{ dark?: boolean; phone?: boolean }>(LOOKS)) {
  const context = await browser(options);
  const page = context.pages()[0] ?? (await context.newPage());
  for (const [name, hash] of views) {
    if (only && !`${name}-${look}`.includes(only)) continue;
    await page.goto(`${url}/${hash}`);
    await page.waitForTimeout(name === "stream" || name === "now" ? 4500 : 2500);
    const session = await context.newCDPSession(page);
    const size = page.viewportSize()!;
    if (name === "stream") {
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
