// What every test of the page needs: a daemon of its own, a browser that looks at it, and what must never happen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import type { BrowserContext, Locator, Page } from "playwright-core";
import { browser } from "./chromium";
import { Daemon } from "./daemon";

export const WAIT = { timeout: 60_000 };
/** A test that waits in vain says what for: it has longer than what it waits for. */
export const TEST = { timeout: 120_000 };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Says that tests are skipped for want of a browser, which .ci/run installs. */
export function skip(what: string): void {
  if (process.env.CI) throw new Error("there is no Chromium, which .ci/run installs");
  test(what, { skip: "SKIPPED: there is no Chromium here (install Debian's chromium, or set CHROMIUM)" }, () => {});
}

export class Scene {
  daemon!: Daemon;
  page!: Page;
  private context: BrowserContext | null = null;
  /** What must never happen: an error in the console, a request to another host, a failed script. */
  readonly faults: string[] = [];
  /** Whether answers that are refusals are expected. */
  quiet = false;

  /** Starts a daemon, with more in its configuration, and a browser. */
  async start(more = ""): Promise<void> {
    this.daemon = await Daemon.start(more);
    this.context = await browser();
    this.page = this.context.pages()[0] ?? (await this.context.newPage());
    this.watch(this.page);
  }

  async end(): Promise<void> {
    await this.context?.close();
    await this.daemon?.end("SIGTERM");
  }

  async learn(streams: Record<string, unknown[]>): Promise<void> {
    for (const [stream, events] of Object.entries(streams)) {
      for (let at = 0; at < events.length; at += 500) await this.daemon.post(stream, events.slice(at, at + 500));
    }
  }

  watch(page: Page): void {
    const { faults } = this;
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => (faults.push(`dialog: ${dialog.message()}`), void dialog.dismiss()));
    page.on("console", (message) => {
      // what the browser itself says of an answer that is a refusal, or of a daemon that is away, is no fault
      if (message.type() === "error" && !(this.quiet && /Failed to load resource/.test(message.text()))) faults.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(this.daemon.url) && !request.url().startsWith("data:")) faults.push(`request to ${request.url()}`);
    });
  }

  /** Looks with another browser for a while, which is closed whatever happens. */
  async with(options: Parameters<typeof browser>[0], look: () => Promise<void>): Promise<void> {
    const own = this.page;
    const other = await browser(options);
    try {
      this.page = other.pages()[0] ?? (await other.newPage());
      this.watch(this.page);
      await look();
    } finally {
      this.page = own;
      await other.close();
    }
  }

  /** Shows a view, and waits until the feed is open. */
  async open(hash: string): Promise<void> {
    await this.page.goto(`${this.daemon.url}/${hash}`);
    await this.page.locator("#open.live").waitFor(WAIT);
  }

  /** Opens the cards that hold those of several streams, until so many of these are there as are asked for. */
  async unfold(cards: Locator, count: number | (() => Promise<number>) = 1): Promise<void> {
    await until("the incidents' cards", async () => {
      await this.openFolds();
      return [await cards.count(), typeof count === "number" ? count : await count()];
    }, ([known, asked]) => known === asked);
  }

  /** Opens the cards that hold those of several streams and are there by now. */
  async openFolds(): Promise<void> {
    for (const fold of await this.page.locator("li.fold details:not([open]) > summary").all()) await fold.click({ timeout: 1000 }).catch(() => {});
  }

  /** Makes sure that what is shown suits every reader, and that nothing happened that must not. */
  async sound(view: string): Promise<void> {
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => (window as any).axe.run(document, { resultTypes: ["violations"] }));
    const serious = found.violations.filter((v: any) => v.impact === "serious" || v.impact === "critical");
    assert.deepEqual(serious.map((v: any) => `${v.id}: ${v.nodes.map((n: any) => n.html.slice(0, 120)).join(" | ")}`), [], view);
    assert.deepEqual(this.faults, [], view);
  }
}

/** Asks again and again until an answer is as it should be; how long that takes is not the test's affair. */
export async function until<T>(what: string, ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + WAIT.timeout;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > end) throw new Error(`${what}: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
