// Removes what was built, so that nothing of a source that is gone is packed.
import { rmSync } from "node:fs";

for (const folder of ["dist", "build"]) rmSync(folder, { recursive: true, force: true });
