// Review: a dialog that shows what would change, asks why, and makes it. Nothing is changed by any other way.

import { ask } from "/dashboard/page/ask.js";
import { element, table } from "/dashboard/page/elements.js";

const LONGEST_TEXT = 500;
const CONFLICT = 409;

/** Shows what a wish would change, and makes it once a reason is given. `told()` is called when it is made. */
export async function review(task, wish, title, told, reason = "") {
  const before = document.activeElement;
  const heading = element("h2", { id: "review-title" }, title);
  const body = element("div", { class: "body" }, element("p", { class: "soft" }, "Looking what would change…"));
  const dialog = element("dialog", { class: "review", "aria-labelledby": "review-title" }, heading, body);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  const place = encodeURIComponent(task);
  try {
    const shown = await ask(`/dashboard/change/preview/${place}`, { wish });
    body.replaceChildren(...(shown.diff.length ? form(shown) : [element("p", {}, "Nothing would change."), closing()]));
  } catch (error) {
    refuse(error);
  }
  (body.querySelector("input") ?? body.querySelector("button"))?.focus();

  /** Why nothing is changed; what somebody else has changed meanwhile is to be looked at. */
  function refuse(error) {
    const again = error.status === CONFLICT ? closing("Look again") : null;
    again?.addEventListener("click", () => told());
    body.replaceChildren(element("p", { role: "alert" }, error.message), element("p", { class: "buttons" }, again, closing()));
  }

  function closing(words = "Close") {
    const button = element("button", { type: "button", class: "quiet" }, words);
    button.addEventListener("click", () => dialog.close());
    return button;
  }

  function form(shown) {
    const input = element("input", { id: "reason", maxlength: LONGEST_TEXT, required: true, autocomplete: "off", value: reason });
    const problem = element("p", { role: "alert" });
    const apply = element("button", {}, "Apply");
    const made = element("form", {}, element("p", {}, element("label", { for: "reason" }, "Why (kept with the change)"), input),
      problem, element("p", { class: "buttons" }, apply, closing("Cancel")));
    made.addEventListener("submit", async (event) => {
      event.preventDefault();
      apply.disabled = true;
      problem.textContent = "";
      try {
        const change = await ask(`/dashboard/change/apply/${place}`, { wish, reason: input.value, seen: shown.seen });
        heading.textContent = "Changed";
        body.replaceChildren(diffTable(change.diff), element("p", { class: "buttons" }, undoing(change), closing()));
        body.querySelector("button.quiet").focus();
        told();
      } catch (error) {
        if (error.status === CONFLICT) {
          refuse(error);
          body.querySelector("button").focus();
          return;
        }
        problem.textContent = error.message;
        apply.disabled = false;
      }
    });
    return [diffTable(shown.diff), effects(shown.effects), made].filter(Boolean);
  }

  function undoing(change) {
    const button = undoButton(task, change, told);
    button?.addEventListener("click", () => dialog.close());
    return button;
  }
}

/** A button that sets a change back to what it was; null where nothing does. */
export function undoButton(task, change, told) {
  if (!change.undo) return null;
  const button = element("button", { type: "button", class: "quiet" }, "Undo…");
  button.addEventListener("click", () => review(task, change.undo, "Set it back", told, `undo: ${change.reason}`.slice(0, LONGEST_TEXT)));
  return button;
}

export function diffTable(diff) {
  return table("What changes", ["what", "now", "then"], diff.map((one) =>
    [one.name, element("del", {}, one.before ?? "none"), element("ins", {}, one.after ?? "none")]));
}

function effects(sentences) {
  return sentences.length ? element("ul", { class: "effects" }, sentences.map((one) => element("li", {}, one))) : null;
}
