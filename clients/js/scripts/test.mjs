// Compiles the tests and runs them; the files are named one by one, as Node 18 knows no patterns.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

const run = (program, ...args) => {
  const { status } = spawnSync(program, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run(process.execPath, "node_modules/typescript/bin/tsc", "-p", "tsconfig.tests.json");
const files = readdirSync("build/tests").filter((name) => name.endsWith(".test.js"));
run(process.execPath, "--test", ...files.map((name) => `build/tests/${name}`));
