// A question that has to be answered before something happens that a person may regret.

import { h } from "./dom";

let asked = 0;

/** Whether a person says yes. To leave the question, by Escape too, is to say no. */
export function confirmed(title: string, about: string[], yes: string): Promise<boolean> {
  const id = `question-${++asked}`;
  const dialog = h("dialog", { "aria-labelledby": id, class: "question" },
    h("form", { method: "dialog" },
      h("h2", { id }, title),
      ...about.map((text) => h("p", {}, text)),
      h("div", { class: "actions" }, h("button", { value: "no", autofocus: true }, "Leave it as it is"), h("button", { value: "yes", class: "grave" }, yes))));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }, { once: true });
    dialog.showModal();
  });
}
