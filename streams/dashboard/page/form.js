// A form that asks the gateway and shows what it says below itself.

import { element } from "/dashboard/page/elements.js";

/**
 * The form's parts with a button named `verb`; `ask()` is awaited on each submit, and returns the elements to show.
 * A screen reader is told once the answer, or the reason why there is none, is there.
 */
export function askingForm(verb, fields, ask) {
  const button = element("button", {}, verb);
  const said = element("p", { class: "said", role: "status" });
  const answer = element("div", { class: "answer" });
  const form = element("form", { class: "asking" }, fields, element("p", { class: "act" }, button, said));
  let asked = 0;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = ++asked;
    button.disabled = true;
    said.textContent = "asking …";
    said.className = "said soft";
    try {
      const parts = await ask();
      if (mine !== asked) return;
      answer.replaceChildren(...parts);
      said.textContent = "The answer is below.";
    } catch (error) {
      if (mine !== asked) return;
      answer.replaceChildren();
      said.className = "said refused";
      said.textContent = error.message || "the gateway can't be reached";
    } finally {
      button.disabled = false;
    }
  });
  return { form, answer };
}

/** A labelled field; `hint` is read with it. */
export function field(id, title, input, hint = "") {
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return element("p", { class: "field" }, element("label", { for: id }, title), input,
    hint ? element("span", { class: "soft", id: `${id}-hint` }, hint) : null);
}
