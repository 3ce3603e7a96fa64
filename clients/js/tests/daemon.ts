// A daemon in a process of its own, which tests kill and start again.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../src/index.js";

const PROGRAM = process.env.SURMISED ?? "../../target/release/surmised";

export class LiveDaemon {
  private child: ChildProcess | null = null;

  private constructor(private readonly config: string, readonly url: string, readonly client: Client) {}

  /** One at a free port, with a directory of its own, that is ready. */
  static async begin(): Promise<LiveDaemon> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const folder = mkdtempSync(join(tmpdir(), "surmised-"));
    const config = join(folder, "surmised.toml");
    writeFileSync(config, `[listen]\nhttp = "127.0.0.1:${port}"\ntcp = "off"\n[store]\ndir = "${join(folder, "data")}"\n[model]\nnetwork = "off"\n`);
    const url = `http://127.0.0.1:${port}`;
    const daemon = new LiveDaemon(config, url, new Client({ url, patienceMs: 0 }));
    await daemon.run();
    return daemon;
  }

  async run(): Promise<void> {
    this.child = spawn(PROGRAM, ["--config", this.config], { stdio: "ignore" });
    for (let i = 0; i < 600; i++) {
      if (await this.client.ready().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the daemon does not get ready");
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await ended(this.child!, signal);
  }
}

/** Sends a program a signal, and waits until it has left. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const left = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await left;
}
