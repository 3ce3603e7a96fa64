// The daemon itself: intake, queues, store, checkpoints, connections, limits and how near each of them is.

import type { Health, SystemReport } from "surmise";
import { pause } from "surmise/pause";
import { Checkpoints } from "./checkpoints";
import { daemon, words } from "./daemon";
import { clear, h, section } from "./dom";
import { Facts, type Fact } from "./facts";
import { brief, bytes, count, percent, rate, span } from "./format";
import { meanSince, readMetrics, sum, type Metrics } from "./metrics";
import { state } from "./state";

const LOOK_MS = 2000;

export function system(root: HTMLElement, signal: AbortSignal): void {
  const problem = h("p", { class: "problem", role: "status" });
  const facts = new Facts();
  const limits = h("ul", { class: "limits" });
  const flow = h("div", {});
  const store = new Facts();
  let again = new AbortController();
  const checkpoints = new Checkpoints(() => again.abort());
  root.append(h("h1", {}, "System"), problem, facts.element,
    section("Limits", "Everything is bounded; beyond a bound a sender waits or is told.", limits),
    section("Intake", "What came in since the daemon started, and how long it takes.", flow),
    section("Store", "What is on the disk.", store.element),
    section("Checkpoints", "What streams knew at a moment, on the disk. One is made by itself now and then, and the oldest that is not pinned goes.", checkpoints.element));
  let before: Metrics | null = null;
  void (async () => {
    while (!signal.aborted) {
      again = new AbortController();
      if (!document.hidden) {
        try {
          const [health, answer, saved, now] = await Promise.all([daemon.health({ signal }), daemon.system({ signal }), daemon.checkpoints({ signal }), readMetrics(signal)]);
          facts.draw(head(health, answer, now));
          clear(limits, ...answer.limits.map(limitElement));
          clear(flow, intake(now, before));
          store.draw(stored(answer, now));
          checkpoints.draw(saved.checkpoints);
          problem.textContent = health.detail ?? "";
          before = now;
        } catch (error) {
          if (signal.aborted) return;
          problem.textContent = words(error);
        }
      }
      await pause(LOOK_MS, AbortSignal.any([signal, again.signal]));
    }
  })();
}

const amount = (x: number, unit: string): string => (unit === "bytes" ? bytes(x) : count(x));

function limitElement(limit: SystemReport["limits"][number]): HTMLElement {
  const part = limit.limit > 0 ? limit.used / limit.limit : 0;
  const fill = h("span", { class: "fill" });
  fill.style.width = `${Math.min(1, part) * 100}%`;
  return h("li", { class: part > 0.9 ? "near" : part > 0.7 ? "warm" : "" },
    h("span", { class: "what" }, limit.about), h("code", {}, limit.key),
    h("span", { class: "figure" }, `${amount(limit.used, limit.unit)} of ${amount(limit.limit, limit.unit)}`),
    h("span", { class: "meter", role: "img", "aria-label": `${percent(part)} used` }, fill));
}

function head(health: Health, answer: SystemReport, now: Metrics | null): Fact[] {
  const per = [...state.rows.values()].reduce((total, row) => total + row.events_per_second, 0);
  return [
    ["State", health.status],
    ["Version", health.server],
    ["Up", span(health.uptime_seconds)],
    ["Streams", count(state.rows.size)],
    ["Events/s", rate(per)],
    ["Connections", count(sum(now, "surmise_connections"))],
    ["Threads that learn", count(answer.owners), "Each stream is learnt by one of them."],
    ["Newest checkpoint", answer.checkpoint_age_seconds === null ? "none yet" : `${span(answer.checkpoint_age_seconds)} ago`],
  ];
}

function intake(now: Metrics | null, before: Metrics | null): HTMLElement {
  const line = (what: string, ...values: string[]) => h("tr", {}, h("th", { scope: "row" }, what), ...values.map((v) => h("td", {}, v)));
  // samples of several groups of streams are one figure here
  const by = (name: string, label: string) => {
    if (now === null) return "–";
    const totals = new Map<string, number>();
    for (const { labels, value } of now.get(name) ?? []) totals.set(labels[label] ?? "", (totals.get(labels[label] ?? "") ?? 0) + value);
    const told = [...totals].filter(([, n]) => n > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    return told.map(([value, n]) => `${value} ${count(n)}`.trim()).join(", ") || "none";
  };
  const mean = (name: string) => {
    const seconds = now && meanSince(now, before, name);
    return seconds === null ? "–" : brief(seconds);
  };
  return h("table", { class: "wide" }, h("tbody", {},
    line("Events received", by("surmise_events_received_total", "listener")),
    line("Events refused", by("surmise_events_rejected_total", "reason")),
    line("Sent a second time, and taken once", count(sum(now, "surmise_events_duplicate_total"))),
    line("Came late", count(sum(now, "surmise_events_late_total"))),
    line("Connections", by("surmise_connections", "listener")),
    line("Wait to be learnt", count(sum(now, "surmise_queue_events", { stage: "inbox" }))),
    line("Learnt, but not safe on the disk yet", count(sum(now, "surmise_queue_events", { stage: "commit" }))),
    line("Corrections of networks that wait", count(sum(now, "surmise_gradient_jobs_queued"))),
    line("Time per event, all streams", mean("surmise_learn_duration_seconds")),
    line("Time per answer, all streams", mean("surmise_predict_duration_seconds")),
    line("Time to make events safe on the disk", mean("surmise_commit_duration_seconds"))));
}

function stored(answer: SystemReport, now: Metrics | null): Fact[] {
  return [
    ...answer.databases.map((d): Fact => [d.name, bytes(d.bytes)]),
    ["Checkpoints waiting", count(answer.checkpoints_pending)],
    ["Keys in memory", count(sum(now, "surmise_keys", { place: "memory" }))],
    ["Keys in the store", count(sum(now, "surmise_keys", { place: "store" }))],
  ];
}
