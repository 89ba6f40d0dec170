// Why one request was answered or deferred, by its id.

import { ask } from "/dashboard/page/ask.js";
import { element, moment } from "/dashboard/page/elements.js";
import { askingForm, field } from "/dashboard/page/form.js";
import { opinionCard } from "/dashboard/page/opinion.js";

/** The section; an id in the address (`id=`) is looked up at once. */
export function requestSection(task) {
  const id = element("input", { type: "text", required: true, autocomplete: "off", spellcheck: "false" });
  const search = element("input", { type: "checkbox", id: "request-search" });
  const text = element("textarea", { rows: "2", spellcheck: "false" });
  const { form, answer } = askingForm("Explain it", [
    field("request-id", "Id of a request", id, "The gateway remembers the newest labels; what is older is on the topic of labels."),
    element("p", { class: "check" }, search, element("label", { for: "request-search" }, "Look for its text among the newest traces, and score it again")),
    element("details", {}, element("summary", {}, "You have its text"), field("request-text", "Its text", text, "It is scored again by the live version.")),
  ], async () => {
    const body = { id: id.value.trim(), search: search.checked };
    if (text.value.trim()) body.text = text.value;
    return explained(await ask(`/dashboard/read/request/${encodeURIComponent(task)}`, body));
  });
  const named = new URLSearchParams(location.search).get("id");
  if (named) {
    id.value = named;
    queueMicrotask(() => form.requestSubmit());
  }
  return element("section", {}, element("h2", {}, "Why was a request deferred?"), form, answer);
}

function explained(found) {
  const cards = [];
  if (found.then) cards.push(opinionCard(`Then${found.then.version ? `, by ${found.then.version}` : ""}`, found.then));
  if (found.now) cards.push(opinionCard(`Now${found.now.version ? `, by ${found.now.version}` : ""}`, found.now));
  return [
    element("p", { class: "lead" }, found.sentence),
    found.at ? element("p", { class: "soft" }, `Labelled ${moment(found.at)}${found.teacher ? `; the teacher said ${found.teacher}` : ""}.`) : null,
    found.text ? element("p", {}, element("q", {}, found.text)) : null,
    found.difference ? element("p", {}, found.difference) : null,
    element("div", { class: "cards" }, cards),
    ...found.advice.map(([sentence, command]) => element("p", { class: "soft" }, sentence, ...(command ? [" ", element("code", {}, command)] : []))),
  ].filter(Boolean);
}
