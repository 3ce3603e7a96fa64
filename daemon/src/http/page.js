"use strict";
const $ = id => document.getElementById(id);
const el = (tag, text, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
const num = (x, d = 3) => x === null || x === undefined || !isFinite(x) ? "–" : x.toFixed(d);
const count = x => (x ?? 0).toLocaleString("en");
let token = sessionStorage.getItem("token"), chosen = null, feed = null, recent = [], surprises = [], drifts = [];

async function call(path, more = {}) {
  const headers = token ? { Authorization: "Bearer " + token } : {};
  const r = await fetch(path, { ...more, headers });
  if (r.status === 401) {
    token = prompt("This daemon asks for a token:");
    if (!token) throw new Error("a token is needed");
    sessionStorage.setItem("token", token);
    return call(path, more);
  }
  if (!r.ok) { const p = await r.json().catch(() => ({})); throw new Error(p.detail || r.statusText); }
  return r;
}
const json = async path => (await call(path)).json();
const of = s => "/api/v1/streams/" + encodeURIComponent(s);

function row(cells, cls) {
  const tr = el("tr", undefined, cls);
  for (const c of cells) tr.append(c instanceof Node ? c : el("td", c));
  return tr;
}
function list(streams) {
  $("empty").hidden = streams.length > 0;
  $("streams").replaceChildren(...streams.slice(0, 500).map(s => {
    const tr = row([s.stream, count(s.offset), s.failed ? "failed" : num(s.recent_bits, 2)], "pick" + (s.stream === chosen ? " on" : ""));
    tr.tabIndex = 0;
    if (s.failed) tr.title = s.failed;
    tr.onclick = () => choose(s.stream);
    tr.onkeydown = e => { if (e.key === "Enter") choose(s.stream); };
    return tr;
  }));
  if (!chosen && streams.length) choose(streams.reduce((a, b) => b.offset > a.offset ? b : a).stream);
}
function choose(stream) {
  chosen = stream; recent = []; surprises = []; drifts = [];
  $("detail").hidden = false; $("name").textContent = stream;
  for (const id of ["next", "experts", "surprises", "curve"]) $(id).replaceChildren();
  if (feed) feed.abort();
  follow(stream);
  refresh();
}
function bar(label, p) {
  const b = el("div", undefined, "bar"), i = el("i");
  i.style.width = Math.max(0, Math.min(100, p * 100)) + "%";
  b.append(i, el("b", label), el("em", (p * 100).toFixed(1) + " %"));
  return b;
}
function expected(prediction) {
  const out = [];
  for (const [name, e] of Object.entries(prediction.fields)) {
    out.push(el("div", name, "dim"));
    if (e.top) {
      for (const [symbol, p] of e.top) out.push(bar(symbol === null ? "(missing)" : symbol, p));
      out.push(bar("everything else", e.other));
    } else {
      const q = e.quantiles || {};
      const low = q["0.05"], high = q["0.95"];
      out.push(el("div", num(e.median) + (low !== undefined ? "   90 % within " + num(low) + " … " + num(high) : "")));
    }
  }
  if (prediction.end !== undefined && prediction.end !== null) out.push(el("div", "end", "dim"), bar("the key ends", prediction.end));
  return out;
}
async function detail(stream) {
  const s = await json(of(stream));
  if (stream !== chosen) return;
  const r = s.report || {};
  $("bits").textContent = num(r.loss_bits_per_event);
  drifts = r.drifts || drifts;
  const last = drifts[drifts.length - 1];
  $("facts").textContent = [r.choices || "", r.late_events ? count(r.late_events) + " late events" : "", last ? "drift of " + (last.field || "the loss") + " since #" + count(last.began) : "", count(s.offset) + " events", count(s.keys) + " keys", (s.state_bytes / 1048576).toFixed(1) + " MiB", "model version " + count(s.model_version),
    s.checkpoint ? "checkpoint " + s.checkpoint.generation + " at " + count(s.checkpoint.offset) : "no checkpoint yet",
    r.regret_bits !== undefined ? "regret " + num(r.regret_bits, 1) + " of at most " + num(r.regret_bound_bits, 1) + " bits" : ""].filter(Boolean).join(" · ");
  const experts = (r.experts || []).map(e => [e.name, e.loss_bits_per_event]).sort((a, b) => a[1] - b[1]);
  $("experts").replaceChildren(row(["mixture", num(r.loss_bits_per_event)], "mixture"), ...experts.slice(0, 24).map(([n, b]) => row([n, num(b)])));
  const next = await json(of(stream) + "/next?top=6");
  if (stream === chosen) $("next").replaceChildren(...expected(next));
}
function outcome(o) {
  recent.push([o.surprise_bits, o.offset]); if (recent.length > 300) recent.shift();
  surprises.push(o); surprises.sort((a, b) => b.anomaly_score - a.anomaly_score || b.surprise_bits - a.surprise_bits); surprises.length = Math.min(surprises.length, 12);
}
function draw() {
  if (!recent.length) return;
  $("recent").textContent = num(recent.reduce((a, b) => a + b[0], 0) / recent.length);
  const top = Math.max(1, ...recent.map(r => r[0])), step = 300 / Math.max(1, recent.length - 1);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", recent.map(([b], i) => (i * step).toFixed(1) + "," + (78 - 76 * b / top).toFixed(1)).join(" "));
  line.setAttribute("fill", "none"); line.setAttribute("stroke", "var(--mark)"); line.setAttribute("stroke-width", "1.2"); line.setAttribute("vector-effect", "non-scaling-stroke");
  const marks = drifts.flatMap(d => {
    const i = recent.findIndex(r => r[1] >= d.began);
    if (i < 1) return [];
    const m = document.createElementNS("http://www.w3.org/2000/svg", "line"), t = document.createElementNS("http://www.w3.org/2000/svg", "title");
    for (const [k, v] of [["x1", i * step], ["x2", i * step], ["y1", 0], ["y2", 80], ["stroke", "var(--hot)"], ["stroke-dasharray", "3 3"], ["vector-effect", "non-scaling-stroke"]]) m.setAttribute(k, v);
    t.textContent = "drift of " + (d.field || "the loss") + " since #" + count(d.began);
    m.append(t);
    return [m];
  });
  $("curve").replaceChildren(line, ...marks);
  $("surprises").replaceChildren(...surprises.map(o => {
    const worst = Object.entries(o.fields || {}).sort((a, b) => b[1].surprise_bits - a[1].surprise_bits)[0];
    const what = "#" + count(o.offset) + (o.key ? " " + o.key : "") + (worst ? " " + worst[0] : "");
    return row([what, num(o.surprise_bits, 1), el("td", num(o.anomaly_score), o.anomaly_score > .8 ? "hot" : o.anomaly_score > .5 ? "warm" : "")]);
  }));
}
async function follow(stream) {
  const mine = feed = new AbortController();
  try {
    const r = await call(of(stream) + "/watch", { signal: mine.signal });
    const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      const parts = text.split("\n\n"); text = parts.pop();
      for (const part of parts) {
        const lines = part.split("\n"), name = lines.find(l => l.startsWith("event:")), data = lines.filter(l => l.startsWith("data:")).map(l => l.slice(5)).join("\n");
        if (name && name.slice(6).trim() === "outcome" && stream === chosen) outcome(JSON.parse(data));
        if (name && name.slice(6).trim() === "drift" && stream === chosen) { drifts.push(JSON.parse(data)); drifts.splice(0, drifts.length - 16); }
      }
    }
  } catch (e) { if (mine.signal.aborted) return; }
  if (stream === chosen) setTimeout(() => { if (stream === chosen) follow(stream); }, 2000);
}
async function refresh() {
  try {
    const [health, streams] = [await json("/-/healthy"), await json("/api/v1/streams")];
    $("health").textContent = health.server + " · " + health.status + " · up " + Math.round(health.uptime_seconds) + " s";
    list(streams.streams);
    if (chosen) await detail(chosen);
    $("note").textContent = "";
  } catch (e) { $("note").textContent = e.message; }
}
setInterval(() => { if (!document.hidden) refresh(); }, 1500);
setInterval(() => { if (!document.hidden) draw(); }, 250);
refresh();
