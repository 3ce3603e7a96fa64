// Incidents of several streams or kinds that began about the same time, and so may have one cause.

import type { AlarmEvent } from "surmise";
import { shorten } from "./eventtext";
import { clock, kindShort, plural, timeOf } from "./format";

const TOGETHER_MS = 120_000;
/** Others that a card names. */
const NAMED_MAX = 4;

/** Groups of those that began within two minutes of the first of them; of one stream and kind there is none. */
export function together(incidents: AlarmEvent[]): AlarmEvent[][] {
  const timed = incidents.flatMap((incident) => {
    const at = timeOf(incident.time);
    return at === null ? [] : [{ incident, at }];
  });
  timed.sort((a, b) => a.at - b.at);
  const groups: (typeof timed)[] = [];
  for (const one of timed) {
    const group = groups.at(-1);
    if (group && one.at - group[0]!.at <= TOGETHER_MS) group.push(one);
    else groups.push([one]);
  }
  return groups.map((group) => group.map(({ incident }) => incident)).filter((group) => new Set(group.map((i) => `${i.kind}\n${i.stream}`)).size > 1);
}

/** That such a group is one, in words. */
export function togetherWords(group: AlarmEvent[]): string {
  const streams = new Set(group.map((i) => i.stream)).size;
  return `${plural(group.length, "incident")} of ${plural(streams, "stream")} began within 2 minutes, from ${clock(group[0]!.time)} on: they may have one cause.`;
}

/** With which others an incident began, in words; none if with none beside those that its card holds anyway. */
export function othersWords(incident: AlarmEvent, groups: AlarmEvent[][], beside: AlarmEvent[] = [incident]): string | null {
  const others = groups.find((group) => group.includes(incident))?.filter((other) => !beside.includes(other)) ?? [];
  if (others.length === 0) return null;
  const named = others.slice(0, NAMED_MAX).map((i) => `${shorten(i.stream, 60)} (${kindShort(i.kind, i.event !== null)})`);
  return `Began within 2 minutes of ${plural(others.length, "other incident")}: ${named.join(", ")}${others.length > named.length ? ` and ${others.length - named.length} more` : ""}.`;
}
