// The daemon itself: intake, queues, store, checkpoints, connections, limits and how near each of them is.

import type { CheckpointInfo, Health, SystemReport } from "surmise";
import { pause } from "surmise/pause";
import { daemon, words } from "./daemon";
import { clear, h, section } from "./dom";
import { Facts, type Fact } from "./facts";
import { ago, bytes, count, moment, num, percent, rate, span } from "./format";
import { meanSince, parseMetrics, sum, type Metrics } from "./metrics";
import { state } from "./state";

const LOOK_MS = 2000;
const CHECKPOINTS_SHOWN = 12;

export function system(root: HTMLElement, signal: AbortSignal): void {
  const problem = h("p", { class: "problem", role: "status" });
  const facts = new Facts();
  const limits = h("ul", { class: "limits" });
  const flow = h("div", {});
  const store = h("div", {});
  root.append(h("h1", {}, "System"), problem, facts.element,
    section("Limits", "Everything is bounded; beyond a bound a sender waits or is told.", limits),
    section("Intake", "What came in since the daemon started, and how long it takes.", flow),
    section("Store", "What is on the disk.", store));
  let before: Metrics | null = null;
  void (async () => {
    while (!signal.aborted) {
      if (!document.hidden) {
        try {
          const metrics = daemon.metrics({ signal }).then(parseMetrics, (): Metrics => new Map());
          const [health, answer, saved, now] = await Promise.all([daemon.health({ signal }), daemon.system({ signal }), daemon.checkpoints({ signal }), metrics]);
          facts.draw(head(health, answer, now));
          clear(limits, ...answer.limits.map(limitElement));
          clear(flow, intake(now, before));
          clear(store, ...stored(answer, saved.checkpoints, now));
          problem.textContent = health.detail ?? "";
          before = now;
        } catch (error) {
          if (signal.aborted) return;
          problem.textContent = words(error);
        }
      }
      await pause(LOOK_MS, signal);
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

function head(health: Health, answer: SystemReport, now: Metrics): Fact[] {
  const per = [...state.rows.values()].reduce((total, row) => total + row.events_per_second, 0);
  return [
    ["State", health.status],
    ["Version", health.server],
    ["Up", span(health.uptime_seconds)],
    ["Streams", count(state.rows.size)],
    ["Events/s", rate(per)],
    ["Event connections", count(sum(now, "surmise_connections"))],
    ["Threads that learn", count(answer.owners), "Each stream is learnt by one of them."],
    ["Newest checkpoint", answer.checkpoint_age_seconds === null ? "none yet" : `${span(answer.checkpoint_age_seconds)} ago`],
  ];
}

const millis = (seconds: number | null): string => (seconds === null ? "–" : `${num(seconds * 1000)} ms`);

function intake(now: Metrics, before: Metrics | null): HTMLElement {
  const line = (what: string, ...values: string[]) => h("tr", {}, h("th", { scope: "row" }, what), ...values.map((v) => h("td", {}, v)));
  const by = (name: string, label: string) => (now.get(name) ?? []).filter((s) => s.value > 0).map((s) => `${s.labels[label] ?? ""} ${count(s.value)}`.trim()).join(", ") || "none";
  return h("table", { class: "wide" }, h("tbody", {},
    line("Events received", by("surmise_events_received_total", "listener")),
    line("Events refused", by("surmise_events_rejected_total", "reason")),
    line("Sent before", count(sum(now, "surmise_events_duplicate_total"))),
    line("Late", count(sum(now, "surmise_events_late_total"))),
    line("Event connections", by("surmise_connections", "listener")),
    line("Waiting in the inbox", count(sum(now, "surmise_queue_events", { stage: "inbox" }))),
    line("Waiting gradient jobs", count(sum(now, "surmise_gradient_jobs_queued"))),
    line("Learning a batch", millis(meanSince(now, before, "surmise_learn_duration_seconds"))),
    line("Answering a question", millis(meanSince(now, before, "surmise_predict_duration_seconds"))),
    line("Making events durable", millis(meanSince(now, before, "surmise_commit_duration_seconds")))));
}

function stored(answer: SystemReport, checkpoints: CheckpointInfo[], now: Metrics): HTMLElement[] {
  const newest = [...checkpoints].sort((a, b) => (a.time < b.time ? 1 : -1));
  const total = checkpoints.reduce((a, c) => a + c.bytes, 0);
  const head = h("tr", {}, ...["Stream", "Generation", "At event", "Size", "Made", ""].map((t) => h("th", { scope: "col" }, t)));
  const rows = newest.slice(0, CHECKPOINTS_SHOWN).map((c) => h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, c.stream)), h("td", {}, count(c.generation)), h("td", {}, count(c.offset)), h("td", {}, bytes(c.bytes)), h("td", { title: moment(c.time) }, ago(c.time)), h("td", {}, [c.label, c.pinned ? "pinned" : ""].filter(Boolean).join(", "))));
  const more = checkpoints.length > CHECKPOINTS_SHOWN ? `, the newest ${CHECKPOINTS_SHOWN} shown` : "";
  return [
    h("dl", { class: "facts" }, ...answer.databases.map((d) => h("div", {}, h("dt", {}, d.name), h("dd", {}, bytes(d.bytes)))),
      h("div", {}, h("dt", {}, "Checkpoints waiting"), h("dd", {}, count(answer.checkpoints_pending))),
      h("div", {}, h("dt", {}, "Keys in memory"), h("dd", {}, count(sum(now, "surmise_keys", { place: "memory" })))),
      h("div", {}, h("dt", {}, "Keys in the store"), h("dd", {}, count(sum(now, "surmise_keys", { place: "store" }))))),
    h("h3", {}, `Checkpoints: ${count(checkpoints.length)} of ${bytes(total)}${more}`),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Checkpoints, scrollable" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows))),
  ];
}
