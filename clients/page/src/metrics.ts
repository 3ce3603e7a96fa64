// Reads the metrics of the daemon, in Prometheus' text format. Where they cannot be read, nothing is known of them:
// that is none, and not zero.

import { daemon } from "./daemon";

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type Metrics = Map<string, Sample[]>;

export function parseMetrics(text: string): Metrics {
  const metrics: Metrics = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!found) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name!] = value!.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
    }
    const list = metrics.get(found[1]!) ?? [];
    list.push({ labels, value: Number(found[3]) });
    metrics.set(found[1]!, list);
  }
  return metrics;
}

/** The metrics as they are now; none if they cannot be read. */
export const readMetrics = (signal: AbortSignal): Promise<Metrics | null> => daemon.metrics({ signal }).then(parseMetrics, () => null);

/** The sum of a metric over the samples with some labels: 0 without any. */
export function sum(metrics: Metrics, name: string, labels?: Record<string, string>): number;
export function sum(metrics: Metrics | null, name: string, labels?: Record<string, string>): number | null;
export function sum(metrics: Metrics | null, name: string, labels: Record<string, string> = {}): number | null {
  if (metrics === null) return null;
  return (metrics.get(name) ?? []).filter((s) => Object.entries(labels).every(([k, v]) => s.labels[k] === v)).reduce((a, s) => a + s.value, 0);
}

/** The mean of a histogram since an earlier reading, in its own unit; none without observations in between. */
export function meanSince(now: Metrics, before: Metrics | null, name: string): number | null {
  const count = sum(now, `${name}_count`) - (before ? sum(before, `${name}_count`) : 0);
  const total = sum(now, `${name}_sum`) - (before ? sum(before, `${name}_sum`) : 0);
  return count > 0 ? total / count : null;
}
