// The page in a real browser, with a real daemon that learns streams of every kind.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { program } from "./chromium";
import { contextWords, predictorWords, sidesOf } from "../src/predictors";
import { fieldsOf } from "../src/eventtext";
import { ago, num, rarity, rate } from "../src/format";
import { chance, Daemon, DECLARED, kinds, makers, moved, token } from "./daemon";
import { Scene, skip, TEST, until, WAIT } from "./scene";
import * as told from "./told";

const EVENTS = 2500;

if (!program()) {
  skip("the page in a browser");
} else {
  const scene = new Scene();
  const byStream = (a: { stream: string | null }, b: { stream: string | null }) => ((a.stream ?? "") < (b.stream ?? "") ? -1 : 1);
  const number = (text: string | null) => Number((text ?? "").replace(/[^\d.-]/g, ""));

  before(async () => {
    await scene.start(DECLARED);
    await scene.learn({ ...kinds(EVENTS), tank: moved(EVENTS) });
  });
  after(() => scene.end());

  test("Now names what is odd, marks it, and says what was expected", TEST, async () => {
    // every stream is silent, and one has no incident that goes on: within seconds its next event is overdue
    let alarms: any[] = [];
    for (let i = 0; i < 300 && !alarms.some((a) => a.stream === "door-east"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      alarms = (await scene.daemon.ask("/api/v1/alarms?limit=200")).alarms;
    }
    assert.ok(alarms.some((a) => a.stream === "door-east" && a.kind === "missing"), "the silence of door-east is told");
    await scene.open("#/now");
    // one stream after the other is told to be overdue meanwhile
    const latest = async (): Promise<any[]> => (alarms = (await scene.daemon.ask("/api/v1/alarms?limit=200")).alarms);
    const known = async (): Promise<number> => (await latest()).length;
    await scene.unfold(scene.page.locator("li.incident"), known);
    await until("the state", async () => {
      const odd = (await latest()).filter((a: any) => a.phase !== "ended").length;
      return [await scene.page.locator(".state").textContent(), odd ? `${odd} incident` : "Nothing is odd"] as const;
    }, ([said, expected]) => said!.startsWith(expected));
    for (const odd of ["/admin/export.php", "240.5", "out of memory", "97.5", "77.75", "parrot"]) {
      assert.ok((await scene.page.locator("li.incident mark.odd").allTextContents()).some((text) => text.includes(odd)), odd);
    }
    await scene.page.locator("li.incident .instead").first().waitFor(WAIT);
    await until("the incidents in all", async () => {
      const { streams } = await scene.daemon.ask("/api/v1/streams");
      return [await scene.page.locator(".rates").textContent(), streams.reduce((sum: number, row: any) => sum + row.incidents, 0)] as const;
    }, ([said, begun]) => said!.includes(`Ever: ${begun} incident`));
    await scene.sound("now");
    // a note is kept in this browser
    const first = scene.page.locator("li.incident", { hasText: "240.5" }).first();
    await first.getByRole("button", { name: "Note" }).click();
    await scene.page.locator("textarea").fill("valve test <b>announced</b>");
    await scene.page.getByRole("button", { name: "Keep in this browser" }).click();
    const note = scene.page.locator(".note", { hasText: "valve test <b>announced</b>" });
    await note.waitFor(WAIT);
    await scene.page.reload();
    await scene.unfold(scene.page.locator("li.incident"), known);
    await note.waitFor(WAIT);
  });

  test("Streams shows what the list says, sorts, filters and groups", TEST, async () => {
    await scene.open("#/streams");
    await scene.page.locator(".rows .row").nth(4).waitFor(WAIT);
    // every column of every row; nothing comes meanwhile, so rates fall to zero, and all is to be the same
    const shown = () => scene.page.locator(".rows > .row").evaluateAll((all) => all.map((row) => {
      const cell = (key: string) => row.querySelector(`.c-${key}`)!;
      return {
        stream: cell("name").querySelector("a")!.textContent, state: cell("name").querySelector(".dot")!.getAttribute("aria-label"), rate: cell("rate").textContent,
        bits: cell("bits").querySelector(".figure")!.textContent, spark: (cell("bits").querySelector("path")?.getAttribute("d")?.match(/[ML]/g) ?? []).length,
        skill: cell("skill").textContent, incident: (cell("incident").querySelector("a, span")!.firstChild as Text).data.trim(), drift: cell("drift").textContent, events: cell("events").textContent,
      };
    }));
    const { streams } = await scene.daemon.ask("/api/v1/streams");
    const same = await until("the rows", async () => [await shown(), (await scene.daemon.ask("/api/v1/streams?trend=1")).streams.map(told.row)] as const,
      ([shown, rows]) => JSON.stringify(shown.sort(byStream)) === JSON.stringify(rows.sort(byStream))).catch(async () => [await shown(), (await scene.daemon.ask("/api/v1/streams?trend=1")).streams.map(told.row)] as const);
    assert.deepEqual(same[0].sort(byStream), same[1].sort(byStream));
    const tank = same[0].find(({ stream }) => stream === "tank")!;
    assert.match(tank.drift, /^(value moved|less predictable|faster|slower), [\d,]+ events? ago$/);
    assert.ok(same[0].some(({ state }) => state === "something is odd"), "some are odd");
    // all that a row says can be read: nothing is wider than its cell, and no cell reaches into another
    const cuts = () => scene.page.locator(".table").evaluate((table) => {
      const isCut = (one: Element) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 1;
      const cells = [...table.querySelectorAll(".row > div")].filter((one) => (one as HTMLElement).offsetWidth > 0);
      const cut = cells.flatMap((cell) => [cell, ...cell.querySelectorAll("div")]).filter(isCut).map((one) => `${one.className}: ${one.textContent}`);
      // beside a figure on the right a text on the left needs room
      const texts = (row: Element) => [...row.children].filter((one) => (one as HTMLElement).offsetWidth > 0).map((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getBoundingClientRect();
      });
      const close = [...table.querySelectorAll(".row")].flatMap((row) => texts(row).slice(1).map((box, i) => Math.round(box.left - texts(row)[i]!.right))).filter((room) => room < 20);
      const wide = [...table.querySelectorAll(".row")].filter((row) => row.getBoundingClientRect().right > innerWidth || row.scrollWidth > row.clientWidth).length;
      return { cut, close, wide };
    });
    for (const width of [1280, 1100, 1024, 800]) {
      await scene.page.setViewportSize({ width, height: 860 });
      await until(`what is cut at ${width}`, cuts, ({ cut, close, wide }) => cut.length + close.length + wide === 0);
    }
    await scene.page.setViewportSize({ width: 1280, height: 860 });
    const names = () => scene.page.locator(".rows .c-name a").allTextContents();
    await scene.page.getByRole("button", { name: "Stream", exact: true }).click();
    assert.deepEqual(await names(), streams.map((s: any) => s.stream).sort());
    await scene.page.getByRole("searchbox").fill("is:drifting");
    await scene.page.locator(".total", { hasText: `${same[0].filter(({ drift }) => drift !== "none").length} of ${streams.length}` }).waitFor(WAIT);
    await scene.page.getByRole("searchbox").fill("boiler");
    await scene.page.waitForFunction(() => document.querySelectorAll(".rows .row").length === 1);
    await scene.page.getByRole("searchbox").fill("");
    await scene.page.getByLabel("Group streams").selectOption("prefix");
    await scene.page.locator(".row.group").first().waitFor();
    await scene.sound("streams");
    await scene.page.getByLabel("Group streams").selectOption("none");
    // by keyboard: down the list, and into a stream
    await scene.page.locator(".rows .c-name a").first().focus();
    await scene.page.keyboard.press("ArrowDown");
    await scene.page.keyboard.press("Enter");
    await scene.page.waitForURL(/#\/stream\//);
  });

  test("Streams on a phone has what its columns have not room for beside the name, and below", TEST, async () => {
    await scene.with({ phone: true }, async () => {
      await scene.open("#/streams");
      await scene.page.getByRole("searchbox").fill("tank");
      const row = scene.page.locator(".rows > .row", { hasText: "tank" });
      await row.locator(".c-name .tag", { hasText: "changed" }).waitFor(WAIT);
      assert.deepEqual([await row.locator(".c-drift").isVisible(), await row.locator(".c-events").isVisible()], [false, true]);
      // all of it within its row, and within the screen
      const { top, bottom } = await row.evaluate((one) => one.getBoundingClientRect().toJSON() as DOMRect);
      const boxes = await row.locator("a, .tag, .c-rate, .c-bits, .c-skill, .c-events").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON() as DOMRect));
      assert.ok(boxes.length >= 6 && boxes.every((box) => box.top >= top - 1 && box.bottom <= bottom + 1 && box.right <= 391), JSON.stringify([boxes, top, bottom]));
      await scene.page.getByRole("searchbox").fill("door-east");
      await scene.page.locator(".rows > .row", { hasText: "door-east" }).waitFor(WAIT);
      assert.equal(await scene.page.locator(".rows > .row .tag").count(), 0, "nothing has changed in it");
      await scene.sound("Streams on a phone");
    });
  });

  for (const stream of [...Object.keys(makers()), "tank"]) {
    test(`Stream shows ${stream} as the daemon knows it, and follows it`, TEST, async () => {
      await scene.open(`#/stream/${stream}`);
      const fact = (name: string) => scene.page.locator("dl.facts div", { hasText: name }).first().locator("dd");
      await fact("Checkpoint").waitFor(WAIT);
      const status = await scene.daemon.ask(`/api/v1/streams/${stream}`);
      assert.equal(number(await fact("Events").textContent()), status.offset);
      // what is odd now comes first, then what it expects, then how good that is
      assert.deepEqual((await scene.page.locator(".card > header h2").allTextContents()).slice(0, 3), ["What is odd now", "What it expects next", "How good it is"]);
      const odd = scene.page.locator(".card", { hasText: "What is odd now" }).first();
      const isOpen = async () => {
        const { alarms } = await scene.daemon.ask(`/api/v1/streams/${stream}/alarms`);
        return [alarms.some((a: any) => a.phase !== "ended"), (await odd.locator("li.incident.open").count()) > 0, (await odd.locator(".state.quiet").count()) > 0];
      };
      await until("whether something is odd", isOpen, ([isOdd, card, quiet]) => isOdd === card && isOdd !== quiet);
      // a word that is not plain says what it means, for as long as it is looked at
      await scene.page.getByRole("button", { name: "Skill" }).click();
      await scene.page.locator(".meaning", { hasText: "best simple predictor" }).waitFor();
      await until("incidents", async () => [await fact("Incidents").textContent(), String((await scene.daemon.ask(`/api/v1/streams/${stream}`)).alarms.begun)], ([shown, told]) => shown === told);
      // every number of its lists and tables is the daemon's: nothing comes meanwhile, so they are to be the same
      const lists = (title: string, kind = "ul, dl") => scene.page.evaluate(([title, kind]) => {
        const card = [...document.querySelectorAll(".card")].find((one) => one.querySelector("h2")?.textContent === title)!;
        const lines = (list: Element) => [...list.children].map((one) => [...one.children].filter((part) => part.getAttribute("aria-hidden") === null).map((part) => part.textContent).join(" "));
        const isWhole = kind !== "ul, dl";
        return [...card.querySelectorAll(".columns > div")].filter((one) => one.querySelector(kind!)).map((one): [string, string[]] => [((isWhole ? null : one.querySelector("h3 > bdi")) ?? one.querySelector("h3"))!.textContent!.trim(), lines(one.querySelector(kind!)!)]);
      }, [title, kind]);
      const same = async (what: string, look: () => Promise<unknown>, tell: () => Promise<unknown>) => {
        const both = async () => [JSON.stringify(await look(), null, 1), JSON.stringify(await tell(), null, 1)];
        const [shown, told] = await until(what, both, ([shown, told]) => shown === told).catch(both);
        assert.deepEqual(JSON.parse(shown!), JSON.parse(told!), what);
      };
      const api = <T = any>(what: string): Promise<T> => scene.daemon.ask(`/api/v1/streams/${stream}${what}`);
      await same("what is expected", () => lists("What it expects next"), async () => told.expectations(await api("/next?top=8"), await api("")));
      const rows = (selector: string) => scene.page.locator(selector).evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
      await same("losses", () => rows(".losses tr"), async () => told.losses(await api("/history?span=seconds"), await api("")));
      await same("what counts now", () => lists("What counts now"), async () => told.weights(await api("/learner")));
      // the diagram's dots lie where what came true was claimed, and tenths are the daemon's
      await same("claims", () => scene.page.evaluate(() => {
        const image = document.querySelector("svg.reliability");
        if (!image) return null;
        const ends = (image.querySelector(".diagonal")!.getAttribute("d")!.match(/[\d.]+/g) ?? []).map(Number) as [number, number, number, number];
        const part = (x: number, from: number, to: number) => ((x - from) / (to - from)).toFixed(3);
        const dots = [...image.querySelectorAll("circle")].map((dot) => [part(Number(dot.getAttribute("cx")), ends[0], ends[2]), part(Number(dot.getAttribute("cy")), ends[1], ends[3])]);
        return { dots, label: image.getAttribute("aria-label") };
      }), async () => told.claims(await api("/learner")));
      await same("tenths", async () => (await lists("Can its word be trusted", "ul.bars")).map(([title, lines]) => [title, lines]), async () => told.tenths(await api("/learner")));
      if (stream === "plant.boiler-7") assert.ok(told.tenths(await api("/learner")).length > 0 && told.claims(await api("/learner")) !== null, "there is something to compare");
      // none is told by its name in settings alone, which is its title
      const named = (await api("/learner")).fields.flatMap((field: any) => field.experts.map(({ name }: any) => name));
      assert.deepEqual(named.filter((name: string) => predictorWords(name) === name), [], "predictors without words");
      const titles = await scene.page.locator(".losses .expert th span[title]").evaluateAll((all) => all.map((one) => one.getAttribute("title")));
      assert.ok(titles.length === 0 || titles.every((title) => named.includes(title)), `${titles}`);
      await same("changes", () => scene.page.locator(".card", { hasText: "Lasting changes of the stream" }).locator("li").evaluateAll((all) => all.map((one) => one.textContent!.replace(/, since .*event ([\d,]+);/, ", since event $1;"))), async () => told.changes(await api(""), await api("/learner")));
      if (stream === "tank") assert.ok((await api("")).report.drifts.length > 0, "its level has moved");
      const numbers = status.schema.fields.filter((field: any) => field.kind === "number");
      const fans = (came: number) => same("forecasts", () => scene.page.locator('figure.chart[aria-label^="Forecast of"]').evaluateAll((all) => all.map((one) => one.getAttribute("aria-label"))), async () => {
        const { steps } = await api(`/forecast?horizon=24&top=1`);
        return numbers.map(({ name }: any) => told.fan(name, steps, came));
      });
      await fans(0);
      if (numbers.length > 0) await scene.page.locator('figure.chart[aria-label^="Forecast of"] canvas').nth(numbers.length - 1).waitFor(WAIT);
      // live: what comes now is counted without a question
      const make = makers()[stream] ?? (() => ({ data: 61.5 }));
      await scene.daemon.post(stream, Array.from({ length: 10 }, (_, i) => ({ time: Date.now() / 1000, ...make(i) })));
      const { offset } = await api("");
      assert.ok(offset >= status.offset + 10, `${offset} after ${status.offset}`);
      await fact("Events").filter({ hasText: new RegExp(`^${offset.toLocaleString("en")}$`) }).waitFor(WAIT);
      await scene.page.waitForFunction((n) => [...document.querySelectorAll('figure.chart[aria-label$=" 10 of these came."]')].length === n, numbers.length, WAIT);
      await scene.sound(stream);
    });
  }

  /** Waits until the page shows what the daemon says; both may move on between two looks. */
  const agree = async (look: () => Promise<[shown: unknown, told: unknown]>) => {
    const until = Date.now() + WAIT.timeout;
    for (;;) {
      const [shown, told] = await look();
      try {
        return assert.deepEqual(shown, told);
      } catch (error) {
        if (Date.now() > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };

  test("what the daemon keeps of a stream's past is shown, whenever the page is opened", TEST, async () => {
    const texts = (selector: string) => scene.page.locator(selector).allTextContents();
    await scene.open("#/stream/log-api");
    await agree(async () => {
      const { templates } = await scene.daemon.ask("/api/v1/streams/log-api/templates?limit=50");
      const shown = await Promise.all([texts("table.templates tbody th code"), texts("table.templates tbody td:nth-child(2)")]);
      return [shown, [templates.map((t: any) => t.text), templates.map((t: any) => t.lines.toLocaleString("en"))]];
    });
    assert.ok((await texts("table.templates tbody th code")).length > 2, "lines of several templates came");
    await scene.open("#/stream/shop-clicks");
    const rare = () => scene.daemon.ask("/api/v1/streams/shop-clicks/surprises?limit=112");
    await agree(async () => [await texts("table.rare tbody td:last-child"), (await rare()).counts.map((c: any) => c.events.toLocaleString("en"))]);
    await agree(async () => {
      const { alarms } = await scene.daemon.ask("/api/v1/streams/shop-clicks/alarms?limit=256");
      const began = alarms.filter((a: any) => a.event !== null);
      const isOf = (offset: number) => began.some((a: any) => a.began <= offset && offset <= a.offset);
      const shown = await scene.page.locator("ol.surprises li").evaluateAll((items) => items.map((item) => [Number((item as HTMLElement).dataset["offset"]), /(\d+) more of its events/.exec(item.textContent!)?.[1] ?? "0"] as const));
      const { surprises } = await rare();
      const [own, others] = [shown.filter(([offset]) => isOf(offset)), shown.filter(([offset]) => !isOf(offset))];
      assert.ok(shown.length <= 8);
      // one entry of each incident, with how many others of its events are among the rarest
      const more = (a: any) => String(surprises.filter((s: any) => a.began <= s.offset && s.offset <= a.offset && s.offset !== a.event_offset).length);
      return [[own, others.map(([offset]) => offset)], [began.sort((a: any, b: any) => b.rarity_events - a.rarity_events).map((a: any) => [a.event_offset, more(a)]), surprises.map((s: any) => s.offset).filter((offset: number) => !isOf(offset)).slice(0, Math.max(1, others.length))]];
    });
    await agree(async () => {
      const { surprises } = await rare();
      return [(await texts(".card:has(h2:text-is('Keys')) tbody th"))[0], surprises.find((s: any) => s.key !== undefined).key];
    });
    // when the rarest event of each was is told by its own time, also where it is an incident's
    await agree(async () => {
      const { surprises } = await rare();
      const [keys, whens] = [await texts(".card:has(h2:text-is('Keys')) tbody th"), await texts(".card:has(h2:text-is('Keys')) tbody td:nth-child(3)")];
      const times = await Promise.all(keys.map(async (key) => (await scene.daemon.ask(`/api/v1/streams/shop-clicks/events?from=${surprises.find((s: any) => s.key === key).offset}&count=1`)).events[0].event.time));
      return [whens, times.map((time) => ago(time))];
    });
    // what is odd is marked, also where no incident tells it
    await scene.open("#/stream/host-db1");
    const entries = () => scene.page.locator("ol.surprises li").evaluateAll((items) => items.map((item) => [Number((item as HTMLElement).dataset["offset"]), [...item.querySelectorAll("mark")].map((mark) => mark.textContent!)] as const));
    await until("all entries", async () => {
      const [{ alarms }, { surprises }] = await Promise.all([scene.daemon.ask("/api/v1/streams/host-db1/alarms?limit=256"), scene.daemon.ask("/api/v1/streams/host-db1/surprises?limit=112")]);
      const shows = alarms.filter((a: any) => a.event !== null);
      const others = surprises.filter(({ offset }: any) => !shows.some((a: any) => a.began <= offset && offset <= a.offset));
      return [(await entries()).length, Math.min(8, shows.length + others.length)];
    }, ([shown, told]) => shown === told && shown! > 3);
    const odd = new Map<number, string[]>();
    // the daemon answers one such question at a time: the page's may be refused while the test asks
    scene.quiet = true;
    for (const [offset] of await entries()) {
      const { event, parts } = await scene.daemon.ask(`/api/v1/streams/host-db1/events/${offset}/why`);
      odd.set(offset, fieldsOf(event, parts).flatMap(({ pieces }) => pieces.filter((piece) => piece.odd > 0).map(({ text }) => text)).sort());
    }
    assert.ok([...odd.values()].filter((marks) => marks.length > 0).length > 1, "more than the incident's event is odd");
    await agree(async () => {
      const shown = (await entries()).map(([offset, marks]) => [offset, [...marks].sort()] as const);
      return [shown, shown.map(([offset]) => [offset, odd.get(offset)])];
    });
    scene.quiet = false;
    await scene.open("#/stream/plant.boiler-7");
    await agree(async () => {
      const { report } = await scene.daemon.ask("/api/v1/streams/plant.boiler-7");
      const fields = Object.values<any>(report.fields).filter((f) => f.coverage_90 !== undefined);
      const told = fields.flatMap((f) => [f.coverage_50, f.coverage_90, f.coverage_99].map((c) => `${(c * 100).toFixed(1)} %`));
      assert.ok(told.length > 0, "numbers are measured");
      return [await texts("table.coverage tbody td"), told];
    });
    await scene.open("#/stream/plant.boiler-7/learner");
    await agree(async () => {
      const { cost } = await scene.daemon.ask("/api/v1/streams/plant.boiler-7");
      assert.ok(cost.stages.length > 3);
      return [await texts(".card:has(h2:text-is('Where its time goes')) .bar .label bdi"), cost.stages.map((stage: any) => stage.name)];
    });
    assert.deepEqual(scene.faults, []);
  });

  test("a stream that came at once is shown by its numbers, and its course over time once there is one", TEST, async () => {
    const next = chance(31);
    // what has come up to now is missed when it stops; a past that ended long ago is not
    const start = Math.floor(Date.now() / 1000) - 7 * 2000;
    const status = (i: number) => (i % 100 === 50 ? 503 : 200);
    const line = (i: number) => ({ time: start + 7 * i, data: i === 1900 ? "panic: all is lost" : [`GET /api/item/${Math.floor(next() * 999)} ${status(i)}`, `worker ${Math.floor(next() * 4)} took job ${i}`][i % 2] });
    await scene.daemon.post("old-log", Array.from({ length: 1000 }, (_, i) => line(i)));
    await scene.daemon.post("old-log", Array.from({ length: 1000 }, (_, i) => line(1000 + i)));
    const api = (what: string) => scene.daemon.ask(`/api/v1/streams/old-log${what}`);
    await scene.open("#/stream/old-log");
    const course = scene.page.locator(".card:has(h2:text-is('Its course'))");
    const facts = course.locator("p.facts").first();
    await facts.filter({ hasText: /^2,000 events in view, [\d.]+ bits each; \d+ incidents? began\. All came within \d+ seconds?, from .*: that is too little for a course over time\.$/ }).waitFor(WAIT);
    assert.equal(await course.getByText("Events per second").isVisible(), false, "an empty chart is not shown");
    const label = course.locator(".numbered figure.chart");
    await label.locator("canvas").waitFor(WAIT);
    await agree(async () => {
      const [{ surprises }, { alarms }] = await Promise.all([api("/surprises?limit=112"), api("/alarms")]);
      const shows = alarms.filter((a: any) => a.event !== null);
      const offsets = new Set([...surprises.map((s: any) => s.offset), ...shows.map((a: any) => a.event_offset)]);
      const most = [...surprises, ...shows].reduce((a: any, b: any) => (b.surprise_bits > a.surprise_bits ? b : a));
      assert.ok(offsets.size > 5 && shows.some((a: any) => a.event_offset === 1900));
      return [await label.getAttribute("aria-label"), `The rarest events of old-log by their numbers: ${offsets.size} events of 2,000, of which event ${(most.event_offset ?? most.offset).toLocaleString("en")} has most bits, ${most.surprise_bits.toFixed(2)}`];
    });
    // the incidents of its course are as many as it has had, though a silence began one of them
    await until("one is overdue", () => api("/alarms"), ({ alarms }) => alarms.some((a: any) => a.event === null));
    await agree(async () => [(/; (\d+) incidents? began/.exec((await facts.textContent())!) ?? [])[1], String((await api("")).alarms.begun)]);
    await scene.sound("a stream that came at once");
    // once it goes on there is a course, whose figures are those of the history
    for (let i = 0; i < 4; i++) {
      await scene.daemon.post("old-log", [{ time: Date.now() / 1000, ...{ data: `new line ${"abcdef"[i]} of ${"xyzuvw"[i]}` } }]);
      await scene.page.waitForTimeout(1100);
    }
    await course.getByRole("button", { name: "2 minutes" }).click();
    await course.getByText("Events per second").waitFor(WAIT);
    const figures = () => course.locator("figure.chart[aria-label*=' over time']").evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")!.replace(/^.* over time/, "")));
    await agree(async () => {
      const { points } = (await api("/history?span=seconds")) as { points: any[] };
      const range = (all: number[], say: (x: number) => string, least = Math.min(...all)) => `: from ${say(least)} to ${say(Math.max(...all))}, ${say(all.at(-1)!)} last`;
      const [first, last] = [points[0].distinct, points.at(-1).distinct].map((x: number) => x.toLocaleString("en"));
      // seconds without events lie between
      return [await figures(), [`, incidents marked${range(points.map((p) => p.bits / p.events), (x) => x.toFixed(2))}`, range(points.map((p) => p.events), rate, 0), `: ${first === last ? first : `from ${first} to ${last}`}`]];
    });
    assert.equal(await course.locator(".grown").textContent(), (await figures())[2]!.slice(2));
    assert.deepEqual(scene.faults, []);
  });

  test("Event tells each part's share, what was expected instead and who said so", TEST, async () => {
    const offset = EVENTS - 20;
    const why = await scene.daemon.ask(`/api/v1/streams/host-db1/events/${offset}/why`);
    await scene.open(`#/stream/host-db1/event/${offset}`);
    await scene.page.locator("table.parts tbody tr").first().waitFor(WAIT);
    const cells = await scene.page.locator("table.parts tbody tr").first().locator("th, td").allTextContents();
    assert.deepEqual([cells[0], cells[1], cells[2]], ["mem", "97.5", why.parts[0].surprise_bits.toFixed(2)]);
    assert.equal(cells[5], predictorWords(why.parts[0].by));
    // only of what is looked for it is said that there was none: the number that is odd, and not those that are usual,
    // nor the times between events
    const { schema } = await scene.daemon.ask("/api/v1/streams/host-db1");
    await scene.page.locator("summary", { hasText: "more part" }).click();
    await until("all parts", () => scene.page.locator("table.parts tbody tr").count(), (rows) => rows === why.parts.length);
    const kindOf = (part: any) => schema.fields.find((field: any) => field.name === part.name)?.kind ?? "";
    const isUsual = ({ value, expected: { quantiles } = {} as any }: any) => Number(value) >= quantiles["0.05"] && Number(value) <= quantiles["0.95"];
    assert.deepEqual(new Set(why.parts.map(kindOf)), new Set(["number", "category", "gap", ""]));
    assert.deepEqual(await scene.page.locator("table.parts tbody td:last-child").allTextContents(),
      why.parts.map((part: any) => (part.last_seen !== undefined ? part.last_seen.toLocaleString("en") : kindOf(part) === "category" || (kindOf(part) === "number" && !isUsual(part)) ? "not in the log" : "–")));
    assert.equal(cells[6], "not in the log");
    await scene.sound("event");
    await scene.page.getByRole("link", { name: "Later" }).click();
    await scene.page.locator("h1", { hasText: (offset + 1).toLocaleString("en") }).waitFor();
    scene.quiet = true;
    await scene.page.goto(`${scene.daemon.url}/#/stream/host-db1/event/99999999`);
    await scene.page.locator(".problem", { hasText: "there is no event" }).waitFor(WAIT);
    // nor is there one after the newest
    const { offset: end } = await scene.daemon.ask("/api/v1/streams/host-db1");
    await scene.open(`#/stream/host-db1/event/${end - 1}`);
    await scene.page.locator("ol.context li.here").waitFor(WAIT);
    assert.deepEqual([await scene.page.getByRole("link", { name: "Earlier" }).isVisible(), await scene.page.getByRole("link", { name: "Later" }).isVisible()], [true, false]);
    // what has no time of its own has that of its arrival
    await scene.open("#/stream/tank/event/100");
    await scene.page.locator("ol.context li.here").waitFor(WAIT);
    const logged = (await scene.daemon.ask("/api/v1/streams/tank/events?from=90&count=21")).events as any[];
    assert.ok(logged.every(({ event, arrival }) => event.time === undefined && arrival !== undefined));
    const times = scene.page.locator("ol.context .time");
    assert.deepEqual(await times.allTextContents(), logged.map(({ arrival }) => new Date(arrival).toLocaleTimeString("en-GB", { hour12: false, timeZone: "UTC" })));
    assert.match((await times.first().getAttribute("title"))!, /^Arrived .*no time of its own/);
    // of a stream that is not there it is not said that nothing was odd
    await scene.open("#/stream/nosuch");
    await scene.page.locator(".problem", { hasText: "nosuch" }).waitFor(WAIT);
    assert.equal(await scene.page.locator(".card:visible").count(), 0);
    await scene.open("#/now");
    scene.quiet = false;
  });

  test("the rarity of an event and that of its incident are two figures, and have two names", TEST, async () => {
    const { alarms } = await scene.daemon.ask("/api/v1/streams/log-api/alarms");
    const incident = alarms.find((a: any) => a.event !== null);
    const why = await scene.daemon.ask(`/api/v1/streams/log-api/events/${incident.oddest}/why`);
    const [ofEvent, ofIncident] = [rarity(why.rarity_events), rarity(incident.rarity_events, incident.rarity_seconds)];
    assert.ok(!ofIncident.startsWith(ofEvent), `${ofEvent} and ${ofIncident}`);
    await scene.open("#/now");
    const card = scene.page.locator("li.incident", { has: scene.page.locator(`a[href="#/stream/log-api/event/${incident.oddest}"]`) });
    await scene.unfold(card);
    await card.locator(".facts", { hasText: `Rarity of the incident: ${ofIncident}` }).waitFor(WAIT);
    await card.getByRole("link", { name: "Why" }).click();
    const fact = (name: string) => scene.page.locator("dl.facts div", { hasText: name }).locator("dd");
    await fact("Rarity of the incident").waitFor(WAIT);
    assert.deepEqual([await fact("Rarity of the event").textContent(), await fact("Rarity of the incident").textContent()], [ofEvent, ofIncident]);
    // a question that the daemon has no time for is asked again
    let refused = 0;
    await scene.page.route("**/why*", (route) => (refused++ === 0 ? route.fulfill({ status: 429, contentType: "application/problem+json", body: '{"status":429,"detail":"ask again"}' }) : route.continue()));
    scene.quiet = true;
    await scene.page.reload();
    await fact("Rarity of the incident").waitFor(WAIT);
    assert.ok(refused >= 2, "it was refused once");
    await scene.page.unroute("**/why*");
    scene.quiet = false;
    assert.deepEqual(scene.faults, []);
  });

  test("Learner draws the flow from the description, System the limits", TEST, async () => {
    await scene.open("#/stream/shop-clicks/learner");
    const learner = await scene.daemon.ask("/api/v1/streams/shop-clicks/learner");
    await scene.page.locator(".lane").first().waitFor(WAIT);
    // one is open, and the others are drawn when they are opened
    assert.deepEqual([await scene.page.locator(".graph > .folded").count(), await scene.page.locator(".lane").count()], [learner.fields.length, 1]);
    const category = learner.fields.findIndex((f: any) => f.kind === "category");
    const lane = scene.page.locator(".graph > .folded").nth(category);
    if (!(await lane.evaluate((one) => (one as HTMLDetailsElement).open))) await lane.locator("summary").click();
    await lane.locator(".stage", { has: scene.page.locator(".what", { hasText: /^contexts$/ }) }).click();
    const named = await lane.locator(".panel .name").allTextContents();
    const { flow } = learner.fields[category];
    assert.deepEqual(named, flow.find((stage: any) => stage.name === "contexts").parts.map((part: any) => contextWords(part, sidesOf(learner.fields, learner.fields[category]))));
    // every stage is there, and a way for each that it reads
    assert.deepEqual((await lane.locator(".stage .what").allTextContents()).sort(), flow.map((stage: any) => stage.name).sort());
    await lane.locator(".ways path").first().waitFor(WAIT);
    assert.equal(await lane.locator(".ways path").count(), flow.flatMap((stage: any) => stage.reads).length);
    // times are those of the stages of an event that are measured, and what has none says so
    const { cost } = await scene.daemon.ask("/api/v1/streams/shop-clicks");
    const timeOf = (name: string) => lane.locator(".stage", { has: scene.page.locator(".what", { hasText: new RegExp(`^${name}$`) }) }).locator(".time").textContent();
    const measured = (name: string) => num(cost.stages.find((stage: any) => stage.name === name).microseconds);
    assert.deepEqual([await timeOf("past"), await timeOf("contexts"), await timeOf("mixture")], ["not measured", `${measured("contexts")} µs`, `part of ${measured("mixing")} µs`]);
    // the norms of each layer of a network, and its dead units
    const { network } = learner.fields[category];
    await lane.locator(".stage", { has: scene.page.locator(".what", { hasText: /^network$/ }) }).click();
    const parts = await lane.locator(".panel li").allTextContents();
    for (const [i, layer] of network.each_layer.entries()) {
      assert.ok(parts.includes(`layer ${i + 1}weights of norm ${num(layer.weight_norm)}, gradients of norm ${num(layer.gradient_norm)}`), parts.join("\n"));
      assert.ok(parts.some((part) => part.startsWith(`dead units of layer ${i + 1}`) && part.endsWith(layer.dead_units === 0 ? "none" : "nothing depends on them")), parts.join("\n"));
    }
    await scene.sound("learner");
    // what networks save is the daemon's own figure; beside numbers of the same event it cannot be told
    const worth = scene.page.locator("dl.facts div", { hasText: "Worth of networks" }).locator("dd");
    assert.equal(await worth.textContent(), "cannot be told");
    await scene.open("#/stream/log-api/learner");
    await scene.page.locator(".lane").first().waitFor(WAIT);
    const { report } = await scene.daemon.ask("/api/v1/streams/log-api");
    assert.equal(await worth.textContent(), `${(report.network_gain * 100).toFixed(1)} % of the bits`.replace("-", "−"));
    await scene.open("#/system");
    await scene.page.locator("ul.limits li").first().waitFor(WAIT);
    const system = await scene.daemon.ask("/api/v1/system");
    assert.deepEqual(await scene.page.locator("ul.limits code").allTextContents(), system.limits.map((l: any) => l.key));
    const streams = scene.page.locator("ul.limits li", { hasText: "limits.streams" }).locator(".figure");
    const limit = system.limits.find((l: any) => l.key === "limits.streams");
    assert.equal(await streams.textContent(), `${limit.used} of ${limit.limit.toLocaleString("en")}`);
    // a table says what its figures are on one line each, as there is room for it
    const lines = (selector: string) => scene.page.locator(selector).evaluateAll((all) => all.map((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
    }));
    assert.deepEqual(new Set(await lines("table.wide th")), new Set([1]));
    await scene.sound("system");
  });

  test("a record of many fields shows some, says so, and a person chooses others", TEST, async () => {
    const next = chance(21);
    await scene.daemon.post("many", Array.from({ length: 400 }, () => ({ data: Object.fromEntries(Array.from({ length: 16 }, (_, field) => [`n${field}`, Math.round(100 * next())])) })));
    await scene.open("#/stream/many");
    const choice = scene.page.locator("details.folded", { hasText: "fields are shown" });
    await choice.locator("summary", { hasText: "6 of 16 fields are shown on this page" }).waitFor(WAIT);
    const fans = scene.page.locator(".fan:visible");
    await until("fans", () => fans.count(), (fans) => fans === 6);
    await choice.locator("summary").click();
    await choice.getByLabel("n9", { exact: true }).check();
    await choice.locator("summary", { hasText: "7 of 16" }).waitFor(WAIT);
    await scene.page.locator(".fan:visible", { hasText: "n9" }).waitFor(WAIT);
    await scene.page.locator(".losses .field", { hasText: "n9" }).waitFor(WAIT);
    await choice.getByLabel("n0", { exact: true }).uncheck();
    await scene.page.locator(".losses .field", { hasText: "n0" }).waitFor({ state: "detached", ...WAIT });
    await until("fans", () => fans.count(), (fans) => fans === 6);
    for (let field = 10; field < 16; field++) await choice.getByLabel(`n${field}`, { exact: true }).check();
    await choice.locator("summary", { hasText: "12 of 16" }).waitFor(WAIT);
    assert.equal(await choice.getByLabel("n0", { exact: true }).isDisabled(), true, "no more fit");
    await scene.sound("a stream of many fields");
    // of its model one field is drawn, and others when they are asked for
    await scene.open("#/stream/many/learner");
    await scene.page.locator(".lane").waitFor(WAIT);
    await scene.page.locator(".graph summary", { hasText: "4 more fields" }).click();
    await scene.page.locator(".graph summary", { hasText: "n15" }).click();
    await until("lanes", () => scene.page.locator(".lane:visible").count(), (lanes) => lanes === 2);
  });

  test("what cannot be read of the metrics is not said to be zero", TEST, async () => {
    const facts = async () => new Map(await scene.page.locator("dl.facts > div").evaluateAll((all) => all.map((one) => [one.querySelector("dt")!.textContent!.trim(), one.querySelector("dd")!.textContent!] as const)));
    const rows = async () => new Map(await scene.page.locator("table.wide tr").evaluateAll((all) => all.map((one) => [one.querySelector("th")!.textContent!, one.querySelector("td")!.textContent!] as const)));
    const cell = (name: string) => scene.page.locator("table.wide tr", { hasText: name }).locator("td");
    const fact = (name: string) => scene.page.locator("dl.facts div", { hasText: name }).locator("dd");
    await scene.page.route("**/metrics", (route) => route.fulfill({ status: 503, body: "" }));
    scene.quiet = true;
    await scene.open("#/system");
    await cell("Events received").filter({ hasText: "–" }).waitFor(WAIT);
    assert.deepEqual(new Set((await rows()).values()), new Set(["–"]), "the intake is not known");
    const system = await facts();
    assert.deepEqual(["Connections", "Keys in memory", "Keys in the store"].map((name) => system.get(name)), ["–", "–", "–"]);
    assert.notEqual(system.get("Streams"), "–");
    await scene.open("#/stream/log-api/learner");
    await fact("Corrections that wait").waitFor(WAIT);
    const learner = await facts();
    const told = ["Time per event, all streams", "Events that wait, all streams", "Time per answer, all streams", "Time to make events safe"];
    assert.deepEqual(told.map((name) => learner.get(name)), ["–", "–", "–", "–"]);
    await scene.page.unroute("**/metrics");
    scene.quiet = false;
    // once they can be read they are told
    await fact("Events that wait").filter({ hasText: /^\d/ }).waitFor(WAIT);
    await scene.open("#/system");
    await cell("Events received").filter({ hasText: /^http \d/ }).waitFor(WAIT);
    await cell("Time per event, all streams").filter({ hasText: /^[\d.]+ (µs|ms)$/ }).waitFor(WAIT);
    assert.deepEqual(scene.faults, []);
  });

  test("System makes a checkpoint, verifies, pins and restores it, and brings back what was set aside", TEST, async () => {
    const ticks = (n: number) => Array.from({ length: n }, (_, i) => ({ data: ["tick", "tock"][i % 2] }));
    await scene.daemon.post("kept", ticks(300));
    await scene.open("#/system");
    const card = scene.page.locator(".card", { hasText: "What streams knew at a moment" });
    const said = card.locator(".said");
    await card.getByRole("combobox").fill("kept");
    await card.getByRole("button", { name: "Make one of it" }).click();
    await said.filter({ hasText: "at event 300" }).waitFor(WAIT);
    const listed = async () => (await scene.daemon.ask("/api/v1/checkpoints?stream=kept")).checkpoints as any[];
    const [made] = (await listed()).slice(-1);
    assert.equal(made.offset, 300);
    const row = card.locator(".checkpoints li", { hasText: `generation ${made.generation} ` });
    await row.waitFor(WAIT);
    assert.ok((await row.textContent())!.includes("at event 300"));
    await row.getByRole("button", { name: "Verify" }).click();
    const proof = await scene.daemon.ask(`/api/v1/checkpoints/kept/${made.generation}/verify`);
    await row.locator(".ok", { hasText: `whole, its state is ${proof.state_hash.slice(0, 12)}…` }).waitFor(WAIT);
    // by keyboard: the button keeps the focus, though its row is drawn anew
    await row.getByRole("button", { name: "Pin" }).focus();
    await scene.page.keyboard.press("Enter");
    await row.locator(".tag", { hasText: "pinned" }).waitFor(WAIT);
    assert.equal((await listed()).find((c) => c.generation === made.generation).pinned, true);
    await scene.page.waitForFunction(() => document.activeElement?.textContent === "Unpin");
    // restored only after a question, which says what happens to later events
    await scene.daemon.post("kept", ticks(50));
    const question = scene.page.locator("dialog.question");
    const ask = async () => {
      // until the page knows of them, the question that was asked before is left
      if ((await question.count()) > 0) await scene.page.keyboard.press("Escape");
      await question.waitFor({ state: "detached", ...WAIT });
      await row.getByRole("button", { name: "Restore" }).click();
      return question.textContent(WAIT);
    };
    await until("the question", ask, (text) => text!.includes("The 50 events that it has learnt since will be set aside"));
    await scene.sound("a question before a checkpoint is restored");
    await scene.page.keyboard.press("Escape");
    await question.waitFor({ state: "detached", ...WAIT });
    const offset = async () => (await scene.daemon.ask("/api/v1/streams/kept")).offset;
    assert.equal(await offset(), 350, "who leaves the question restores nothing");
    await row.getByRole("button", { name: "Restore" }).click();
    await question.getByRole("button", { name: "Restore" }).click();
    await said.filter({ hasText: "kept is back at event 300; it had been at 350." }).waitFor(WAIT);
    assert.equal(await offset(), 300);
    await scene.sound("system after a checkpoint was restored");
    await said.getByRole("button", { name: "Bring them back" }).click();
    await said.filter({ hasText: "kept is at event 350 again." }).waitFor(WAIT);
    assert.equal(await offset(), 350);
    // what is refused is told in the daemon's words
    scene.quiet = true;
    await card.getByRole("combobox").fill("no such stream");
    await card.getByRole("button", { name: "Make one of it" }).click();
    await card.locator(".said.problem", { hasText: "no such stream" }).waitFor(WAIT);
    scene.quiet = false;
  });

  test("Replays start from the form, stand side by side with the API's figures, stop and are forgotten", TEST, async () => {
    await scene.open("#/stream/log-api");
    await scene.page.getByRole("link", { name: "Replay", exact: true }).click();
    const form = scene.page.locator("form.replay");
    assert.equal(await form.getByLabel("Stream", { exact: true }).inputValue(), "log-api");
    const list = async () => (await scene.daemon.ask("/api/v1/replays")).replays as any[];
    await form.getByRole("button", { name: "Its own course" }).click();
    await scene.page.locator(".said", { hasText: "Replay no. 1 of log-api" }).waitFor(WAIT);
    await form.getByLabel("Network").selectOption("off");
    await form.getByLabel("Called").fill("<b>no network</b>");
    await scene.page.keyboard.press("Enter");
    await scene.page.locator(".said", { hasText: "Replay no. 2 of log-api" }).waitFor(WAIT);
    const rows = scene.page.locator("table.figures tbody tr");
    const ended = () => scene.page.waitForFunction(() => [...document.querySelectorAll(".replays li")].length > 0 && [...document.querySelectorAll(".replays li")].every((row) => /done, /.test(row.textContent!)), undefined, WAIT);
    await rows.nth(1).waitFor(WAIT);
    await ended();
    const [without, live] = await list();
    assert.deepEqual([live.begin, live.state, without.settings.network, without.state], ["live", "done", "off", "done"]);
    const sign = (x: number) => (Math.abs(x) < 0.0005 ? "0.000" : `${x > 0 ? "+" : "−"}${Math.abs(x).toFixed(3)}`);
    const percent = (x: number | null, digits: number) => (x === null ? "–" : `${(x * 100).toFixed(digits)} %`.replace(/^-(0(?:\.0+)? )/, "$1").replace("-", "−"));
    const shown = [live, without].map((replay, i) => {
      const known = replay.course.filter((p: any) => p.simple_bits_per_event !== null);
      const simple = known.reduce((sum: number, p: any) => sum + p.simple_bits_per_event * p.events, 0) / known.reduce((sum: number, p: any) => sum + p.events, 0);
      return [replay.loss_bits_per_event.toFixed(3).replace("-", "−"), i === 0 ? "–" : sign(replay.loss_bits_per_event - live.loss_bits_per_event), simple.toFixed(3).replace("-", "−"), percent(replay.skill, 0), percent(replay.network_gain, 1), String(replay.incidents), replay.seconds.toFixed(1), "of its own"];
    });
    assert.ok(live.network_gain !== null && (await scene.page.locator("table.figures th", { hasText: "Networks save" }).getAttribute("title"))!.includes("below zero"));
    for (const [i, row] of shown.entries()) assert.deepEqual(await rows.nth(i).locator("td").allTextContents(), row);
    assert.ok((await rows.nth(1).locator("th").textContent())!.includes("<b>no network</b>"), "a name is text");
    // the live course is what the stream itself has lost
    const { report } = await scene.daemon.ask("/api/v1/streams/log-api");
    assert.ok(Math.abs(live.loss_bits_per_event - report.loss_bits_per_event) < 1e-9, `${live.loss_bits_per_event} and ${report.loss_bits_per_event}`);
    await scene.page.locator(".card", { hasText: "Side by side" }).locator("canvas").waitFor(WAIT);
    await scene.page.getByRole("button", { name: "Difference so far" }).click();
    await scene.page.locator("figure.chart[aria-label^='Difference of mean bits']").waitFor(WAIT);
    await scene.sound("replays");
    // what cannot be learnt is refused in the daemon's words
    scene.quiet = true;
    await form.getByLabel("Other settings").fill('{"netwerk": "off"}');
    await form.getByRole("button", { name: "Start a replay" }).click();
    await scene.page.locator(".said.problem", { hasText: "netwerk" }).waitFor(WAIT);
    scene.quiet = false;
    // one that ended is forgotten
    await scene.page.getByRole("button", { name: "Forget: no. 1" }).click();
    await scene.page.locator(".said", { hasText: "no. 1 is forgotten" }).waitFor(WAIT);
    assert.deepEqual((await list()).map((r) => r.id), [2]);
    // what is left has no network, and so no column that says what networks save
    await rows.nth(1).waitFor({ state: "detached", ...WAIT });
    assert.deepEqual(await scene.page.locator("table.figures thead th").allTextContents(), ["Replay", "Bits/event", "Best simple", "Skill", "Incidents", "Seconds", "Ended in the state"]);
    // one that runs is stopped in the middle: what it learns takes longer than the click
    const next = chance(3);
    const wide = () => ({ data: Object.fromEntries(Array.from({ length: 24 }, (_, field) => [`f${field}`, `v${Math.floor(next() * 50)}`])) });
    for (let at = 0; at < 12; at++) await scene.daemon.post("long", Array.from({ length: 1000 }, wide));
    await form.getByLabel("Stream", { exact: true }).fill("long");
    await form.getByLabel("Other settings").fill("");
    await form.getByRole("button", { name: "Start a replay" }).click();
    const running = scene.page.locator(".replays li", { hasText: "long" });
    await running.filter({ hasText: "learning event" }).waitFor(WAIT);
    const { state, offset, to } = await scene.daemon.ask("/api/v1/replays/3");
    assert.ok(state === "running" && offset < to, `${state} at ${offset} of ${to}`);
    await running.getByRole("button", { name: "Stop: no. 3" }).click();
    await scene.page.locator(".said", { hasText: "no. 3 is stopped, and forgotten" }).waitFor(WAIT);
    await running.waitFor({ state: "detached", ...WAIT });
    assert.deepEqual((await list()).map((r) => r.id), [2]);
    await scene.sound("replays after one was stopped");
  });

  test("who may only read is told so, and nothing changes", TEST, async () => {
    scene.quiet = true;
    const free = scene.daemon;
    scene.daemon = await Daemon.start(token("keeper", "all", ["ingest", "read", "operate"]) + token("looker", "eyes", ["read"]));
    try {
      await scene.daemon.post("watched", [{ data: "a" }, { data: "b" }], "all");
      await scene.page.goto(`${scene.daemon.url}/#/system`);
      await scene.page.locator("dialog#token input").fill("eyes");
      await scene.page.getByRole("button", { name: "Use it" }).click();
      await scene.page.locator("#open.live").waitFor(WAIT);
      await scene.page.getByRole("button", { name: "Make one of every stream" }).click();
      await scene.page.locator(".said.problem", { hasText: 'the token "looker" does not have the role operate' }).waitFor(WAIT);
      assert.equal(await scene.page.locator(".checkpoints li").count(), 0);
      await scene.page.goto("about:blank");
    } finally {
      await scene.daemon.end("SIGTERM");
      scene.daemon = free;
      scene.quiet = false;
    }
    assert.deepEqual(scene.faults.splice(0).filter((fault) => !fault.startsWith(`request to ${scene.daemon.url}`)), []);
  });

  test("two thousand streams are a few rows in the document", { timeout: 180_000 }, async () => {
    for (let from = 0; from < 2000; from += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => scene.daemon.post(`sensor-${String(from + i).padStart(4, "0")}`, [{ data: 1 }])));
    }
    await scene.open("#/streams");
    await scene.page.waitForFunction(() => Number((document.querySelector(".total")?.textContent ?? "").replace(/\D/g, "")) >= 2000, undefined, WAIT);
    for (const part of [0, 0.5, 1]) {
      await scene.page.evaluate((p) => {
        const port = document.querySelector(".viewport")!;
        port.scrollTop = p * port.scrollHeight;
      }, part);
      // what is in sight, and no more: the first row in the document is where the list was scrolled to
      const shown = () => scene.page.locator(".rows > .row").evaluateAll((all) => [all.length, Math.min(...all.map((row) => Number(row.getAttribute("aria-rowindex"))))]);
      const first = await scene.page.locator(".viewport").evaluate((port) => port.scrollTop / 44);
      const [rows] = await until("the rows in sight", shown, ([, index]) => Math.abs(index! - first) < 10);
      assert.ok(rows! > 5 && rows! < 60, `${rows} rows`);
    }
    await scene.page.getByRole("searchbox").fill("sensor-1999");
    await scene.page.locator(".rows .row", { hasText: "sensor-1999" }).waitFor(WAIT);
    assert.deepEqual(scene.faults, []);
  });

  test("a daemon that is killed and comes back is shown again, and nothing is missing", { timeout: 120_000 }, async () => {
    scene.quiet = true;
    await scene.open("#/stream/door-east");
    await scene.page.locator("dl.facts dd").first().waitFor(WAIT);
    const before = (await scene.daemon.ask("/api/v1/streams/door-east")).offset;
    // a kill loses the incidents that began since the last checkpoint: this is one, whatever ran before
    await scene.daemon.checkpoint();
    const incidents = async (): Promise<string[]> => (await scene.daemon.ask("/api/v1/alarms?limit=200")).alarms.map((a: any) => `${a.stream} ${a.kind} ${a.began}`);
    const known = await incidents();
    await scene.daemon.end("SIGKILL");
    await scene.page.locator("#open.lost").waitFor(WAIT);
    await scene.daemon.run();
    await scene.page.locator("#open.live").waitFor(WAIT);
    const after = new Set(await incidents());
    assert.ok(known.length > 0 && known.every((incident) => after.has(incident)), "incidents outlive the kill");
    await scene.daemon.post("door-east", [{ data: "open" }, { data: "close" }]);
    await scene.page.waitForFunction((n) => [...document.querySelectorAll("dl.facts dd")].some((dd) => dd.textContent === n), (before + 2).toLocaleString("en"), WAIT);
    await scene.page.locator('nav.tabs a[href="#/now"]').click();
    await scene.page.locator("li.incident").first().waitFor(WAIT);
    scene.quiet = false;
    assert.deepEqual(scene.faults, []);
  });

  test("a key that fell silent is told by its name, with when it last spoke", { timeout: 60_000 }, async () => {
    const start = Date.parse("2025-03-01T10:00:00Z") / 1000;
    const last = 12_000;
    // hosts take turns at random (splitmix64); those of the one that stops are the others', too
    const u64 = (x: bigint) => BigInt.asUintN(64, x);
    const random = (i: number) => {
      let z = u64(BigInt(i) * 0x9e3779b97f4a7c15n);
      z = u64((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
      z = u64((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
      return z ^ (z >> 31n);
    };
    const host = (i: number) => Number(random(i) % 12n === 7n && i > last ? ((random(i) / 12n) % 11n + 8n) % 12n : random(i) % 12n);
    const spoke = Array.from({ length: last }, (_, i) => i + 1).findLast((i) => host(i) === 7)! - 1;
    const reading = (i: number) => ({ time: start + i, key: `web-${host(i)}`, data: 20 + Number((random(i) >> 40n) % 7n) });
    // it is noticed with event 13,068; 64 usual events later it is over
    for (let at = 1; at <= 13_100; at += 655) await scene.daemon.post("fleet", Array.from({ length: 655 }, (_, i) => reading(at + i)));
    await scene.open("#/stream/fleet");
    const card = scene.page.locator("li.incident", { hasText: "fell silent" });
    await card.waitFor(WAIT);
    assert.equal(await card.locator("h3").textContent(), "web-7 fell silent");
    await card.getByText(new RegExp(`^Its latest event is ${spoke.toLocaleString("en")}, of 1 Mar 2025, 13:1\\d:\\d\\d; other keys have gone on\\.$`)).waitFor(WAIT);
    assert.equal(await card.locator("a", { hasText: "Why" }).getAttribute("href"), `#/stream/fleet/event/${spoke}`);
  });

  test("what is overdue tells since when, and is one incident with the event that comes late", { timeout: 120_000 }, async () => {
    // ticks of last year, sent at once: by their own time they are long past, and yet the next is awaited when the four
    // seconds that they tell of are over here, too
    const start = Date.parse("2025-03-01T10:00:00Z") / 1000;
    const tick = (i: number) => ({ time: start + i / 1000, data: ["tick", "tock"][i % 2] });
    for (let at = 0; at < 4000; at += 500) await scene.daemon.post("clock", Array.from({ length: 500 }, (_, i) => tick(at + i)));
    await scene.open("#/now");
    const card = scene.page.locator('li.incident:has(a.stream[href="#/stream/clock"])');
    // other streams may be overdue since then, too, and share a card with it
    const titled = async (title: string, said: RegExp) => until(title, async () => {
      await scene.openFolds();
      return (await card.count()) === 1 ? [await card.locator("h2").textContent(), await card.locator(".instead").first().textContent({ timeout: 500 }).catch(() => "")] : [];
    }, ([shown, words]) => shown === title && said.test(words ?? ""));
    const [, said] = (await titled("An event is overdue", /Nothing has come since/)) as [string, string];
    assert.match(said, /By its own time the last event is of 1 Mar 2025, 10:00:03\./);
    assert.match(said, /the next event comes within /);
    const counts = async () => {
      const [status, list, { streams }] = await Promise.all([scene.daemon.ask("/api/v1/streams/clock"), scene.daemon.ask("/api/v1/streams/clock/alarms"), scene.daemon.ask("/api/v1/streams")]);
      return [status.alarms.begun, list.begun, list.alarms.length, streams.find((s: any) => s.stream === "clock").incidents];
    };
    assert.deepEqual(await counts(), [1, 1, 1, 1]);
    // both are read at once, as other streams go on
    const badgeCounts = () =>
      scene.page.waitForFunction(() => {
        const badge = document.querySelector(".badge [aria-hidden]")?.textContent ?? "0";
        const folded = [...document.querySelectorAll<HTMLElement>("li.fold.open:has(details:not([open]))")].reduce((sum, fold) => sum + Number(fold.dataset["incidents"]), 0);
        return Number(badge) === document.querySelectorAll("li.incident.open").length + folded;
      }, undefined, WAIT);
    await badgeCounts();
    await scene.daemon.post("clock", [{ time: start + 64, data: "tick" }]);
    const late = /^Nothing came from 1 Mar 2025, 10:00:03 until 1 Mar 2025, 10:01:04, for 60(\.0)? s\. As forecast then, 95 % of the time the next event comes within [\d.]+ ms\.$/;
    await titled("An event came late", late);
    // it stays told by what was forecast then, whatever is forecast since
    await scene.daemon.post("clock", Array.from({ length: 300 }, (_, i) => ({ time: start + 94 + 30 * i, data: ["tock", "tick"][i % 2] })));
    await until("another forecast", async () => (await scene.daemon.ask("/api/v1/streams/clock/next")).fields.gap.quantiles["0.95"] as number, (gap) => gap > 20);
    await scene.page.reload();
    await titled("An event came late", late);
    assert.deepEqual(await counts(), [1, 1, 1, 1]);
    assert.equal(await card.count(), 1);
    // what is muted does not count, wherever it is counted
    if ((await scene.page.locator("li.incident.open").count()) > 0) {
      const first = (await scene.page.locator("li.incident.open").first().elementHandle())!;
      await (await first.$('button:text("Mute for a day")'))!.click();
      await first.waitForElementState("hidden", WAIT);
      await badgeCounts();
      await scene.page.getByRole("button", { name: "Show them" }).click();
    }
    assert.deepEqual(scene.faults, []);
  });

  test("a daemon that asks for a token gets it from a person, once for all questions", TEST, async () => {
    scene.quiet = true;
    const open = scene.daemon;
    scene.daemon = await Daemon.start('[auth]\ntoken = "secret"\n');
    await scene.daemon.post("guarded", [{ data: "a" }, { data: "b" }], "secret");
    await scene.page.goto(`${scene.daemon.url}/#/stream/guarded`);
    const dialog = scene.page.locator("dialog#token");
    await dialog.waitFor(WAIT);
    await scene.page.getByRole("button", { name: "Leave" }).click();
    // who does not give one is not asked again until they want to
    await scene.page.locator(".problem", { hasText: "asks for a token" }).waitFor(WAIT);
    await scene.page.waitForTimeout(3000);
    assert.ok(!(await dialog.isVisible()));
    await scene.page.getByRole("button", { name: "Give a token" }).click();
    for (const token of ["wrong", "secret"]) {
      await dialog.waitFor(WAIT);
      await dialog.locator("input").fill(token);
      await scene.page.getByRole("button", { name: "Use it" }).click();
    }
    await scene.page.locator("#open.live").waitFor(WAIT);
    await scene.page.locator("dl.facts dd", { hasText: /^2$/ }).first().waitFor(WAIT);
    await scene.page.reload();
    await scene.page.locator("#open.live").waitFor(WAIT);
    assert.ok(!(await dialog.isVisible()), "the tab keeps the token");
    // nothing of the page goes on asking a daemon that is gone
    await scene.page.goto("about:blank");
    await scene.daemon.end("SIGTERM");
    scene.daemon = open;
    scene.quiet = false;
    assert.deepEqual(scene.faults.splice(0).filter((fault) => !fault.startsWith(`request to ${scene.daemon.url}`)), []);
  });

  test("dark colours and a phone are as sound", TEST, async () => {
    // each view, and what it has when there is something to look at
    const views = [
      ["#/now", "li.incident"], ["#/streams", ".rows > .row"], ["#/stream/shop-clicks", ".losses td"], [`#/stream/host-db1/event/${EVENTS - 20}`, "table.parts td"],
      ["#/stream/shop-clicks/learner", ".lane"], ["#/replays", ".replays li"], ["#/system", "ul.limits li"],
    ] as const;
    // replays are kept in memory, and the daemon was killed
    for (const settings of [{}, { network: "off" }]) await fetch(`${scene.daemon.url}/api/v1/replays`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ stream: "log-api", begin: "fresh", settings }) });
    await scene.with({ dark: true, phone: true }, async () => {
      for (const [view, filled] of views) {
        await scene.open(view);
        await scene.page.locator(filled).first().waitFor(WAIT);
        await until(`${view} is too wide`, () => scene.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), (wide) => wide <= 0);
        await scene.sound(`${view} on a phone`);
        const table = view.includes("/event/") ? "table.parts" : view === "#/replays" ? "table.figures" : null;
        if (!table) continue;
        // all of each part, and of each replay's figures, is in sight, without scrolling
        await scene.page.locator(`${table} td`).first().waitFor(WAIT);
        const cut = await scene.page.locator(`.scroll:has(${table})`).first().evaluate((port) => [port.scrollWidth - port.clientWidth, [...port.querySelectorAll("tbody td, tbody th")].filter((cell) => cell.getBoundingClientRect().right > innerWidth).length]);
        assert.deepEqual(cut, [0, 0], `${table} is cut`);
      }
    });
  });
}
