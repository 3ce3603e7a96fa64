// A method for every question of the HTTP interface.

import type {
  Accepted, AlarmEvent, AlarmList, Changed, CheckpointDescription, CheckpointDifference, CheckpointList, CheckpointMarks,
  CheckpointProof, ConfigInForce, FeedbackTaken, FeedbackVerdict, ForgetBody, ForgottenProducer, HistoryAnswer, KeyList, LearnerDescription, LoggedEvents, Operations, QuarantineList,
  Replay, ReplayList, ReplaySpec, SchemaChange, StateHash, StreamForecast, StreamList, StreamPrediction, SurpriseList, SystemReport, TemplateList, WhyAnswer,
} from "./answers.js";
import { ProtocolError } from "./errors.js";
import { Exchange, type Ask, type ExchangeOptions, type Query } from "./exchange.js";
import { daemonNews, follow, streamNews, type FollowOptions, type WatchOptions } from "./feed.js";
import { Producer, type ProducerOptions } from "./producer.js";
import { encode, type EventFacts } from "./record.js";
import type { Data, DaemonNews, Health, StreamNews, StreamState } from "./told.js";

/** What every question takes: a signal that ends it, and how long its answer may take. */
export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** How long a change of a stream may take, as its log may be learnt again. */
const CHANGE_MS = 3_600_000;

/** How long the daemon takes for an explanation, unless it is asked for less. */
const WHY_SECONDS = 60;

/** Asks one daemon. It holds no connection, so it need not be closed. */
export class Client {
  private readonly exchange: Exchange;

  constructor(options: ExchangeOptions = {}) {
    this.exchange = new Exchange(options);
  }

  /** The address of the daemon. */
  get url(): string {
    return this.exchange.url;
  }

  // ---- streams and what is expected of them

  /** All streams; with `trend` the course of each one's bits per event. */
  async streams(options: CallOptions & { trend?: boolean } = {}): Promise<StreamList> {
    return this.get("/api/v1/streams", options, { trend: options.trend });
  }

  /** What is known of a stream; with `hash`, too, the hash of its learner. */
  async status(stream: string, options: CallOptions & { hash?: boolean } = {}): Promise<StreamState> {
    return this.get(of(stream), options, { hash: options.hash });
  }

  /** The hash of a stream's learner, and the offset that it is of. */
  async hash(stream: string, options: CallOptions = {}): Promise<StateHash> {
    return this.get(of(stream, "hash"), options);
  }

  /**
   * What is expected of the next event, of a key's next if one is given. It is of every event that was acknowledged
   * before; with `fresh` off it is of the latest snapshot, which is milliseconds old, and never waits for one.
   */
  async next(stream: string, options: CallOptions & { key?: string; top?: number; fresh?: boolean } = {}): Promise<StreamPrediction> {
    const { key, top, fresh = true } = options;
    return this.get(of(stream, "next"), options, { key, top, fresh });
  }

  /** What is expected of the next `horizon` events; `fresh` as for `next`. */
  async forecast(
    stream: string,
    options: CallOptions & { horizon?: number; key?: string; top?: number; fresh?: boolean } = {},
  ): Promise<StreamForecast> {
    const { horizon, key, top, fresh = true } = options;
    return this.get(of(stream, "forecast"), options, { horizon, key, top, fresh });
  }

  /** What is expected of the other fields of an event of which some are known; `fresh` as for `next`. */
  async predict(
    stream: string,
    data: { [field: string]: unknown },
    options: CallOptions & EventFacts & { top?: number; fresh?: boolean } = {},
  ): Promise<StreamPrediction> {
    const { key, time, top, fresh = true } = options;
    const body = encode(data, { ...(key === undefined ? {} : { key }), ...(time === undefined ? {} : { time }) });
    return this.json(of(stream, "predict"), { ...call(options), method: "POST", isQuestion: true, query: { top, fresh }, body });
  }

  /** Why an event was as surprising as it was. The daemon learns a part of its log again to tell, for so many `seconds`. */
  async why(stream: string, offset: number, options: CallOptions & { seconds?: number } = {}): Promise<WhyAnswer> {
    const { seconds } = options;
    const timeoutMs = options.timeoutMs ?? ((seconds ?? WHY_SECONDS) + 10) * 1000;
    return this.get(of(stream, "events", String(offset), "why"), { ...options, timeoutMs }, { seconds });
  }

  /** The latest incidents, newest first. */
  async alarms(options: CallOptions & { limit?: number } = {}): Promise<AlarmEvent[]> {
    return (await this.get<AlarmList>("/api/v1/alarms", options, { limit: options.limit })).alarms;
  }

  /** The latest incidents of a stream, and how many there were. */
  async incidents(stream: string, options: CallOptions & { limit?: number } = {}): Promise<AlarmList> {
    return this.get(of(stream, "alarms"), options, { limit: options.limit });
  }

  /** The course of a stream over spans of one length. */
  async history(stream: string, options: CallOptions & { span?: "seconds" | "minutes" | "hours" | "days" } = {}): Promise<HistoryAnswer> {
    return this.get(of(stream, "history"), options, { span: options.span });
  }

  /** The rarest events of the latest days, and how often events were how rare. */
  async surprises(stream: string, options: CallOptions & { days?: number; limit?: number } = {}): Promise<SurpriseList> {
    return this.get(of(stream, "surprises"), options, { days: options.days, limit: options.limit });
  }

  /** The keys of a stream that are in memory: those first that spoke last, or with the order `quietest` the others. */
  async keys(stream: string, options: CallOptions & { order?: "latest" | "quietest"; limit?: number } = {}): Promise<KeyList> {
    const { order, limit } = options;
    return this.get(of(stream, "keys"), options, { order, limit });
  }

  /** The templates of a stream's lines, those of the most lines first. */
  async templates(stream: string, options: CallOptions & { limit?: number } = {}): Promise<TemplateList> {
    return this.get(of(stream, "templates"), options, { limit: options.limit });
  }

  /** What a stream's learner is made of, and how much each part counts. */
  async learner(stream: string, options: CallOptions = {}): Promise<LearnerDescription> {
    return this.get(of(stream, "learner"), options);
  }

  /** Events of the log, from an offset on. */
  async events(stream: string, options: CallOptions & { from?: number; count?: number } = {}): Promise<LoggedEvents> {
    return this.get(of(stream, "events"), options, { from: options.from, count: options.count });
  }

  /** The events that were refused, as they came. */
  async quarantine(stream: string, options: CallOptions = {}): Promise<QuarantineList> {
    return this.get(of(stream, "quarantine"), options);
  }

  // ---- events

  /**
   * Has events learnt; answered when they are durable. Nothing is sent twice: where the answer is lost, nobody knows
   * what was learnt. Events that `idOf` gives an id can be pushed again, since one that is known is not learnt again. A
   * `producer` sends so that nothing is lost and nothing is learnt twice.
   */
  async push(stream: string, events: Iterable<Data | { [field: string]: unknown }>, options: CallOptions & EventFacts & { idOf?: (data: unknown, place: number) => string } = {}): Promise<Accepted> {
    const { key, time, end, idOf } = options;
    const lines = Array.from(events, (data, place) => encode(data, { key, time, end, id: idOf?.(data, place) }));
    return this.json(of(stream, "events"), { ...call(options), method: "POST", contentType: "application/x-ndjson", body: lines.join("\n") });
  }

  /** Sends events to a stream, exactly once whatever breaks. */
  producer(stream: string, options: ProducerOptions = {}): Producer {
    return new Producer(this.exchange, of(stream, "events"), options);
  }

  /**
   * Says of the incident of an event whether it was `normal` or `bad`, or gives its kind a label. It is learnt and logged
   * like an event. With the `incarnation` that the incident tells, an offset that means another event by now is refused.
   */
  async feedback(stream: string, offset: number, said: { verdict?: FeedbackVerdict; label?: string; incarnation?: number }, options: CallOptions = {}): Promise<FeedbackTaken> {
    const { verdict, label, incarnation } = said;
    const body = JSON.stringify({ offset, verdict, label, incarnation });
    return this.json(of(stream, "feedback"), { ...call(options), method: "POST", body });
  }

  // ---- feeds

  /** Outcomes, drifts and incidents of a stream as they come. */
  async *watch(stream: string, options: WatchOptions = {}): AsyncGenerator<StreamNews, void, void> {
    for await (const event of follow(this.exchange, of(stream, "watch"), { rate: options.rate, predict: options.predict }, options, options.after)) {
      const news = streamNews(event);
      if (news !== null) yield news;
    }
  }

  /** What changes among all streams, once a second, and incidents. */
  async *watchAll(options: FollowOptions = {}): AsyncGenerator<DaemonNews, void, void> {
    for await (const event of follow(this.exchange, "/api/v1/watch", {}, options)) {
      const news = daemonNews(event);
      if (news !== null) yield news;
    }
  }

  // ---- changes of streams

  /** Lets a stream begin anew; `undo` brings back what it was. */
  async reset(stream: string, options: CallOptions = {}): Promise<Changed> {
    return this.change(of(stream, "reset"), options);
  }

  async rename(stream: string, to: string, options: CallOptions = {}): Promise<Changed> {
    return this.change(of(stream, "rename"), options, { to });
  }

  /** Changes kinds of fields; the log is learnt again. */
  async schema(stream: string, change: Partial<SchemaChange>, options: CallOptions = {}): Promise<Changed> {
    return this.change(of(stream, "schema"), options, {}, change);
  }

  /**
   * Makes a stream what it would be without some of its events: those of a key, of offsets (`from`, and `to` after the
   * last), of times (`since`, and `until` after the last; RFC 3339), or of which all that is given holds.
   */
  async forget(stream: string, what: Partial<ForgetBody>, options: CallOptions = {}): Promise<Changed> {
    return this.change(of(stream, "forget"), options, {}, what);
  }

  /** Deletes a stream; `undo` brings it back, unless it is deleted for good. */
  async delete(stream: string, options: CallOptions & { forGood?: boolean } = {}): Promise<Changed> {
    return this.change(of(stream, "delete"), options, { for_good: options.forGood });
  }

  /** Brings back what a reset, a restored checkpoint, a change of schema, forgetting or a deletion replaced. */
  async undo(stream: string, options: CallOptions & { incarnation?: number } = {}): Promise<Changed> {
    return this.change(of(stream, "undo"), options, { incarnation: options.incarnation });
  }

  /** Has a producer forgotten, of one stream or of all, so that it may begin anew with any epoch and number. */
  async forgetProducer(producer: string, options: CallOptions & { stream?: string } = {}): Promise<ForgottenProducer> {
    return this.change(`/api/v1/producers/${encodeURIComponent(producer)}/reset`, options, { stream: options.stream });
  }

  // ---- checkpoints

  async checkpoints(options: CallOptions & { stream?: string } = {}): Promise<CheckpointList> {
    return this.get("/api/v1/checkpoints", options, { stream: options.stream });
  }

  /** Has checkpoints made, of one stream or of all. */
  async checkpoint(options: CallOptions & { stream?: string } = {}): Promise<CheckpointList> {
    return this.change("/api/v1/checkpoints", options, { stream: options.stream });
  }

  /** The bytes of a checkpoint. */
  async checkpointBytes(stream: string, generation: number | string, options: CallOptions = {}): Promise<ArrayBuffer> {
    return this.exchange.ask(checkpointOf(stream, generation), call(options), (answer) => answer.arrayBuffer());
  }

  /** What a checkpoint holds. */
  async checkpointShow(stream: string, generation: number | string, options: CallOptions = {}): Promise<CheckpointDescription> {
    return this.get(checkpointOf(stream, generation, "show"), options);
  }

  /** Whether a checkpoint is whole. */
  async checkpointVerify(stream: string, generation: number | string, options: CallOptions = {}): Promise<CheckpointProof> {
    return this.get(checkpointOf(stream, generation, "verify"), { timeoutMs: CHANGE_MS, ...options });
  }

  /** In what two checkpoints differ. */
  async checkpointDiff(stream: string, generation: number | string, other: number | string, options: CallOptions = {}): Promise<CheckpointDifference> {
    return this.get(checkpointOf(stream, generation, "diff"), options, { with: other });
  }

  /** Keeps a checkpoint for ever, or lets it go in its turn. */
  async checkpointPin(stream: string, generation: number | string, pinned = true, options: CallOptions = {}): Promise<CheckpointMarks> {
    return this.change(checkpointOf(stream, generation, "pin"), options, { pinned: String(pinned) });
  }

  /** Writes a word on a checkpoint; an empty one takes it away. */
  async checkpointLabel(stream: string, generation: number | string, label: string, options: CallOptions = {}): Promise<CheckpointMarks> {
    return this.change(checkpointOf(stream, generation, "label"), options, { label: label === "" ? undefined : label });
  }

  /** Puts a stream back to what it knew then; `undo` brings back what it knew since. */
  async checkpointRestore(stream: string, generation: number | string, options: CallOptions = {}): Promise<Changed> {
    return this.change(checkpointOf(stream, generation, "restore"), options);
  }

  // ---- replays

  /** The replays that the daemon keeps, the newest first. */
  async replays(options: CallOptions = {}): Promise<Replay[]> {
    return (await this.get<ReplayList>("/api/v1/replays", options)).replays;
  }

  /** Has a range of a stream's log learnt again, in a learner that nobody else sees and behind everything else. */
  async replay(spec: ReplaySpec, options: CallOptions = {}): Promise<Replay> {
    return this.change("/api/v1/replays", options, {}, spec);
  }

  /** How far a replay has come, and how well it goes. */
  async replayShow(id: number, options: CallOptions = {}): Promise<Replay> {
    return this.get(`/api/v1/replays/${id}`, options);
  }

  /** Stops a replay, and forgets it. */
  async deleteReplay(id: number, options: CallOptions = {}): Promise<void> {
    await this.exchange.ask(`/api/v1/replays/${id}`, { ...call(options), method: "DELETE" }, (answer) => answer.text());
  }

  // ---- the daemon

  /** Whether the daemon works and can keep what it is sent. */
  async health(options: CallOptions = {}): Promise<Health> {
    return this.json("/-/healthy", { ...call(options), answers: [503] });
  }

  /** Whether all streams are restored and events are accepted. */
  async ready(options: CallOptions = {}): Promise<boolean> {
    const health = await this.json<Health>("/-/ready", { ...call(options), answers: [503] });
    return health.status === "ok";
  }

  /** Limits, and how near each of them is. */
  async system(options: CallOptions = {}): Promise<SystemReport> {
    return this.get("/api/v1/system", options);
  }

  /** The configuration in force: each key with its value, and where it comes from. */
  async config(options: CallOptions = {}): Promise<ConfigInForce> {
    return this.get("/api/v1/config", options);
  }

  /** Metrics in the text format of Prometheus. */
  async metrics(options: CallOptions = {}): Promise<string> {
    return this.exchange.ask("/metrics", call(options), (answer) => answer.text());
  }

  /** Predictions of the streams of `[export.series]` in the text format of Prometheus. */
  async series(options: CallOptions = {}): Promise<string> {
    return this.exchange.ask("/api/v1/series", call(options), (answer) => answer.text());
  }

  /** Who did what, when, and what came of it. */
  async audit(options: CallOptions & { limit?: number } = {}): Promise<Operations> {
    return this.get("/api/v1/audit", options, { limit: options.limit });
  }

  /** Has the configuration read again. */
  async reload(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.change("/-/reload", options);
  }

  /** The description of the HTTP interface for programs. */
  async openapi(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.get("/api/v1/openapi.json", options);
  }

  private get<T>(path: string, options: CallOptions, query: Query = {}): Promise<T> {
    return this.json(path, { ...call(options), query });
  }

  private change<T>(path: string, options: CallOptions, query: Query = {}, body: unknown = {}): Promise<T> {
    return this.json(path, { ...call({ timeoutMs: CHANGE_MS, ...options }), method: "POST", query, body: JSON.stringify(body) });
  }

  private json<T>(path: string, ask: Ask): Promise<T> {
    return this.exchange.ask(path, ask, async (answer) => {
      const found: unknown = await answer.json();
      if (found === null || typeof found !== "object") throw new ProtocolError("not an answer of surmised: expected an object");
      return found as T;
    });
  }
}

const call = ({ signal, timeoutMs }: CallOptions): Ask => ({ signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });

/** The path of a stream. */
function of(stream: string, ...rest: string[]): string {
  if (stream === "") throw new TypeError("name a stream");
  return ["/api/v1/streams", encodeURIComponent(stream), ...rest].join("/");
}

/** The path of a checkpoint, which is named by its number or its label. */
const checkpointOf = (stream: string, generation: number | string, ...rest: string[]): string =>
  ["/api/v1/checkpoints", encodeURIComponent(stream), encodeURIComponent(generation), ...rest].join("/");
