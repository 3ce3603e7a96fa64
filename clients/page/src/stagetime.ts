// How long a stage of a field's model takes, as far as it is measured: an event is measured by its own stages, each of
// all fields together, so that some stages of the model have a time of their own, some share one, and some have none.

import type { EventCost, FlowStage } from "surmise";
import { num } from "./format";

/** The stages of an event whose time is that of a stage of a model, by the latter's name. */
const OWN: Record<string, string[]> = { contexts: ["contexts"], network: ["network", "training"] };

/** What is measured of a stage of a model. */
export interface StageTime {
  /** The time that it takes, or that it shares with others; none if nothing is measured of it. */
  microseconds: number | null;
  /** The stages that the time is of, it among them. */
  of: string[];
  /** The stages of an event that are measured. */
  measured: string[];
}

/** Whether a model is one of numbers, which forecasts, and has no symbols to weigh. */
const isOfNumbers = (flow: FlowStage[]): boolean => flow.some(({ name }) => name === "forecasts");

export function stageTime(name: string, flow: FlowStage[], cost: Pick<EventCost, "measured" | "stages">): StageTime {
  const own = OWN[name] ?? [];
  const all = flow.map((stage) => stage.name);
  const shared = isOfNumbers(flow) ? all.filter((one) => one !== "network") : all.filter((one) => one !== "past" && OWN[one] === undefined);
  const measured = own.length > 0 ? own : shared.includes(name) ? [isOfNumbers(flow) ? "numbers" : "mixing"] : [];
  const times = cost.stages.filter((stage) => measured.includes(stage.name));
  return {
    microseconds: cost.measured === 0 || times.length === 0 ? null : times.reduce((sum, stage) => sum + stage.microseconds, 0),
    of: own.length > 0 ? [name] : measured.length > 0 ? shared : [],
    measured: times.map((stage) => stage.name),
  };
}

/** The time in few words, for where the stage stands. */
export function timeShort({ microseconds, of }: StageTime): string {
  if (microseconds === null) return "not measured";
  return of.length > 1 ? `part of ${num(microseconds)} µs` : `${num(microseconds)} µs`;
}

/** The same in a sentence. */
export function timeWords({ microseconds, of, measured }: StageTime): string {
  if (microseconds === null) return "Its time is not measured.";
  const under = `under “${measured.join("” and “")}”, of all fields of an event together`;
  return of.length > 1 ? `Its own time is not measured: ${of.slice(0, -1).join(", ")} and ${of.at(-1)} take ${num(microseconds)} µs, ${under}.` : `It takes ${num(microseconds)} µs, measured ${under}.`;
}
