// What the OpenAPI document leaves open: events, the report of a learner, and what feeds tell.

import type { Alarm, AlarmEvent, Drift, Feedback, Part, StatusAnswer, StreamPrediction, StreamRow } from "./answers.js";

/** A value of a field. */
export type Value = string | number | boolean | null | number[];

/** What an event says: one value, or some fields. */
export type Data = Value | { [field: string]: Value };

/** An event as the daemon shows it. */
export interface EventJson {
  key?: string;
  time?: string | number;
  data?: unknown;
  /** Whether the event is the end of its key's sequence. */
  end?: boolean;
  /** What a person said of an incident, which is in the log like an event. */
  feedback?: Feedback;
}

/** What is reported of a field. */
export interface FieldReport {
  kind: string;
  loss_bits: number;
  count: number;
  regret_bits: number;
  regret_bound_bits: number;
  distinct?: number;
  /** Which share of its bits the network saves the field; none where there is no network, or where that cannot be told. */
  network_gain?: number;
  mse?: number;
  mae?: number;
  coverage_50?: number;
  coverage_90?: number;
  coverage_99?: number;
}

/** What a learner reports of itself. */
export interface Report {
  events: number;
  loss_bits_per_event: number;
  regret_bits: number;
  regret_bound_bits: number;
  calibration_error: number;
  choices: string;
  engine: string;
  kernel: string;
  parameters: number;
  /** Which share of their bits networks save the fields whose `network_gain` is known. */
  network_gain?: number;
  late_events: number;
  drifts: Drift[];
  experts: { name: string; loss_bits_per_event: number }[];
  fields: { [name: string]: FieldReport };
}

/** What is known of a stream: everything of one that learns, its row of one that has `failed`. */
export type StreamState = (StatusAnswer & { failed?: undefined }) | (StreamRow & { failed: string; report?: undefined });

/** What is known of the daemon. */
export interface Health {
  status: "ok" | "starting" | "stopping" | "full" | "failed";
  server: string;
  uptime_seconds: number;
  detail?: string;
  disk?: { used_bytes: number; limit_bytes: number };
}

/** What became of an event: how probable its prediction had made it. */
export interface Outcome {
  stream: string;
  key?: string;
  /** The position of the event in its stream. */
  offset: number;
  /** −log₂ of the event's probability. */
  surprise_bits: number;
  /** What of it goes beyond the expected. */
  excess_bits: number;
  /** How unusual the event is for its stream, from 0 to 1. */
  anomaly_score: number;
  /** How rare an event so unusual is: once in so many events. */
  rarity_events: number;
  fields: { [name: string]: { surprise_bits: number; excess_bits: number } };
  model_version: number;
  drift?: Drift[];
  alarm?: Alarm;
  parts?: Part[];
  event?: EventJson;
}

/** The rows of streams that changed; `all` says that there are no others. */
export interface RowsNews {
  all: boolean;
  streams: StreamRow[];
  gone: string[];
}

/** What the feed of one stream tells. */
export type StreamNews =
  | { kind: "outcome"; outcome: Outcome }
  /** What is expected next of the key that spoke last, where that was asked for. */
  | { kind: "prediction"; prediction: StreamPrediction }
  | { kind: "drift"; drift: Drift }
  | { kind: "alarm"; alarm: AlarmEvent }
  /** Outcomes were left out; of those that the daemon looked at, how many were at least how rare. */
  | { kind: "lagged"; skipped: number; at_least?: number[] }
  /** The stream was reset, restored, renamed or deleted; what follows is of what came in its place. */
  | { kind: "replaced" };

/** What the feed of all streams tells, once a second. */
export type DaemonNews = { kind: "streams"; news: RowsNews } | { kind: "alarms"; alarms: AlarmEvent[] };
