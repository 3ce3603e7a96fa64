// A daemon of a test, and streams of every kind that it learns.

import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = process.env.SURMISED ?? "../../target/release/surmised";

export class Daemon {
  private child: ChildProcess | null = null;
  private constructor(readonly url: string, private readonly tcp: number, private readonly config: string) {}

  /** A daemon with a folder of its own; `more` is added to its configuration. */
  static async start(more = "", { network = "small", budget = "1/2000" } = {}): Promise<Daemon> {
    const folder = mkdtempSync(join(tmpdir(), "surmised-"));
    const [port, tcp] = [await freePort(), await freePort()];
    const config = join(folder, "surmised.toml");
    writeFileSync(config, `[listen]\nhttp = "127.0.0.1:${port}"\ntcp = "127.0.0.1:${tcp}"\n[store]\ndir = "${join(folder, "data")}"\n[model]\nnetwork = "${network}"\nmemory_mib = 16\n[alarm]\nbudget = "${budget}"\n${more}`);
    const daemon = new Daemon(`http://127.0.0.1:${port}`, tcp, config);
    await daemon.run();
    return daemon;
  }

  async run(): Promise<void> {
    this.child = spawn(PROGRAM, ["--config", this.config], { stdio: "ignore" });
    for (let i = 0; i < 600; i++) {
      const ready = await fetch(`${this.url}/-/ready`).then((answer) => answer.ok, () => false);
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("the daemon does not get ready");
  }

  /** Ends the daemon; killed, it loses nothing that it acknowledged. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
    this.child = null;
  }

  /** Seconds that the daemon has had of processors. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.child!.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  async post(stream: string, events: unknown[], token = ""): Promise<void> {
    const body = events.map((event) => JSON.stringify(event)).join("\n");
    const answer = await fetch(`${this.url}/api/v1/streams/${encodeURIComponent(stream)}/events`, { method: "POST", body, headers: { "Content-Type": "application/x-ndjson", ...(token ? { Authorization: `Bearer ${token}` } : {}) } });
    const said = (await answer.json()) as { accepted: number };
    if (!answer.ok || said.accepted !== events.length) throw new Error(`${stream}: ${JSON.stringify(said).slice(0, 300)}`);
  }

  /** A connection that takes a line for each event, which names its stream. */
  async socket(): Promise<Socket> {
    const socket = connect(this.tcp, "127.0.0.1");
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return socket.resume();
  }

  /** Has something done that changes a stream or the daemon. */
  async does(method: string, path: string): Promise<any> {
    const answer = await fetch(this.url + path, { method, headers: { "Content-Type": "application/json" } });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Has a checkpoint of every stream made; what is in it outlives a kill. */
  async checkpoint(): Promise<void> {
    await this.does("POST", "/api/v1/checkpoints");
  }

  /** Asks a question; one for which there is no time now is asked again. */
  async ask<T = any>(path: string, token = ""): Promise<T> {
    for (;;) {
      const answer = await fetch(this.url + path, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
      if (answer.ok) return (await answer.json()) as T;
      const said = `${path}: ${answer.status} ${await answer.text()}`;
      if (answer.status !== 429) throw new Error(said);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** Numbers that look random and are always the same. */
export function chance(seed: number): () => number {
  let x = seed >>> 0;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}

/** Numbers that scatter, and last one that none of them explains. They have no times, so none is ever overdue. */
export function spiked(count: number): unknown[] {
  const next = chance(5);
  return Array.from({ length: count }, (_, i) => ({ data: i === count - 1 ? 5000 : Math.round(100 + 100 * next()) }));
}

/** Numbers that scatter about one level, and for the last third about another; without times. */
export function moved(count: number): unknown[] {
  const next = chance(9);
  return Array.from({ length: count }, (_, i) => ({ data: Math.round((i < (2 * count) / 3 ? 20 : 60) * 100 + 200 * next()) / 100 }));
}

/** The part of a configuration that gives a token its roles. */
export const token = (name: string, secret: string, roles: string[]): string =>
  `[[auth.tokens]]\nname = "${name}"\nhash = "sha256:${createHash("sha256").update(secret).digest("hex")}"\nroles = ${JSON.stringify(roles)}\n`;

const PAGES = ["/home", "/search", "/item", "/cart", "/pay"];

/** What a daemon has to be told of streams of which the events do not tell the kind. */
export const DECLARED = `[streams.notes]\nfields = [{ name = "value", kind = "text" }]\n[streams.wire]\nfields = [{ name = "value", kind = "byte" }]\n`;

/** Makes the events of a stream of each kind, one after another; the event at `odd` is odd. */
export function makers(odd = -1): Record<string, (i: number) => Record<string, unknown>> {
  const next = chance(7);
  const round = (x: number) => Math.round(x * 100) / 100;
  const pick = <T>(from: T[]): T => from[Math.floor(next() * from.length)]!;
  return {
    "shop-clicks": (i) => ({ key: `user-${i % 4}`, data: { page: i === odd ? "/admin/export.php" : PAGES[Math.floor(i / 4) % 5], ms: Math.round(40 + 20 * next()) } }),
    "plant.boiler-7": (i) => ({ data: i === odd ? 240.5 : round(70 + 8 * Math.sin(i / 25) + next()) }),
    "log-api": (i) => ({ data: i === odd ? "kernel: out of memory: killed process 4242 (postgres)" : [`GET /api/item/${Math.floor(next() * 999)} 200 ${Math.floor(next() * 90)}ms`, `worker ${Math.floor(next() * 4)} took job ${Math.floor(next() * 9999)}`, `cache hit ratio ${next().toFixed(2)}`][i % 3] }),
    "host-db1": (i) => ({ data: { cpu: Math.round(300 + 100 * Math.sin(i / 30) + 10 * next()) / 10, mem: i === odd ? 97.5 : Math.round(500 + next()) / 10, state: i % 4 === 3 ? "busy" : "ok" } }),
    "door-east": (i) => ({ data: ["open", "close"][i % 2] }),
    notes: (i) => ({ data: i === odd ? "the parrot sang in Portuguese" : `the ${pick(["cat", "dog", "cow"])} ${pick(["sat", "lay", "ate"])} on the ${pick(["mat", "hill"])}` }),
    wire: () => ({ data: `PING ${Math.floor(next() * 10)} OK\n` }),
    arm: (i) => ({ data: [round(10 * Math.sin(i / 20) + next()), i === odd ? 77.75 : round(50 + next()), i % 10] }),
  };
}

/** Events of every kind of stream, a second apart up to now; the last but twenty of each is odd. */
export function kinds(count: number): Record<string, unknown[]> {
  const start = Date.now() / 1000 - count;
  return Object.fromEntries(Object.entries(makers(count - 20)).map(([stream, make]) => [stream, Array.from({ length: count }, (_, i) => ({ time: start + i, ...make(i) }))]));
}
