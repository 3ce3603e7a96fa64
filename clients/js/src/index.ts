// The JavaScript client of surmise.

export * from "./answers.js";
export { Client, type CallOptions } from "./client.js";
export * from "./errors.js";
export type { ExchangeOptions, Token } from "./exchange.js";
export type { FollowOptions, WatchOptions } from "./feed.js";
export { Producer, type ProducerOptions, type Progress, type Refused } from "./producer.js";
export type { EventFacts } from "./record.js";
export type * from "./told.js";
