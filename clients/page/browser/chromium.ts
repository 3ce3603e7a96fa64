// Starts a headless Chromium that talks to nobody but the daemon of a test.

import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext } from "playwright-core";

const PROGRAMS = [process.env.CHROMIUM ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser of this machine, if it has one. */
export const program = (): string | undefined => PROGRAMS.find((path) => path !== "" && existsSync(path));

/** A browser of its own. With PAGE=FOLDER it shows the build in that folder instead of the one in the daemon. */
export async function browser(options: { dark?: boolean; phone?: boolean; scale?: number } = {}): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "chromium-")), {
    executablePath: program()!,
    headless: true,
    colorScheme: options.dark ? "dark" : "light",
    viewport: options.phone ? { width: 390, height: 844 } : { width: 1280, height: 860 },
    deviceScaleFactor: options.scale ?? 1,
    locale: "en-GB",
    timezoneId: "UTC",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  const folder = process.env.PAGE;
  if (folder) {
    await context.route(/\/page\.(js|css)$/, (route) => route.fulfill({ path: join(folder, new URL(route.request().url()).pathname) }));
    await context.route(/:\d+\/$/, async (route) => route.fulfill({ response: await route.fetch(), path: join(folder, "page.html") }));
  }
  return context;
}
