// The templates of a stream's lines.

import type { TemplateList } from "surmise";
import { h } from "./dom";
import { count, percent } from "./format";

/** Templates that are asked for. */
export const LISTED = 50;

/** A table of templates: text, lines, and the latest event. */
export function templateTable(list: TemplateList): HTMLElement {
  const link = (offset: number) => `#/stream/${encodeURIComponent(list.stream)}/event/${offset}`;
  const lines = list.templates.reduce((sum, template) => sum + template.lines, 0);
  const severalFields = new Set(list.templates.map((template) => template.field)).size > 1;
  const more = list.count - list.templates.length;
  return h("div", {},
    h("table", { class: "templates" }, h("thead", {}, h("tr", {}, ...["Template", "Lines", ...(more === 0 ? ["Share"] : []), "Latest"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, ...list.templates.map((template) => h("tr", {},
        h("th", { scope: "row" }, h("bdi", {}, h("code", {}, template.text)), severalFields && h("span", { class: "dim" }, ` ${template.field}`)),
        h("td", {}, count(template.lines)), more === 0 && h("td", {}, percent(template.lines / lines, 1)),
        h("td", {}, template.latest_offset === undefined ? "–" : h("a", { href: link(template.latest_offset) }, count(template.latest_offset))))))),
    more > 0 && h("p", { class: "facts" }, `and ${count(more)} more with fewer lines`));
}
