// One stream: what it expects next, how good it is, what surprised it.

import type { AlarmEvent, LearnerDescription, StatusAnswer } from "surmise";
import { pause } from "surmise/pause";
import { bar, bars } from "./bars";
import { ProblemError } from "surmise";
import { daemon, read, words } from "./daemon";
import { clear, h, section } from "./dom";
import { explain } from "./explain";
import { Facts, MEANS, type Fact } from "./facts";
import { Cards, isOdd, isOpen, listed, visible } from "./incident";
import { shorten } from "./eventtext";
import { expectations } from "./expectations";
import { FieldChoice } from "./fieldchoice";
import { ago, bits, bytes, changeWords, clock, count, fieldWords, kindWords, num, percent, plural, rate, subjectOf } from "./format";
import { course } from "./course";
import { losses, reliability } from "./quality";
import { whenOf } from "./logged";
import { predictorWords } from "./predictors";
import { state } from "./state";
import { Seen } from "./seen";
import { Surprising } from "./surprising";
import { LISTED as TEMPLATES_LISTED, templateTable } from "./templates";

/** Outcomes that are followed, at most. */
const OUTCOMES_A_SECOND = 40;

/** How often what the daemon has to work out is asked for again. */
const LOOK_MS = 2000;

export function stream(root: HTMLElement, signal: AbortSignal, name: string): void {
  const seen = new Seen();
  const title = h("h1", {}, h("bdi", {}, shorten(name, 120)));
  const facts = new Facts();
  const odd = h("div", {});
  const problem = h("p", { class: "problem", role: "status" });
  let redraw = () => {};
  const choice = new FieldChoice(() => redraw());
  const expected = expectations(name, seen, choice, signal);
  const history = course(name, signal);
  const lossTable = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Losses, scrollable" });
  const weights = h("div", {});
  const quality = h("div", { class: "calibration" });
  const surprising = new Surprising(name, signal);
  const templates = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Templates, scrollable" });
  const lines = section("Templates", "What its lines are made of: texts with placeholders where they vary.", templates);
  lines.hidden = true;
  const keys = section("Keys", "Keys by the rarest of their events of the latest week.", surprising.keys);
  keys.hidden = true;
  const changes = h("div", {});
  root.append(
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/streams" }, "Streams"), " / ", title,
      h("a", { class: "button", href: `#/stream/${encodeURIComponent(name)}/learner` }, "Learner"),
      h("a", { class: "button", href: `#/replays/${encodeURIComponent(name)}` }, "Replay")),
    problem, facts.element, section("What is odd now", "", odd), expected.element,
    section("How good it is", "Mean surprise in bits per event, each event predicted before it was learnt: 0 bits are certainty, 1 bit is a coin toss; less is better.", lossTable),
    section("Can its word be trusted", "What it held likely, beside what then came.", quality),
    history.element,
    section("Most surprising", "The rarest of its incidents, and then of other events of the latest week: the rarity of an event is what was forecast of it, that of an incident what the stream's past proves.", surprising.events),
    section("What counts now", "Many predictors make a forecast together. So much of it is each one's, for the next value of each field.", weights),
    keys, lines,
    section("Changes", "Lasting changes of the stream, networks that made place for better ones, and how many values are known.", changes),
  );

  // of a stream that is not there nothing can be said, not even that nothing was odd
  const isThere = (is: boolean) => {
    for (const card of root.querySelectorAll<HTMLElement>(":scope > .card, :scope > .facts, .crumbs .button")) {
      if (card !== lines && card !== keys) card.hidden = !is;
      else if (!is) card.hidden = true;
    }
  };
  isThere(false);
  let learner: LearnerDescription | null = null;
  /** When lasting changes began, by their offsets. */
  const began = new Map<number, string>();
  const cards = new Cards(() => live(), true);
  const ofStream = () => state.latest().filter((i) => i.stream === name);
  const live = () => {
    const own = ofStream();
    drawOdd(odd, cards, visible(own));
    surprising.draw(own);
    expected.live();
  };
  let due = false;
  const later = () => {
    if (due) return;
    due = true;
    setTimeout(() => ((due = false), signal.aborted || live()), 250);
  };
  state.onNews(["incidents", "open"], signal, later);
  void explain(signal, () => visible(ofStream()).filter(isOpen), later);
  void surprising.explain(later);
  // nobody reads more; of what comes beyond it the rarest are sent, and the others counted
  void read(() => daemon.watch(name, { signal, insist: true, rate: OUTCOMES_A_SECOND }), signal, (news) => {
    seen.take(news);
    if (news.kind === "replaced") surprising.clear();
    later();
  });
  void (async () => {
    for (let round = 0; !signal.aborted; round++) {
      if (!document.hidden) {
        try {
          const key = expected.key();
          const status = await daemon.status(name, { signal });
          isThere(true);
          if (status.failed !== undefined) throw new Error(`It does not learn any more: ${status.failed}`);
          await history.begin((span) => daemon.history(name, { span, signal }));
          const [prediction, past] = await Promise.all([daemon.next(name, { top: 8, fresh: false, ...(key === null ? {} : { key }), signal }), daemon.history(name, { span: history.span(), signal })]);
          facts.draw(head(status));
          problem.textContent = "";
          keys.hidden = status.keys <= 1;
          choice.take(status.schema.fields.map((field) => field.name));
          history.draw(past, { incidents: ofStream(), rare: surprising.list, offset: status.offset });
          redraw = () => {
            expected.draw(prediction, status);
            clear(lossTable, losses(past.windows, status, choice));
            clear(changes, changesOf(status, learner, began, choice));
            if (learner === null) return;
            clear(weights, weightsOf(learner, choice));
            clear(quality, reliability(learner, status, surprising.list, choice));
          };
          redraw();
          if (round % 3 === 0) {
            learner = await daemon.learner(name, { signal });
            await surprising.look(ofStream());
            later();
            await timesOf(name, status, began, signal);
            redraw();
            lines.hidden = !status.schema.fields.some((field) => field.kind === "line");
            if (!lines.hidden && !templates.contains(document.activeElement)) clear(templates, templateTable(await daemon.templates(name, { limit: TEMPLATES_LISTED, signal })));
          }
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof ProblemError && error.status === 404) isThere(false);
          problem.textContent = words(error);
        }
      }
      await pause(LOOK_MS, signal);
    }
  })();
}

/** Incidents of the stream that are shown where it tells what is odd. */
const ODD_MAX = 3;

/** What goes on now, even if it was called normal; when nothing does, what was odd last. */
function drawOdd(place: HTMLElement, cards: Cards, own: AlarmEvent[]): void {
  const open = listed(own.filter(isOpen)).flat();
  const last = own[0];
  const isQuiet = !open.some(isOdd);
  const nothing = () => h("p", { class: "state quiet" }, h("span", { class: "dot", "aria-hidden": "true" }), "Nothing");
  if (open.length > 0) {
    cards.draw(open.slice(0, ODD_MAX));
    const more = open.length - ODD_MAX;
    clear(place, isQuiet && nothing(), cards.element, more > 0 && h("p", {}, `${plural(more, "more incident")}: `, h("a", { href: "#/now" }, "all that goes on")));
    return;
  }
  const since = last && h("p", { class: "facts" }, "The last was: ", h("a", { href: `#/stream/${encodeURIComponent(last.stream)}/event/${last.event === null ? Math.max(0, last.began - 1) : last.oddest}` }, kindWords(last.kind, subjectOf(last), last.event !== null, false)), `, ${ago(last.time)}`);
  clear(place, nothing(), since ?? h("p", { class: "facts" }, "Nothing was odd so far."));
}

/** Events that the daemon's running mean reaches back. */
const RECENT_EVENTS = 500;

function head(status: StatusAnswer): Fact[] {
  const row = state.rows.get(status.stream);
  const { alarms, checkpoint } = status;
  return [
    ["Events", count(status.offset)],
    ["Events/s", rate(row?.events_per_second ?? 0)],
    ["Bits/event lately", bits(row?.recent_bits), `${MEANS.bits} It is over about the latest ${count(RECENT_EVENTS)} events, of which the latest count most.`],
    ["Skill", percent(row?.skill), MEANS.skill],
    ["Keys", count(status.keys), "Sequences inside the stream, such as users or machines, each with a past of its own."],
    ["Last event", status.last_event_time ? ago(status.last_event_time) : "–", "By the event's own time, where it has one, and not by when it came."],
    ["Incidents", count(alarms.begun), "Times when something odd began."],
    ["False ones promised", `≤ ${num(alarms.promised, 2)}`, `With its budget of ${alarms.budget}, a stream in which nothing is wrong would have had at most so many incidents by now. Many more mean that something is.`],
    ["Memory", bytes(status.state_bytes)],
    ["Checkpoint", checkpoint ? ago(checkpoint.time) : "none yet", "When all that it has learnt was last written to the disk. The log has every event since."],
    ...(status.begun_like ? [["Began like", `${status.begun_like.stream}, ${plural(status.begun_like.offset, "event")}`, "The stream with whose knowledge it began, and how many events that one had learnt by then."] satisfies Fact] : []),
    ...(status.quarantined ? [["Quarantined", count(status.quarantined), "Events that could not be learnt, and were put aside."] satisfies Fact] : []),
    ...(Object.keys(status.refused).length ? [["Refused", Object.entries(status.refused).map(([code, n]) => `${count(n)} ${code}`).join(", "), "Events that were not taken, by reason."] satisfies Fact] : []),
  ];
}

function weightsOf(learner: LearnerDescription, choice: FieldChoice): HTMLElement {
  const groups = learner.fields.filter((field) => choice.has(field.name) && field.experts.some((expert) => expert.weight > 0)).map((field) => {
    const experts = [...field.experts].sort((a, b) => b.weight - a.weight).filter((expert) => expert.weight >= 0.002).slice(0, 8);
    return h("div", {}, h("h3", {}, h("bdi", {}, fieldWords(field.name, field.kind)), " ", h("span", { class: "dim" }, field.kind === field.name ? "" : field.kind)),
      bars(...experts.map((expert) => {
        const item = bar(predictorWords(expert.name), expert.weight, undefined, expert.name === "network" ? "network" : "");
        item.title = `${expert.name}${expert.about ? `, ${expert.about}` : ""}: ${num(expert.loss_bits)} bits per value if it predicted alone`;
        return item;
      })));
  });
  return groups.length > 0 ? h("div", { class: "columns" }, ...groups) : h("p", { class: "dim" }, "No field has a model yet.");
}

/** Finds out when lasting changes began: by the event's own time, or by that of its arrival. */
async function timesOf(name: string, status: StatusAnswer, began: Map<number, string>, signal: AbortSignal): Promise<void> {
  const unknown = status.report.drifts.slice(-CHANGES_MAX).map((drift) => drift.began).filter((offset) => !began.has(offset));
  if (unknown.length === 0) return;
  for (const offset of unknown) {
    const log = await daemon.events(name, { from: offset, count: 1, signal });
    const item = log.events.find((item) => item.offset === offset);
    // what the log no longer has is not asked for again
    began.set(offset, item ? clock(whenOf(item)) : "");
  }
}

/** Lasting changes that are listed, the latest. */
const CHANGES_MAX = 6;

function changesOf(status: StatusAnswer, learner: LearnerDescription | null, began: Map<number, string>, choice: FieldChoice): HTMLElement {
  const drifts = status.report.drifts.slice(-CHANGES_MAX).reverse().map((d) =>
    h("li", {}, changeWords(d).replace(/^./, (first) => first.toUpperCase()), h("span", { class: "dim" }, `, since ${began.get(d.began) ? `${began.get(d.began)}, ` : ""}event ${count(d.began)}; noticed ${plural(d.noticed - d.began, "event")} later`)));
  // one for which none has made place has not changed: the learner's view tells of it
  const nets = (learner?.fields ?? []).filter((f) => f.network && f.network.promotions > 0 && choice.has(f.name)).map((f) =>
    h("li", {}, h("bdi", {}, fieldWords(f.name, f.kind)), `: ${count(f.network!.promotions)} of ${plural(f.network!.trials, "network")} that were tried proved better, and took the place of the one before`));
  const vocabulary = Object.entries(status.report.fields).filter(([name, f]) => f.distinct !== undefined && choice.has(name)).map(([n, f]) => h("li", {}, h("bdi", {}, n), `: ${plural(f.distinct!, f.kind === "line" ? "template" : "different value")} seen so far`));
  const all = [...(drifts.length ? drifts : [h("li", { class: "dim" }, "No lasting change so far.")]), ...nets, ...vocabulary];
  return h("ul", { class: "plain" }, ...all);
}
