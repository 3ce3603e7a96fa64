// The daemon's answers. Written from clients/openapi.json by `npm run types`; not to be edited.

import type { EventJson, Report } from "./told.js";

/** The answer to posted events, sent once they are durable (`POST /api/v1/streams/{stream}/events`). */
export interface Accepted {
  /** Events that were learnt and are durable. */
  accepted: number;
  /** Events that were recognised as sent before and not learnt again. */
  duplicates: number;
  /** The refusals in the order of lines; all are counted, the daemon may list only the first. */
  errors: AcceptedError[];
  /** Events that were refused. */
  rejected: number;
}

/** The refusal of one posted line. */
export interface AcceptedError {
  /** The kind of fault. */
  code: RefusalCode;
  /** The field that is at fault. */
  field: string;
  /** The number of the line in the body, from 1. */
  line: number;
  /** What is wrong with it. */
  reason: string;
}

/** An incident of a stream, as it stands with one event. */
export interface Alarm {
  /** The offset of the incident's first unusual event, which may be before the event with which it was noticed. */
  began: number;
  /** Its unusual events so far. */
  count: number;
  /** The field that is most unusual, if it is one field. */
  field?: string;
  /**
   * The key that is unusual, where that is not the key of the event with which it was noticed: one that fell
   * silent, or that was unusual as a whole when it did.
   */
  key?: string;
  /** What is unusual. */
  kind: AlarmKind;
  /** The label that a person gave to incidents of this kind (`crate::Feedback`). */
  label?: string;
  /**
   * The offset of its most unusual event so far, at which the evidence rose most; it may be before the event with
   * which it was noticed, too.
   */
  oddest: number;
  /** The offset of its latest unusual event. Of an overdue event it is the offset that the event would have. */
  offset: number;
  /** Where the incident stands. */
  phase: AlarmPhase;
  /** How rare its most unusual event is: once in so many events of this stream, by the stream's own past. */
  rarity_events: number;
  /** The same in seconds, by the stream's usual time between events, where its events have times. */
  rarity_seconds?: number;
}

/** The alarms of a stream: what its budget promised, and what came. */
export interface AlarmAccount {
  /** Incidents that began. */
  begun: number;
  /** The budget, as the configuration writes it. */
  budget: string;
  /** Incidents that the budget allowed for the events so far. */
  promised: number;
}

/**
 * An incident of a stream with an event that shows it, as the event `alarm` of `/api/v1/streams/{stream}/watch`
 * carries it.
 */
export interface AlarmEvent {
  /** The offset of the incident's first unusual event, which may be before the event with which it was noticed. */
  began: number;
  /** Its unusual events so far. */
  count: number;
  /**
   * The unusual event, as it would be sent; null where there is none: an event that is overdue. Of a key that fell
   * silent it is the key alone, and `event_offset` that of its latest event.
   */
  event: EventJson | null;
  /**
   * The offset of `event`: of the one with which the incident was noticed, or where one before that was odder, of
   * the first that outdoes it. `…/events/{offset}/why` has all.
   */
  event_offset: number;
  /** The excess of the event, in bits: the sum over its parts. */
  excess_bits: number;
  /** The field that is most unusual, if it is one field. */
  field?: string;
  /** Which incarnation of the name the offsets are of, for what is said of the incident; 0 if it is not known. */
  incarnation?: number;
  /**
   * The key that is unusual, where that is not the key of the event with which it was noticed: one that fell
   * silent, or that was unusual as a whole when it did.
   */
  key?: string;
  /** What is unusual. */
  kind: AlarmKind;
  /** The label that a person gave to incidents of this kind (`crate::Feedback`). */
  label?: string;
  /**
   * The offset of its most unusual event so far, at which the evidence rose most; it may be before the event with
   * which it was noticed, too.
   */
  oddest: number;
  /** The offset of its latest unusual event. Of an overdue event it is the offset that the event would have. */
  offset: number;
  /**
   * The parts of the event, in the order of their excess, the largest first, with what was expected instead if the
   * incident begins with it. Of a text they are its oddest word and the rest of it; `…/events/{offset}/why` has all
   * words, and when the like of each was last seen.
   */
  parts: Part[];
  /** Where the incident stands. */
  phase: AlarmPhase;
  /** How rare its most unusual event is: once in so many events of this stream, by the stream's own past. */
  rarity_events: number;
  /** The same in seconds, by the stream's usual time between events, where its events have times. */
  rarity_seconds?: number;
  /** The name of the stream. */
  stream: string;
  /** The surprise of the event, in bits: the sum over its parts. */
  surprise_bits: number;
  /** The time of the event that the incident began with, or at which it was told that one is overdue, RFC 3339. */
  time?: string;
}

/** What is unusual in an incident. */
export type AlarmKind = "value" | "new" | "run" | "level" | "spread" | "flat" | "rate" | "missing" | "end" | "silent";

/** The latest incidents of a stream (`GET /api/v1/streams/{stream}/alarms`), the latest first. */
export interface AlarmList {
  /** The incidents, each as it stands now, with an event that shows it. */
  alarms: AlarmEvent[];
  /** Incidents that began, as far back as checkpoints know. */
  begun: number;
  /** The name of the stream. */
  stream: string;
}

/** Where an incident stands. */
export type AlarmPhase = "begins" | "goes_on" | "ended";

/** One operation. */
export interface AuditEntry {
  /** The stream, producer or file that it was about, with its parameters. */
  about: string;
  /** What came of it. */
  result: string;
  /** When it was done, as RFC 3339. */
  time: string;
  /** What was asked for, such as `stream reset`. */
  what: string;
  /** Who asked for it: the name of a token, or the address that it came from. */
  who: string;
}

/** The stream with whose knowledge another one began. */
export interface BegunLike {
  /** Its events before this offset had been learnt. */
  offset: number;
  /** The name that it had. */
  stream: string;
}

/** What a change came to. */
export interface Changed {
  /** Which incarnation of the name it is; none if it is gone. */
  epoch?: number;
  /** Events that are forgotten now, with what was said of them. */
  forgotten?: number;
  /** How long events of the stream waited, in milliseconds. */
  held_ms: number;
  /** The offset that the next event has now. */
  offset: number;
  /** The offset that the next event would have had. */
  offset_before: number;
  /** Events of the log that the new schema refused, by code. */
  refused?: Record<string, number>;
  /** The name of the stream now. */
  stream: string;
}

/** What a checkpoint holds. */
export interface CheckpointDescription {
  /** Its size. */
  bytes: number;
  /** Whether a record with another field is refused. */
  closed: boolean;
  /** Records that were learnt. */
  events: number;
  /** The fields of the stream with their kinds. */
  fields: string;
  /** The number of the checkpoint. */
  generation: number;
  /** Keys whose state is kept. */
  keys: number;
  /** Keys whose state is in the store and not in memory. */
  keys_stored: number;
  /** Its label, if it has one. */
  label?: string;
  /** The loss of the mixture so far. */
  loss_bits_per_event: number;
  /** How many times the model had changed. */
  model_version: number;
  /** The offset of the first event that it does not contain. */
  offset: number;
  /** Whether it is kept when newer ones come. */
  pinned: boolean;
  /** Producers that memory knows. */
  producers_in_memory: number;
  /** The learner's `state_hash`, if it was computed when the checkpoint was made. */
  state_hash?: string;
  /** The name of its stream. */
  stream: string;
  /** When it was made, RFC 3339. */
  time: string;
  /** The version of the daemon that made it. */
  version: string;
}

/** How two checkpoints of a stream differ. */
export interface CheckpointDifference {
  /** The name of their stream. */
  stream: string;
}

/** One checkpoint in the store (`GET /api/v1/checkpoints` lists them). */
export interface CheckpointInfo {
  /** The size of the checkpoint. */
  bytes: number;
  /** The number of the checkpoint; later ones have larger numbers. */
  generation: number;
  /** Its label, if it has one. */
  label?: string;
  /** The offset of the first event that the checkpoint does not contain. */
  offset: number;
  /** Whether it is kept when newer ones come. */
  pinned?: boolean;
  /** The learner's `state_hash` in the checkpoint, if it was computed when the checkpoint was made. */
  state_hash?: string;
  /** The name of its stream. */
  stream: string;
  /** The time at which the checkpoint was made, RFC 3339. */
  time: string;
}

/** Checkpoints, as an answer lists them. */
export interface CheckpointList {
  /** The checkpoints, those of one stream together, the newest last. */
  checkpoints: CheckpointInfo[];
}

/** The place and time of a stream's newest checkpoint. */
export interface CheckpointMark {
  /** The number of the checkpoint. */
  generation: number;
  /** The offset of the first event that the checkpoint does not contain. */
  offset: number;
  /** The time at which the checkpoint was made, RFC 3339. */
  time: string;
}

/** The marks of a checkpoint. */
export interface CheckpointMarks {
  /** The number of the checkpoint. */
  generation: number;
  /** Its label, if it has one. */
  label: string | null;
  /** Whether it is kept when newer ones come. */
  pinned: boolean;
  /** The name of its stream. */
  stream: string;
}

/** Whether a checkpoint is whole. */
export interface CheckpointProof {
  /** What is wrong, if anything is. */
  fault?: string;
  /** The number of the checkpoint. */
  generation: number;
  /** The `state_hash` of what was read back, if it could be read. */
  state_hash?: string;
  /** The name of its stream. */
  stream: string;
  /** Whether the stream can go on from it. */
  whole: boolean;
}

/** An event of CloudEvents 1.0. What is not listed here is passed over. */
export interface CloudEvent {
  /** What is learnt: a value, or an object of named values. */
  data?: unknown;
  /** One that comes again with the same source and id is not learnt again. */
  id: string;
  /** Where the event comes from. */
  source: string;
  specversion: "1.0";
  /** What it is about, which is its key. */
  subject?: string;
  /** When it happened. */
  time?: string;
  /** What kind of event it is; it is not learnt. */
  type: string;
}

/** The configuration in force. */
export interface ConfigInForce {
  /** The file that it was read from, if there is one. */
  file?: string;
  /** All keys, in the order of the file of defaults. A key that may be left out is there if it is not. */
  keys: KeyInForce[];
}

/** What a database takes on the disk. */
export interface DatabaseSize {
  /** What it takes. */
  bytes: number;
  /** What the database holds. */
  name: string;
}

/** What was watched when a drift was found. */
export type Detector = "loss" | "level" | "rate";

/** A lasting change of a stream. */
export interface Drift {
  /** The offset where the change began, as far as the detector can say. */
  began: number;
  /** Bits per event since it began, of the same. */
  bits_after: number;
  /** Bits per event before it; those of the field alone, if its loss rose. */
  bits_before: number;
  /** What was watched. */
  detector: Detector;
  /** The number whose level changed, or the field whose loss rose; none if that of the whole event did. */
  field?: string;
  /** The number's mean since it began, or the typical gap between events in seconds. */
  level_after?: number;
  /** The number's mean before it, or the typical gap between events in seconds. */
  level_before?: number;
  /** The offset of the event with which the change was noticed. */
  noticed: number;
}

/** How long one event of a stream takes to be scored and learnt, of those that were measured lately: one in 64. */
export interface EventCost {
  /** Events that were measured. */
  measured: number;
  /** The mean time of one of them, in microseconds. */
  microseconds: number;
  /** The stages that it has, in the order in which an event meets them. */
  stages: StageCost[];
}

/** What is expected of one field: the distribution of its value, in a form for people and programs. */
export type Expected = {
  /** Probability of everything that is not listed, never-seen symbols included. */
  other: number;
  /** The likeliest symbols and their probabilities, likeliest first. */
  top: ([string | null, number])[];
  mean?: undefined;
  median?: undefined;
  missing?: undefined;
  quantiles?: undefined;
} | {
  /** The point forecast. */
  mean: number;
  /** The value that has half of the probability on each side. */
  median: number;
  /** Probability that the value is missing, where that has happened. */
  missing?: number;
  /** Quantiles, by their level from 0 to 1. */
  quantiles: Record<string, number>;
  other?: undefined;
  top?: undefined;
};

/** One expert of the outer mixture. */
export interface ExpertState {
  /** What it is, if its declaration says it. */
  about: string;
  /**
   * What the values so far would have cost if it had predicted alone, in bits per value; of one that never had
   * something to say, what they cost the mixture that it is in.
   */
  loss_bits: number;
  /** Its name in reports. */
  name: string;
  /** Its weight in the mixture for the next value; the weights of a mixture sum to 1. */
  weight: number;
}

/**
 * What a person says of an incident: a training signal for the alarms of its stream, which is logged and learnt
 * like an event. It says whether the incident mattered, gives it a label, or both.
 */
export interface Feedback {
  /** Which incarnation of the stream's name the offset is of; it is refused if the stream is another one by then. */
  incarnation?: number;
  /** A label, which later incidents of the kind are told with. An empty one takes the label away. */
  label?: string;
  /** The offset of an event of the incident. */
  offset: number;
  /** Whether the incident mattered. */
  verdict?: FeedbackVerdict;
}

/** What is said of an incident. */
export interface FeedbackBody {
  /**
   * The incarnation of the stream that the offset is of, as the incident tells it; if it is another one by now,
   * nothing is learnt.
   */
  incarnation: number | null;
  /** A label, which later incidents of the kind are told with. An empty one takes the label away. */
  label: string | null;
  /** The offset of an event of the incident. */
  offset: number;
  /** Whether the incident mattered. */
  verdict: FeedbackVerdict | null;
}

/** What was learnt of it. */
export interface FeedbackTaken {
  /** What was said. */
  feedback: Feedback;
  /** The name of the stream. */
  stream: string;
}

/** Whether an incident mattered. */
export type FeedbackVerdict = "normal" | "bad";

/** One field of a stream. */
export interface Field {
  /** What the field holds. */
  kind: FieldKind;
  /** The name of the field. */
  name: string;
  /** Whether a record without a value for the field is refused. */
  required?: boolean;
}

/** The model of one field. */
export interface FieldDescription {
  /** Values scored. */
  count: number;
  /** The whole experts of the outer mixture. */
  experts: ExpertState[];
  /** The stages through which a value goes in the model, each after those that it reads. */
  flow: FlowStage[];
  /** The kind of the field. */
  kind: string;
  /** Mean surprise of a value, in bits. */
  loss_bits: number;
  /** The name of the field. */
  name: string;
  /** The network, if the field's model has one of its own. */
  network?: NetworkState;
  /** Of a number, how often its value fell into each tenth of the predicted distribution, where that was measured. */
  tenths?: number[];
}

/** What a field holds, which decides how it is bound, predicted and scored. */
export type FieldKind = "category" | "number" | "text" | "byte" | "gap" | "line";

/** A file that is followed. */
export interface FileStatus {
  /** Its length. */
  length: number;
  /** Its path. */
  path: string;
  /** The offset up to which the log has it. */
  position: number;
  /** Whether it has another name by now: it is read to its end. */
  rotated: boolean;
}

/** A stage of a field's model. */
export interface FlowStage {
  /** What it does. */
  about: string;
  /**
   * Its name; no two stages of a field have the same. What is `network`, `experts` or `mixture` is told in more
   * detail beside the flow.
   */
  name: string;
  /** What stands in it. */
  parts: NamedPart[];
  /** The names of the stages that it reads. */
  reads: string[];
}

/** What is to be forgotten of a stream: the events that all of this holds of. */
export interface ForgetBody {
  /** The offset of the first event. */
  from: number | null;
  /** The key of the events. */
  key: string | null;
  /** The time of the first event, RFC 3339. */
  since: string | null;
  /** The offset after the last event. */
  to: number | null;
  /** The time after the last event, RFC 3339. */
  until: string | null;
}

/** A producer that was forgotten. */
export interface ForgottenProducer {
  /** The name of the producer. */
  producer: string;
  /** The streams that knew it. */
  streams: string[];
}

/**
 * The latest spans of one length (`GET /api/v1/streams/{stream}/history`), the oldest first. A span without events
 * is left out. Time is the daemon's, at which events came; what is learnt again after a restart is not counted
 * twice.
 */
export interface HistoryAnswer {
  /** The daemon's time of the answer, in seconds since 1970. */
  now: number;
  /** The spans that have events. */
  points: HistoryPoint[];
  /** The length of a span, in seconds. */
  span_seconds: number;
  /** How many spans are kept. */
  spans_max: number;
  /** The name of the stream. */
  stream: string;
  /** Losses over the latest minute, hour and day, as far as they are known. */
  windows: LossWindow[];
}

/** What happened in one span of time. */
export interface HistoryPoint {
  /** Their surprise, in bits. */
  bits: number;
  /** Distinct symbols and templates that were known at its end. */
  distinct: number;
  /** Events that were learnt. */
  events: number;
  /** Incidents that began. */
  incidents: number;
  /** How rare the rarest of them was: once in so many events. */
  rarest: number;
  /** The second since 1970 at which the span begins. */
  time: number;
}

/** An incident in a list of streams. */
export interface IncidentMark {
  /** The offset of its first unusual event. */
  began: number;
  /** What is unusual. */
  kind: AlarmKind;
  /** The offset of its most unusual event so far. */
  oddest: number;
  /** Where it stands. */
  phase: AlarmPhase;
  /** The time of its first event, RFC 3339. */
  time: string | null;
}

/** A stream of Redis or of JetStream, a partition of a topic of Kafka, or a topic of MQTT. */
export interface InputStatus {
  /** Its name. */
  name: string;
  /** The id of its newest entry, the sequence of its newest message, or the offset of its newest record. */
  newest?: string;
  /** The id of the entry, the sequence of the message, or the offset of the record, up to which the log has it. */
  position?: string;
}

/** One key of the configuration in force. */
export interface KeyInForce {
  /** What the daemon infers where the value leaves it open, as the TOML that would pin it. */
  inferred?: string;
  /** The line of the file that it is written in. */
  line?: number;
  /** Its name. */
  name: string;
  /** What the value comes from. */
  origin: KeyOrigin;
  /** The table that it is in, as the file writes it. */
  table: string;
  /** Its value, as TOML. A secret is not shown. */
  value: string;
  /** The variable of the environment that it is written in. */
  variable?: string;
}

/** The keys of a stream (`GET /api/v1/streams/{stream}/keys`). */
export interface KeyList {
  /** How many there are in memory; others lie in the store, which a status counts. */
  count: number;
  /** The first of them in the order that was asked for. */
  keys: KnownKey[];
  /** The name of the stream. */
  stream: string;
}

/** What the value of a key comes from. */
export type KeyOrigin = "default" | "file" | "environment" | "given";

/** A key that a learner has in memory. */
export interface KnownKey {
  /** Its events so far. */
  events: number;
  /** Whether it is silent for far longer than keys of this stream are that speak again. */
  is_silent: boolean;
  /** The key. */
  key: string;
  /** The offset of its latest event. */
  latest_offset: number;
  /** The time of its latest event, RFC 3339, where events have times. */
  latest_time?: string;
}

/** A template of lines. */
export interface KnownTemplate {
  /** The field that has the lines. */
  field: string;
  /** The offset of the latest event with it, as far as that is known. */
  latest_offset?: number;
  /** Lines that it has had. */
  lines: number;
  /** Its text, with placeholders such as `<number>` where it varies. */
  text: string;
}

/** How a layer of a network is. */
export interface LayerState {
  /** Units on which nothing depends: their gradients are under a thousandth of the layer's median unit's. */
  dead_units: number;
  /** The root of the sum of squared gradients of its usual update, whose gradients are sums over a chunk. */
  gradient_norm: number;
  /** The root of the sum of its squared weights. */
  weight_norm: number;
}

/** What a learner is made of, as its own declarations say it, with what each part counts now. */
export interface LearnerDescription {
  /** What was chosen for the schema, for people. */
  choices: string;
  /**
   * Decisions on symbols by tenth of the claimed probability: the sum of claims, how often they came true, and how
   * many there were.
   */
  claims: [number, number, number][];
  /** The engine that runs the network. */
  engine: string;
  /** Every field, in the order in which fields are predicted. */
  fields: FieldDescription[];
  /** The kernel that computes it. */
  kernel: string;
  /** The offset of the next event: everything before it is learnt. */
  offset: number;
}

/** One event of the log. */
export interface LoggedEvent {
  /** When the daemon received it, RFC 3339, if that is known; it takes the place of a time that the event lacks. */
  arrival?: string;
  /** The event, as it would be sent, with its fields in their order; null if JSON cannot carry it. */
  event: EventJson | null;
  /** Its offset. */
  offset: number;
}

/** A part of a stream's log (`GET /api/v1/streams/{stream}/events`). */
export interface LoggedEvents {
  /** The first offset that the log still holds. */
  begin: number;
  /** The offset that the next event of the stream will have. */
  end: number;
  /** The events, in order. */
  events: LoggedEvent[];
  /** The name of the stream. */
  stream: string;
}

/** What the mixture and every expert lost over the latest time. */
export interface LossWindow {
  /** Events learnt in it. */
  events: number;
  /**
   * Bits per event of every expert of each of the first 16 fields, as `field/expert`; `field` alone is the field's
   * mixture.
   */
  experts: [string, number][];
  /** Bits per event of the mixture. */
  loss_bits_per_event: number;
  /** `minute`, `hour`, `day` or `ever`. */
  name: string;
  /** The seconds that it covers: as much as the name says, if the stream is known for so long. */
  seconds: number;
  /** Bits per event of the best simple expert of each field. */
  simple_bits_per_event: number;
}

/** How near the budget of memory is. */
export type MemoryStatus = "ok" | "soft_limit" | "hard_limit";

/** A part of a model that has a name. */
export interface NamedPart {
  /** What it is. */
  about: string;
  /** Its name in reports. */
  name: string;
}

/** The network of one field. */
export interface NetworkState {
  /** Steps of a chunk of truncated backpropagation. */
  chunk: number;
  /** How each layer is, the lowest first. */
  each_layer: LayerState[];
  /**
   * Which share of its bits the network saves the field; none where that cannot be told from the share of other
   * evidence.
   */
  gain: number | null;
  /** Units of each layer. */
  hidden: number;
  /** Layers. */
  layers: number;
  /** Weights. */
  parameters: number;
  /** Challengers that took the champion's place. */
  promotions: number;
  /** Whether it sleeps, as it was not worth its time. */
  sleeps: boolean;
  /** Values, or letters of texts, that came while it slept. */
  slept: number;
  /** Challengers that began. */
  trials: number;
  /** Updates that were refused. */
  updates_rejected: number;
}

/** What operators did. */
export interface Operations {
  /** Lines of the audit log that are damaged. */
  damaged: number;
  /** The latest operations, the oldest first. */
  operations: AuditEntry[];
}

/**
 * One part of an event: the value of a field, one word of a text, or that its key ended or went on. The surprises
 * of all parts of an event sum to the event's, and so do the excesses.
 */
export interface Part {
  /** Which context, source or expert had the largest share in what was expected most. */
  by?: string;
  /** The surprise minus what was expected of it, in bits. */
  excess_bits: number;
  /** What was expected before the part came; absent where it was not asked for. */
  expected?: Expected;
  /**
   * The offset of the latest earlier event with a part like this one, as far back as is known: the same symbol or
   * word, or a number as far out on the same side.
   */
  last_seen?: number;
  /** The name of the field; `end` for the end of a key, and for its going on. */
  name: string;
  /** Of a word: where its first byte is in the text, and where the next word begins. */
  place?: [number, number];
  /** −log₂ of the probability that the part had, in bits. */
  surprise_bits: number;
  /** The value that came, as text; null if it was missing. */
  value: string | null;
}

/** What is expected of the next event of a key: one distribution per field. */
export interface Prediction {
  /** Probability that the key ends instead of going on, where keys of the stream end. */
  end?: number;
  /** What is expected of every field, by name, given that the earlier fields are as expected. */
  fields: Record<string, Expected>;
  /** The key that was asked about, if any. */
  key?: string;
  /** The version of the model that made the prediction: how many events it had learnt from. */
  model_version: number;
  /** The offset that the next event of the stream would have: the prediction reflects every event before it. */
  offset: number;
}

/** An error of the HTTP interface: `application/problem+json` (RFC 9457). */
export interface Problem {
  /** The code of the fault as on the event socket, if there is one. */
  code?: RefusalCode;
  /** What happened and what to do. */
  detail: string;
  /** The part of the request that is at fault, if there is one. */
  field?: string;
  /** The HTTP status of the response. */
  status: number;
  /** What was taken of a body that broke off. */
  taken?: TakenLines;
  /** The kind of problem in a few words. */
  title: string;
  /** A URI for the kind of problem; `about:blank` if the status alone tells it. */
  type: string;
}

/** The events of a stream that are in quarantine (`GET /api/v1/streams/{stream}/quarantine`), the latest first. */
export interface QuarantineList {
  /** Events that were ever put into quarantine; the latest of them are kept. */
  count: number;
  /** The events that are kept. */
  events: QuarantinedEvent[];
  /** The name of the stream. */
  stream: string;
}

/**
 * An event in quarantine: learning it panicked, the stream went on as if it had never come, and it is kept aside
 * for a look.
 */
export interface QuarantinedEvent {
  /** The event as it would be sent; the beginning of it as text, if it is long. */
  event: EventJson | null;
  /** The offset that it would have had. */
  offset: number;
  /** The name of its producer, if it has one. */
  producer?: string;
  /** The message of the panic. */
  reason: string;
  /** Its sequence number, if it has one. */
  seq?: number;
  /** When it was put aside, RFC 3339. */
  time: string;
}

/** An event that was rare for its stream. */
export interface RareEvent {
  /** Its key, if it has one; a long one is cut off. */
  key?: string;
  /** Its offset. */
  offset: number;
  /** Its rarity: it was as unusual as one in so many events. */
  rarity_events: number;
  /** Its surprise. */
  surprise_bits: number;
  /** When it arrived, in seconds since 1970. */
  time: number;
}

/** How many events were at least so rare. */
export interface RarityCount {
  /** Events that were. */
  events: number;
  /** The rarity: one in so many events is promised to be like that. */
  rarity_events: number;
}

/** Why a record or a request was refused, as a word that programs can tell apart. */
export type RefusalCode = "bad_json" | "bad_utf8" | "line_too_long" | "wrong_type" | "unknown_field" | "missing_field" | "not_finite" | "too_long" | "too_many_fields" | "empty" | "bad_time" | "time_ahead" | "seq_not_rising" | "unauthorized" | "fenced" | "bad_epoch" | "bad_hello" | "bad_stream" | "limit_reached" | "unavailable" | "unknown_incident" | "other_incarnation" | "quarantined";

/** A range of a stream's own log that is learnt again in a learner that nobody else sees. */
export interface Replay {
  /** When it was asked for, RFC 3339. */
  asked: string;
  /** What it began with. */
  begin: ReplayBegin;
  /**
   * How well it went, over offsets: at most 256 parts of equal width, in order. The last one may be shorter, or is
   * still under way.
   */
  course: ReplayPoint[];
  /** Why it failed. */
  detail?: string;
  /** The offset of the first event. */
  from: number;
  /** Its number. No two replays of one run of the daemon have the same. */
  id: number;
  /** Incidents that began. */
  incidents: number;
  /** Mean surprise of all events so far; 0 before the first. */
  loss_bits_per_event: number;
  /** How people call the replay. */
  name?: string;
  /** Which share of their bits networks saved, over all events so far. */
  network_gain: number | null;
  /**
   * The offset that is learnt next. One that begins with what the stream knew comes from the checkpoint before
   * `from`, so it is below `from` at first.
   */
  offset: number;
  /**
   * Events that the learner refused, and passed over: what is said of incidents that it had not seen, and what does
   * not fit other fields.
   */
  refused: number;
  /** How long it has run so far, in seconds. */
  seconds: number;
  /** What differs from the stream's own settings. */
  settings: Record<string, unknown>;
  /** 1 − loss / loss of the best simple expert of each field, over all events so far. */
  skill: number | null;
  /** How it is doing. */
  state: ReplayState;
  /** The hash of the learner after the last event, once the replay is done; equal hashes predict the same for ever. */
  state_hash?: string;
  /** The name of the stream. */
  stream: string;
  /** The offset after the last event. */
  to: number;
}

/** What a replay begins with. */
export type ReplayBegin = "fresh" | "live";

/** Replays (`GET /api/v1/replays`). */
export interface ReplayList {
  /** The replays that are kept, the newest first. */
  replays: Replay[];
}

/** What a part of a replay's course has cost. */
export interface ReplayPoint {
  /** Events of the part. */
  events: number;
  /** Their mean surprise; 0 if there are none. */
  loss_bits_per_event: number;
  /**
   * The offset before which the part ends; it begins where the one before ends. An event belongs to the part that
   * holds its first offset.
   */
  offset: number;
  /**
   * What the best simple expert of each field would have paid for them; null where that is not known, as in the
   * part in which the learner decides what the fields hold.
   */
  simple_bits_per_event: number | null;
}

/** What is to be replayed (`POST /api/v1/replays`). */
export interface ReplaySpec {
  /** What it begins with. */
  begin?: ReplayBegin;
  /** The offset of the first event; left out, the first that the log still has and that it can begin with. */
  from?: number;
  /** How people call the replay. */
  name?: string;
  /**
   * What differs from the stream's own settings: keys of `[model]`, and the keys and tables of `[streams.NAME]`
   * (`fields`, `closed`, `model`, `learning`, `alarm`).
   */
  settings?: Record<string, unknown>;
  /** The name of the stream. */
  stream: string;
  /** The offset after the last event; left out, where the log ends now. */
  to?: number;
}

/** How a replay is doing. */
export type ReplayState = "waiting" | "running" | "done" | "failed" | "stopped";

/** The fields of a stream, in the order in which they are predicted. */
export interface Schema {
  /** Whether a record with another field is refused; an open schema grows by it. */
  closed?: boolean;
  /** The fields, in the order in which they are predicted: each given the earlier ones. */
  fields: Field[];
}

/** How a schema is to change. */
export interface SchemaChange {
  /** Whether other fields than those of the schema are refused from now on; as before if it is left out. */
  closed: boolean | null;
  /** Fields that are new or get another kind. */
  fields: Field[];
  /** Whether fields may be among these that no event of the stream had yet. */
  new_fields: boolean;
}

/** What a source reads. */
export type SourceKind = "files" | "syslog" | "remote_write" | "redis" | "mqtt" | "nats" | "kafka";

/** The sources whose streams the client may touch. */
export interface SourceList {
  /** The sources, by kind and name. */
  sources: SourceStatus[];
}

/** Whether a source reads. */
export type SourceState = "waiting" | "reading" | "failing";

/** A source, and how far it is. */
export interface SourceStatus {
  /** The addresses that messages are received at, or that of the server. */
  addresses?: string[];
  /** What cannot be read now, and what to do about it. */
  errors: string[];
  /** Events learnt since the start of the daemon, as all that is counted here is. */
  events: number;
  /** The files that are followed. */
  files?: FileStatus[];
  /** How often something was gone before it was read, since the start. */
  gaps?: number;
  /**
   * What is read of a server: streams of Redis or JetStream and partitions of Kafka with their positions, or
   * topics.
   */
  inputs?: InputStatus[];
  /** What it reads. */
  kind: SourceKind;
  /** Bytes that are there and that the log does not have yet. */
  lag_bytes: number;
  /**
   * How much newer the newest entry or message of a server is than the one up to which the log has it, in seconds.
   * Of Kafka, which does not say how new its newest record is: how long ago the one up to which the log has it was
   * made.
   */
  lag_seconds?: number;
  /** What was gone last before it was read. */
  last_gap?: string;
  /** What was odd last. */
  last_odd?: string;
  /** What was refused last, and why. */
  last_refusal?: string;
  /** Its name in the configuration. */
  name: string;
  /**
   * Lines since the start that were learnt though they are not as they should be: with bytes that are not UTF-8, or
   * with fewer cells than there are columns.
   */
  odd?: number;
  /** Messages since the start that came again, were recognised, and were not learnt again. */
  recognised?: number;
  /**
   * Messages since the start that came again, as their broker says, and were learnt, as nothing was known of them
   * any more. So many at most were learnt twice.
   */
  redelivered?: number;
  /** Lines, messages, entries or records refused since the start. */
  refused: number;
  /** Whether it reads. */
  state: SourceState;
  /** The stream of its events, or the beginning of the names of its streams. */
  stream: string;
}

/** The time of one stage. */
export interface StageCost {
  /** What happens in it, as a phrase. */
  about: string;
  /** Its mean time in an event, in microseconds. */
  microseconds: number;
  /** Its name. */
  name: string;
}

/** The hash of a stream's learner. */
export interface StateHash {
  /** The offset of the first event that the learner has not learnt. */
  offset: number;
  /** A hash of everything that decides future predictions. */
  state_hash: string;
  /** The name of the stream. */
  stream: string;
}

/** The status of a stream: what the protocol promises, and what only the daemon knows. */
export interface StatusAnswer {
  /** The alarms of the stream: what its budget promised, and what came. */
  alarms: AlarmAccount;
  /** The stream with whose knowledge it began, if it began with any. */
  begun_like?: BegunLike;
  /** The newest checkpoint of the stream. */
  checkpoint?: CheckpointMark;
  /** The offset up to which everything is durable. */
  committed_offset: number;
  /** How long one event takes, stage by stage. */
  cost: EventCost;
  /** Events recognised as sent before. */
  duplicates: number;
  /** Which incarnation of the name it is. */
  incarnation: number;
  /** Keys whose state is kept, in memory or in the store. */
  keys: number;
  /** Keys whose state was dropped, for lack of space, before they ended. */
  keys_forgotten: number;
  /** Keys whose state is in the store and not in memory. */
  keys_stored: number;
  /** The time of the latest event, RFC 3339. */
  last_event_time?: string;
  /** Bytes of the log so far. */
  logged_bytes: number;
  /** How many times the model has changed. */
  model_version: number;
  /** The offset that the next event will have. */
  offset: number;
  /** The options with which the learner was made. */
  options: Record<string, unknown>;
  /** Producers in memory. */
  producers: number;
  /** Producers that were forgotten, for want of room in the store. */
  producers_forgotten: number;
  /** Producers in the store, some of which are in memory as well. */
  producers_stored: number;
  /** Events that were put into quarantine, because learning them failed inside the daemon. */
  quarantined: number;
  /** Events learnt. */
  records: number;
  /** Events that were refused, by the name of the code. */
  refused: Record<string, number>;
  /** The learner's report: losses of the mixture, of every expert, and of every field. */
  report: Report;
  /** The fields of the stream. */
  schema: Schema;
  /** Bytes of memory that the learner takes. */
  state_bytes: number;
  /** A hash of everything that decides future predictions, if the query asked for it. */
  state_hash?: string;
  /** The name of the stream. */
  stream: string;
  /** After so many more events, at most, the kinds of the fields are decided; none once they are, or were declared. */
  undecided_events?: number;
  /**
   * Updates that were refused, by reason: of networks `not_finite` and `exploded`, of counts `burst`, which are the
   * symbols of bursts that nothing foretold.
   */
  updates_rejected: Record<string, number>;
}

/** What is answered of one stream. */
export type StreamAnswer = StatusAnswer | StreamRow;

/** The predictions of the next events of a stream. */
export interface StreamForecast {
  /** How many events ahead they look. */
  horizon: number;
  /** The key that was asked about, if any. */
  key?: string;
  /** The version of the model that made the predictions. */
  model_version: number;
  /** The offset that the next event of the stream would have. */
  offset: number;
  /** What is expected of each of the events, in order. */
  steps?: Prediction[];
  /** The name of the stream. */
  stream: string;
}

/** The list of all streams (`GET /api/v1/streams`). */
export interface StreamList {
  /** The streams, sorted by name. */
  streams: StreamRow[];
}

/** A prediction with the name of its stream. */
export interface StreamPrediction {
  /** Probability that the key ends instead of going on, where keys of the stream end. */
  end?: number;
  /** What is expected of every field, by name, given that the earlier fields are as expected. */
  fields: Record<string, Expected>;
  /** The key that was asked about, if any. */
  key?: string;
  /** The version of the model that made the prediction: how many events it had learnt from. */
  model_version: number;
  /** The offset that the next event of the stream would have: the prediction reflects every event before it. */
  offset: number;
  /** The name of the stream. */
  stream: string;
}

/** One stream in the list, as known without asking its owner. */
export interface StreamRow {
  /** The offset before which all events are durable. */
  committed_offset: number;
  /** The latest drift since the daemon started. */
  drift: Drift | null;
  /** Events per second over the latest ten seconds. */
  events_per_second: number;
  /** Why the stream does not learn any more, if it has failed. */
  failed: string | null;
  /** The pattern of the configuration that the name falls under; empty if it falls under none. */
  group: string;
  /**
   * Which incarnation of the name it is: a reset, a restored checkpoint and the like make another one, in which
   * offsets may mean other events.
   */
  incarnation: number;
  /** Incidents that began. */
  incidents: number;
  /** Keys whose state is kept. */
  keys: number;
  /** The time of the latest event, RFC 3339. */
  last_event_time: string | null;
  /** The latest incident, as it stands now. */
  last_incident: IncidentMark | null;
  /** How many times the model has changed. */
  model_version: number;
  /** The offset that the next event will have. */
  offset: number;
  /** Incidents that the budget of alarms allowed for the events so far. */
  promised: number;
  /** The mean surprise of the latest events, in bits. */
  recent_bits: number | null;
  /** The fields of the stream. */
  schema: Schema;
  /** 1 − loss / loss of the best simple expert of each field, over about the latest hour. */
  skill: number | null;
  /** The name of the stream. */
  stream: string;
  /** Bits per event of each of the latest thirty minutes, the oldest first, if the query asked for it (`trend=1`). */
  trend?: (number | null)[];
}

/**
 * The most surprising events of a stream (`GET /api/v1/streams/{stream}/surprises`), the rarest first, those of the
 * latest days. The daemon keeps some of each day, and they survive its restarts.
 */
export interface SurpriseList {
  /**
   * How many of them were at least as rare as one in 10, 100, and so on: as promised, if it is a tenth, a
   * hundredth, and so on.
   */
  counts: RarityCount[];
  /** Events that were judged, since the stream began. */
  events: number;
  /** The name of the stream. */
  stream: string;
  /** The rarest events of the days that were asked for. */
  surprises: RareEvent[];
}

/** Limits of the daemon, with what is used of each, and what waits in queues. */
export interface SystemReport {
  /** How old the newest checkpoint is. */
  checkpoint_age_seconds: number | null;
  /** Checkpoints that are being made or written. */
  checkpoints_pending: number;
  /** The databases of the store. */
  databases: DatabaseSize[];
  /** What computes gradients of networks, and why. */
  device: string;
  /** Of each size of network whose updates wait, what computes them, and why. */
  device_choices: string[];
  /** Jobs of networks that workers computed. */
  gradient_jobs_by_workers: number;
  /** Jobs of networks that wait. */
  gradient_jobs_waiting: number;
  /** The limits. */
  limits: UsedLimit[];
  /** How near the budget of memory (`limits.memory`) is. */
  memory_status: MemoryStatus;
  /** Threads that own streams. */
  owners: number;
}

/** What became of the lines that came before a body broke off. */
export interface TakenLines {
  /** Events among them that were learnt and are durable. */
  accepted: number;
  /** Events among them that were recognised as sent before. */
  duplicates: number;
  /** Lines that were taken: the first so many of the body. None of the others was. */
  lines: number;
  /** Events among them that were refused. */
  rejected: number;
}

/** The templates of a stream. */
export interface TemplateList {
  /** How many there are in all its fields. */
  count: number;
  /** The name of the stream. */
  stream: string;
  /** Those of the most lines, in this order. */
  templates: KnownTemplate[];
}

/** A limit, and how near it is. */
export interface UsedLimit {
  /** What it bounds. */
  about: string;
  /** The key of the configuration. */
  key: string;
  /** The most that may be. */
  limit: number;
  /** What it is counted in. */
  unit: string;
  /** How much is used. */
  used: number;
}

/**
 * Why an event was as surprising as it was: its parts in the order of their excess, the largest first (`GET
 * /api/v1/streams/{stream}/events/{offset}/why`).
 */
export interface WhyAnswer {
  /** The incident that the event belongs to, if it does. */
  alarm?: Alarm;
  /** How unusual the event is for its stream, from 0 to 1. */
  anomaly_score: number;
  /** The event itself, as it would be sent; null if JSON cannot carry it. */
  event: EventJson | null;
  /** How many offsets its record takes: more than one for a run of bytes, or for values and an end in one record. */
  events: number;
  /** The excess of the event, in bits: the sum over its parts. */
  excess_bits: number;
  /** The version of the model that made the prediction. */
  model_version: number;
  /** The offset of the event. */
  offset: number;
  /** The parts of the event, in the order of their excess, the largest first. */
  parts: Part[];
  /** How rare an event so unusual is: once in so many events of this stream. */
  rarity_events: number;
  /** How many records were learnt again to answer. */
  replayed: number;
  /** The name of the stream. */
  stream: string;
  /** The surprise of the event, in bits: the sum over its parts. */
  surprise_bits: number;
}
