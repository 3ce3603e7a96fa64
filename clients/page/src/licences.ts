// The licences of what is part of the programs and not the project's own, as the build puts them in.

import { h, section } from "./dom";

declare const LICENCES: { what: string; text: string }[];

export function licences(root: HTMLElement): void {
  root.append(h("h1", {}, "Licences"),
    section("surmise", "", h("p", {}, "It is licensed under the MIT licence or the Apache licence, version 2.0, as you choose. The libraries that are linked into its programs are listed, each with its licence, in the bill of materials of a release.")),
    ...LICENCES.map(({ what, text }) => section(what, "", h("pre", { class: "licence", tabindex: 0, "aria-label": `Licence of ${what}` }, text))));
}
