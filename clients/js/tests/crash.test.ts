// Programs that send are killed while they do, and the daemon with them.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { ended, LiveDaemon } from "./daemon.js";

const EVENTS = 100_000;
let daemon: LiveDaemon;

before(async () => {
  daemon = await LiveDaemon.begin();
});
let sender: ChildProcess;
after(async () => {
  await ended(sender, "SIGKILL");
  await daemon.end("SIGTERM");
});

function send(stream: string): ChildProcess {
  const program = fileURLToPath(new URL("sender.js", import.meta.url));
  return spawn(process.execPath, [program, daemon.url, stream], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Waits until so many events are durable, while the sender sends. */
async function reached(stream: string, sender: ChildProcess, count: number): Promise<void> {
  const offset = async () => (await daemon.client.status(stream).catch(() => null))?.committed_offset ?? 0;
  while ((await offset()) < count) {
    assert.equal(sender.exitCode, null, "the sender has left before all was durable");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(sender.exitCode, null, "it sends when it is killed");
}

/** Waits until a sender has left by itself, when all that it sent is durable. */
async function finished(sender: ChildProcess): Promise<void> {
  if (sender.exitCode === null) await once(sender, "exit");
  assert.equal(sender.exitCode, 0);
}

test("100,000 events are learnt once each while their sender and the daemon are killed", { timeout: 300_000 }, async () => {
  sender = send("killed");
  for (const [part, killed] of (["daemon", "sender", "both", "daemon"] as const).entries()) {
    await reached("killed", sender, ((part + 1) * EVENTS) / 8);
    if (killed !== "daemon") await ended(sender, "SIGKILL");
    if (killed !== "sender") {
      await daemon.end("SIGKILL");
      await daemon.run();
    }
    if (killed !== "daemon") sender = send("killed");
  }
  await finished(sender);
  // what nothing disturbs is the same
  await finished(send("calm"));
  const [found, calm] = [await daemon.client.hash("killed"), await daemon.client.hash("calm")];
  assert.deepEqual([found.offset, found.state_hash], [EVENTS, calm.state_hash]);
  assert.equal(calm.offset, EVENTS);
});
