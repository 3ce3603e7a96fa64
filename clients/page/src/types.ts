// The JSON answers of the daemon, as far as the page reads them.

export interface Expected {
  top?: [string | null, number][];
  other?: number;
  mean?: number;
  median?: number;
  quantiles?: Record<string, number>;
  missing?: number;
}

export interface Part {
  name: string;
  value: string | null;
  place?: [number, number];
  surprise_bits: number;
  excess_bits: number;
  expected?: Expected;
  by?: string;
  last_seen?: number;
}

export interface Drift {
  detector: string;
  field?: string;
  began: number;
  noticed: number;
  bits_before: number;
  bits_after: number;
  level_before?: number;
  level_after?: number;
}

export type Phase = "begins" | "goes_on" | "ended";

export interface Incident {
  stream: string;
  kind: string;
  phase: Phase;
  began: number;
  offset: number;
  count: number;
  rarity_events: number;
  rarity_seconds?: number;
  field?: string;
  time?: string;
  event: EventJson | null;
  surprise_bits: number;
  excess_bits: number;
  parts: Part[];
}

export interface EventJson {
  key?: string;
  time?: string | number;
  data?: unknown;
  end?: boolean;
}

export interface Row {
  stream: string;
  offset: number;
  committed_offset: number;
  keys: number;
  schema: { fields: { name: string; kind: string }[] };
  recent_bits: number | null;
  last_event_time: string | null;
  failed: string | null;
  group: string;
  events_per_second: number;
  skill: number | null;
  incidents: number;
  promised: number;
  last_incident: { kind: string; phase: Phase; began: number; time: string | null } | null;
  drift: Drift | null;
  trend?: (number | null)[];
}

export interface Outcome {
  stream: string;
  key?: string;
  offset: number;
  surprise_bits: number;
  excess_bits: number;
  anomaly_score: number;
  rarity_events: number;
  fields: Record<string, { surprise_bits: number; excess_bits: number }>;
  drift?: Drift[];
  alarm?: { kind: string; phase: Phase; began: number };
  event?: EventJson;
}

export interface Prediction {
  offset: number;
  model_version: number;
  key?: string;
  end?: number;
  fields: Record<string, Expected>;
}

export interface FieldReport {
  kind: string;
  loss_bits: number;
  count: number;
  regret_bits: number;
  regret_bound_bits: number;
  distinct?: number;
  mse?: number;
  mae?: number;
  coverage_90?: number;
  coverage_50?: number;
  coverage_99?: number;
}

export interface Status {
  stream: string;
  offset: number;
  committed_offset: number;
  model_version: number;
  keys: number;
  keys_stored: number;
  keys_forgotten: number;
  state_bytes: number;
  last_event_time?: string;
  schema: { fields: { name: string; kind: string }[] };
  options: Record<string, unknown>;
  report: {
    calibration_error: number;
    choices: string;
    drifts: Drift[];
    engine: string;
    kernel: string;
    events: number;
    loss_bits_per_event: number;
    regret_bits: number;
    regret_bound_bits: number;
    parameters: number;
    late_events: number;
    experts: { name: string; loss_bits_per_event: number }[];
    fields: Record<string, FieldReport>;
  };
  alarms: { budget: string; promised: number; begun: number };
  checkpoint?: { generation: number; offset: number; time: string };
  refused: Record<string, number>;
  quarantined: number;
  updates_rejected: Record<string, number>;
  logged_bytes: number;
  duplicates: number;
  failed?: string | null;
}

export interface HistoryPoint {
  time: number;
  events: number;
  bits: number;
  rarest: number;
  incidents: number;
}

export interface LossWindow {
  name: string;
  seconds: number;
  events: number;
  loss_bits_per_event: number;
  simple_bits_per_event: number;
  experts: [string, number][];
}

export interface History {
  stream: string;
  span_seconds: number;
  spans_max: number;
  now: number;
  points: HistoryPoint[];
  windows: LossWindow[];
}

export interface Learner {
  offset: number;
  choices: string;
  kernel: string;
  engine: string;
  fields: {
    name: string;
    kind: string;
    count: number;
    loss_bits: number;
    parts: [string, { name: string; about: string }[]][];
    experts: { name: string; about: string; weight: number; loss_bits: number }[];
    network?: {
      hidden: number;
      layers: number;
      chunk: number;
      parameters: number;
      trials: number;
      promotions: number;
      updates_rejected: number;
    };
    tenths?: number[];
  }[];
  claims: [number, number, number][];
}

export interface Why {
  stream: string;
  offset: number;
  event: EventJson | null;
  surprise_bits: number;
  excess_bits: number;
  anomaly_score: number;
  rarity_events: number;
  parts: Part[];
  replayed: number;
}

export interface LoggedEvents {
  stream: string;
  begin: number;
  end: number;
  events: { offset: number; event: EventJson | null }[];
}

export interface Health {
  status: string;
  server: string;
  uptime_seconds: number;
  detail?: string;
  disk?: { used_bytes: number; limit_bytes: number };
}

export interface System {
  owners: number;
  limits: { key: string; about: string; unit: string; used: number; limit: number }[];
  databases: { name: string; bytes: number }[];
  checkpoints_pending: number;
  checkpoint_age_seconds: number | null;
  gradient_jobs_waiting: number;
  gradient_jobs_by_workers: number;
  device: string;
}

export interface Checkpoint {
  stream: string;
  generation: number;
  offset: number;
  time: string;
  bytes: number;
  pinned?: boolean;
  label?: string;
}
