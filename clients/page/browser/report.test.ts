// A report of a replay in a real browser: it shows what hostile events contain, asks for nothing, and suits every reader.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browser, program } from "./chromium";

const SURMISE = join(process.env.SURMISED ?? "../../target/release/surmised", "..", "surmise");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

function report(): string {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  const lines = Array.from({ length: 1500 }, (_, i) => `10.0.0.${(i * 7919) % 200} GET /${["", "cart"][i % 2]} ${i >= 1000 && i < 1020 ? 502 : 200}`);
  lines[700] = `<script>alert(1)</script><img src="http://evil.example/x" onerror="alert(2)"><style>body{display:none}</style>`;
  lines[900] = `${"x".repeat(3000)} \u202egnp.exe \u001b[31m`;
  const log = join(folder, "access.log");
  writeFileSync(log, lines.join("\n") + "\n");
  const page = join(folder, "report.html");
  execFileSync(SURMISE, ["replay", log, "--report", page, "--compare", "network=off"], { stdio: "ignore" });
  return `file://${page}`;
}

if (!program()) {
  if (process.env.CI) throw new Error("there is no Chromium, although CI is set");
  test("a report in a browser", { skip: "SKIPPED: there is no Chromium here (install Debian's chromium, or set CHROMIUM)" }, () => {});
} else {
  const url = report();
  for (const options of [{}, { dark: true }, { phone: true }, { phone: true, dark: true }]) {
    test(`a report is sound and quiet: ${JSON.stringify(options)}`, async () => {
      const context = await browser(options);
      const page = context.pages()[0] ?? (await context.newPage());
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("dialog", (dialog) => (faults.push(dialog.message()), void dialog.dismiss()));
      page.on("console", (message) => faults.push(message.text()));
      page.on("request", (request) => request.url() !== url && faults.push(`request to ${request.url()}`));
      await page.goto(url);
      assert.ok((await page.locator("svg.plot:visible").count()) >= 5);
      assert.ok((await page.locator("mark", { hasText: "502" }).count()) >= 1, "the odd part is marked");
      assert.ok(await page.getByText("<script>alert(1)</script>").first().isVisible(), "what an event contains is shown as text");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, "the page is as wide as the window");
      const small = await page.evaluate(() => {
        const drawn = [...document.querySelectorAll<SVGTextElement>("svg.plot text")].filter((text) => text.getClientRects().length > 0);
        return Math.min(...drawn.map((text) => 12 * (text.ownerSVGElement!.getScreenCTM()?.a ?? 1)));
      });
      assert.ok(small >= 9, `letters of figures have ${small} pixels`);
      assert.deepEqual(faults, []);
      // the policy of the page lets no script of its own run, so axe is added by the browser itself
      await page.evaluate(axe);
      const found = await page.evaluate(() => (window as any).axe.run(document, { resultTypes: ["violations"] }));
      const serious = found.violations.filter((v: any) => v.impact === "serious" || v.impact === "critical");
      assert.deepEqual(serious.map((v: any) => `${v.id}: ${v.nodes.map((n: any) => n.html.slice(0, 160)).join(" | ")}`), []);
      await context.close();
    });
  }
}
