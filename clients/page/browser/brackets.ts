// Whether a page shows what the daemon tells while that moves: each figure has to lie between two readings that follow
// one another.

/** A figure as it is shown and as it is told; numbers have the unit that the text has. */
export type Told = Record<string, number | string | null>;
export type Shown = Record<string, string | null>;

const UNITS: Record<string, number> = { "%": 0.01, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, "µs": 1e-6, ms: 1e-3 };

/** The number that a text begins with, and half of what its last digit is worth; none if it does not begin with one. */
export function read(text: string): { value: number; half: number } | null {
  const found = /^[≤+]?\s*([−-]?[\d,]+(?:\.\d+)?(?:e[−-]?\d+)?)\s*(\S*)/.exec(text.trim());
  if (!found) return null;
  const digits = found[1]!.replaceAll(",", "").replaceAll("−", "-");
  const [mantissa = "", power = "0"] = digits.split("e");
  const unit = UNITS[found[2]!] ?? 1;
  const places = mantissa.split(".")[1]?.length ?? 0;
  return { value: Number(digits) * unit, half: 0.5 * 10 ** (Number(power) - places) * unit };
}

/** Whether what is shown is what was told at some moment of a reading. */
export function isBetween(text: string | null, before: number | string | null, after: number | string | null): boolean {
  if (text === null) return false;
  const shown = read(text);
  if (typeof before !== "number" || typeof after !== "number" || shown === null) {
    // what is no number is one of the two, and none is a dash
    return [before, after].some((told) => (told === null ? text === "–" : String(told) === text));
  }
  const room = shown.half + 1e-9 + 1e-9 * Math.abs(shown.value);
  return shown.value >= Math.min(before, after) - room && shown.value <= Math.max(before, after) + room;
}

/** Readings that a look may lie between: a page is behind by what it asks for and draws meanwhile, and not by more. */
const READINGS_KEPT = 60;

/**
 * Looks and asks in turn until every figure has been shown as it was told: between two of the latest readings that
 * follow one another. Those that never were are told when time is over.
 */
export async function agree(view: string, look: () => Promise<Shown>, tell: () => Promise<Told>, waitMs: number): Promise<void> {
  const end = Date.now() + waitMs;
  const readings = [await tell()];
  const open = new Set(Object.keys(readings[0]!));
  if (open.size === 0) throw new Error(`${view}: nothing is told`);
  for (;;) {
    const shown = await look();
    readings.push(await tell());
    if (readings.length > READINGS_KEPT) readings.shift();
    for (const key of open) {
      if (readings.some((before, i) => i + 1 < readings.length && isBetween(shown[key] ?? null, before[key]!, readings[i + 1]![key]!))) open.delete(key);
    }
    if (open.size === 0) return;
    if (Date.now() > end) throw new Error(`${view}: ${[...open].map((key) => `${key} is shown as ${shown[key]} and told as ${readings.slice(-3).map((told) => told[key]).join(", ")}`).join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
