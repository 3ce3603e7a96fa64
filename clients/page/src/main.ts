// The page: its frame, and which view is shown.

import { onToken } from "./daemon";
import { h } from "./dom";
import { event } from "./event";
import { isOdd, visible } from "./incident";
import { learner } from "./learner";
import { licences } from "./licences";
import { now } from "./now";
import { replays } from "./replays";
import { state } from "./state";
import { stream } from "./stream";
import { streams } from "./streams";
import { system } from "./system";

type View = (root: HTMLElement, signal: AbortSignal) => void;

const root = document.getElementById("view") as HTMLElement;
const open = document.getElementById("open") as HTMLElement;
const dialog = document.getElementById("token") as HTMLDialogElement;
let leave = new AbortController();

/** The view of an address: #/now, #/streams, #/stream/NAME[/event/N | /learner], #/replays[/NAME], #/system, #/licences. */
function viewOf(hash: string): { view: View; tab: string; title: string } {
  const [place = "", name = "", what, which] = hash.replace(/^#\/?/, "").split("/").map(decode);
  if (place === "streams") return { view: streams, tab: "streams", title: "Streams" };
  if (place === "replays") return { view: (r, s) => replays(r, s, name || undefined), tab: "replays", title: "Replays" };
  if (place === "licences") return { view: licences, tab: "", title: "Licences" };
  if (place === "system") return { view: system, tab: "system", title: "System" };
  if (place === "stream" && name) {
    if (what === "event" && /^\d+$/.test(which ?? "")) return { view: (r, s) => event(r, s, name, Number(which)), tab: "streams", title: `${name}, event ${which}` };
    if (what === "learner") return { view: (r, s) => learner(r, s, name), tab: "streams", title: `${name}, learner` };
    return { view: (r, s) => stream(r, s, name), tab: "streams", title: name };
  }
  return { view: now, tab: "now", title: "Now" };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let shown = "";
function show(): void {
  leave.abort();
  leave = new AbortController();
  const { view, tab, title } = viewOf(location.hash);
  document.title = `${title} · surmise`;
  for (const link of document.querySelectorAll("nav.tabs a")) {
    if (link.getAttribute("href") === `#/${tab}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  root.replaceChildren();
  root.dataset.tab = tab;
  view(root, leave.signal);
  // whoever uses a keyboard or a screen reader goes on in the new view
  if (shown !== "") root.focus({ preventScroll: true });
  if (shown !== location.hash) scrollTo(0, 0);
  shown = location.hash || "#/now";
}

function theme(): void {
  const button = document.getElementById("theme") as HTMLButtonElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("surmise.theme") ?? (dark.matches ? "dark" : "light");
  const apply = () => {
    document.documentElement.dataset.theme = chosen();
    button.setAttribute("aria-label", chosen() === "dark" ? "Light colours" : "Dark colours");
    button.textContent = chosen() === "dark" ? "☀" : "☾";
    document.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => (localStorage.setItem("surmise.theme", chosen() === "dark" ? "light" : "dark"), apply()));
  dark.addEventListener("change", apply);
  apply();
}

onToken(
  () =>
    new Promise((resolve) => {
      const field = dialog.querySelector("input") as HTMLInputElement;
      field.value = "";
      dialog.returnValue = "";
      const close = () => {
        const given = dialog.returnValue === "ok" ? field.value.trim() || null : null;
        if (given === null) {
          open.replaceChildren(h("button", { type: "button", onclick: () => location.reload() }, "Give a token"));
          open.className = "";
          isGuarded = true;
        }
        resolve(given);
      };
      dialog.addEventListener("close", close, { once: true });
      dialog.showModal();
    }),
);

/** Whether nothing is told without a token, which nobody gave. */
let isGuarded = false;

function connection(): void {
  if (isGuarded) return;
  open.textContent = state.open === null ? "connecting" : state.open ? "live" : "no answer, trying again";
  open.className = state.open ? "live" : state.open === null ? "" : "lost";
}

function badge(): void {
  const tab = document.querySelector('nav.tabs a[href="#/now"]') as HTMLElement;
  // the same as the view says: what is muted or called normal does not count
  const odd = visible(state.latest()).filter(isOdd).length;
  tab.querySelector(".badge")?.remove();
  if (odd > 0) tab.append(h("span", { class: "badge" }, h("span", { "aria-hidden": "true" }, String(odd)), h("span", { class: "hidden-text" }, ` (${odd} open)`)));
}

theme();
state.addEventListener("open", connection);
state.addEventListener("incidents", badge);
addEventListener("said", badge);
addEventListener("hashchange", show);
connection();
show();
void state.start(new AbortController().signal);
