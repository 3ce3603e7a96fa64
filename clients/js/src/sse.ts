// Server-sent events: what a feed is cut into.

import { ProtocolError } from "./errors.js";

/** One event of a feed as it came. */
export interface ServerEvent {
  name: string;
  data: string;
  id: string | null;
}

/** Characters of the longest event that is read. */
const EVENT_MAX = 64 << 20;

/** Cuts the text of a feed into events; what is not complete yet is kept for the next piece. */
export class EventCutter {
  private rest = "";

  cut(text: string): ServerEvent[] {
    this.rest += text;
    // a return at the end may be the first half of a line's end
    const held = this.rest.endsWith("\r") ? "\r" : "";
    const whole = this.rest.slice(0, this.rest.length - held.length).replace(/\r\n?/g, "\n");
    const blocks = whole.split("\n\n");
    this.rest = (blocks.pop() ?? "") + held;
    if (this.rest.length > EVENT_MAX) throw new ProtocolError("an event of the feed is longer than any of surmised");
    return blocks.map(read).filter((event): event is ServerEvent => event !== null);
  }
}

function read(block: string): ServerEvent | null {
  const event: ServerEvent = { name: "message", data: "", id: null };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.name = value;
    else if (field === "data") data.push(value);
    else if (field === "id") event.id = value;
  }
  return data.length > 0 ? { ...event, data: data.join("\n") } : null;
}
