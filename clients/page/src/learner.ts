// The learner of a stream as a graph, drawn from the code's own description of itself.

import type { LearnerDescription, StatusAnswer, SystemReport } from "surmise";
import { pause } from "surmise/pause";
import { daemon, words } from "./daemon";
import { bar, bars } from "./bars";
import { clear, h, section } from "./dom";
import { shorten } from "./eventtext";
import { Facts, MEANS, type Fact } from "./facts";
import { lanes } from "./flow";
import { brief, count, num, percent, rate } from "./format";
import { meanSince, readMetrics, sum, type Metrics } from "./metrics";
import { state } from "./state";

const LOOK_MS = 3000;

export function learner(root: HTMLElement, signal: AbortSignal, name: string): void {
  const link = `#/stream/${encodeURIComponent(name)}`;
  const problem = h("p", { class: "problem", role: "status" });
  const facts = new Facts();
  const runs = new Facts();
  const graph = h("div", { class: "graph" });
  const about = h("p", { class: "facts chosen" });
  const cost = h("div", {});
  root.append(
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/streams" }, "Streams"), " / ", h("a", { href: link }, h("bdi", {}, shorten(name, 80))), " / ", h("h1", {}, "Learner")),
    problem, facts.element, section("Where its time goes", "The mean time of each stage of an event, measured of one event in 64.", cost), section("How an event flows", "Who reads whom, from what is remembered to what is predicted, and what of its time is measured. Open a stage to see its parts.", about, graph),
    section("What it takes", "", runs.element));
  const opened = new Map<string, string>();
  const unfolded = new Set<string>();
  let before: Metrics | null = null;
  let drawn = "";
  void (async () => {
    while (!signal.aborted) {
      if (!document.hidden) {
        try {
          const status = await daemon.status(name, { signal });
          if (status.failed !== undefined) throw new Error(`It does not learn any more: ${status.failed}`);
          const [description, system, now] = await Promise.all([daemon.learner(name, { signal }), daemon.system({ signal }), readMetrics(signal)]);
          facts.draw(head(description, status, now, before));
          runs.draw(machine(description, status, system, now, before));
          about.textContent = `Chosen for this stream: ${description.choices}.`;
          clear(cost, stages(status));
          const shape = JSON.stringify(description);
          // what a person has opened stays open, and is not torn away while it is read
          if (shape !== drawn && !graph.contains(document.activeElement)) {
            drawn = shape;
            clear(graph, ...lanes(description.fields, status.cost, opened, unfolded));
          }
          before = now;
          problem.textContent = "";
        } catch (error) {
          if (signal.aborted) return;
          problem.textContent = words(error);
        }
      }
      await pause(LOOK_MS, signal);
    }
  })();
}

/** What a person wants to know first. */
function head(learner: LearnerDescription, status: StatusAnswer, now: Metrics | null, before: Metrics | null): Fact[] {
  return [
    ["Events learnt", count(learner.offset)],
    ["Events/s", rate(state.rows.get(status.stream)?.events_per_second ?? 0)],
    ["Time per event", status.cost.measured ? `${num(status.cost.microseconds)} µs` : "no event yet", "Mean time in which an event of this stream is scored and learnt."],
    ["Time per event, all streams", meanTime(now, before, "surmise_learn_duration_seconds"), "Mean time in which the daemon learnt an event lately, of whichever stream."],
    ["Events that wait, all streams", count(sum(now, "surmise_queue_events", { stage: "inbox" }))],
    ["Events to be made safe, all streams", count(sum(now, "surmise_queue_events", { stage: "commit" })), "Events that are learnt and not safe on the disk yet."],
    ["Worth of networks", networkGain(learner, status), MEANS.worth],
  ];
}

/** What it takes, and what does it. */
function machine(learner: LearnerDescription, status: StatusAnswer, system: SystemReport, now: Metrics | null, before: Metrics | null): Fact[] {
  const rejected = Object.entries(status.updates_rejected).map(([why, n]) => `${count(n)} ${why}`).join(", ");
  return [
    ["Time per answer, all streams", meanTime(now, before, "surmise_predict_duration_seconds"), "Mean time of a prediction that was asked for."],
    ["Time to make events safe", meanTime(now, before, "surmise_commit_duration_seconds"), "Mean time in which events are made safe on the disk."],
    ["Weights", count(status.report.parameters), "Numbers of its networks that learning changes."],
    ["Corrections that wait", count(system.gradient_jobs_waiting), "Corrections of networks of all streams that wait for a free processor."],
    ["Corrections refused", rejected || "none", "Corrections that would have done harm, by reason."],
    ["Networks run on", system.device, ["What computes corrections of networks, and why.", ...system.device_choices].join(" ")],
    ["Processor's instructions", learner.kernel, "The vector instructions of this processor that it uses."],
    ["Code of the network", learner.engine, "Which of two implementations of the same network it is (model.engine)."],
  ];
}

/** The mean of a histogram since the last look, in words; – if metrics cannot be read. */
function meanTime(now: Metrics | null, before: Metrics | null, name: string): string {
  if (now === null) return "–";
  const seconds = meanSince(now, before, name);
  return seconds === null ? "none now" : brief(seconds);
}

/** How long each stage of an event takes. */
function stages({ cost }: StatusAnswer): HTMLElement {
  if (cost.measured === 0) return h("p", { class: "dim" }, "No event was measured since the daemon started.");
  return bars(...cost.stages.map((stage) => {
    const name = h("span", {}, h("bdi", {}, stage.name), h("span", { class: "says" }, ` ${stage.about}`));
    return bar(name, stage.microseconds / cost.microseconds, `${num(stage.microseconds)} µs`, stage.name === "network" || stage.name === "training" ? "network" : "");
  }));
}

/** Which share of the bits networks save, as the daemon tells it. */
function networkGain(learner: LearnerDescription, status: StatusAnswer): string {
  const { network_gain: gain } = status.report;
  if (gain != null) return `${percent(gain, 1)} of the bits`;
  return learner.fields.some((field) => field.network) ? "cannot be told" : "no network yet";
}
