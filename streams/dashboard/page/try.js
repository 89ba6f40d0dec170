// A text that is tried: what would become of it, and why. Nothing is given, asked, audited or kept.

import { ask } from "/dashboard/page/ask.js";
import { count, element, moment, share, table } from "/dashboard/page/elements.js";
import { askingForm, field } from "/dashboard/page/form.js";
import { opinionCard } from "/dashboard/page/opinion.js";
import { requestSection } from "/dashboard/page/request.js";

export function openTry(place, task) {
  const text = element("textarea", { rows: "4", spellcheck: "false" });
  const vector = element("textarea", { rows: "2", spellcheck: "false" });
  const { form, answer } = askingForm("Try it", [
    field("try-text", "Text", text, "As a client would send it; the gateway's mask is applied first."),
    element("details", {}, element("summary", {}, "The task reads vectors that requests bring"),
      field("try-vector", "Vector", vector, "Numbers, with commas or spaces between them.")),
  ], async () => {
    const body = content(text.value, vector.value);
    return tried(await ask(`/dashboard/read/try/${encodeURIComponent(task)}`, body), task, body.text);
  });
  place.replaceChildren(element("section", {}, element("h2", {}, "Try a text"),
    element("p", { class: "soft" }, "What the task would do with a text now. No client gets a label by it, the teacher is not asked, " +
      "and nothing is audited, counted or kept."), form, answer), requestSection(task));
}

/** The body of the call. Throws Error where the vector is none. */
function content(text, vector) {
  const body = {};
  if (text.trim()) body.text = text;
  if (vector.trim()) {
    body.embedding = vector.replace(/[[\]]/g, " ").split(/[\s,]+/).filter(Boolean).map(Number);
    if (body.embedding.some((value) => !Number.isFinite(value))) throw new Error("The vector holds something that is no number.");
  }
  if (!Object.keys(body).length) throw new Error("Type a text first, or paste a vector.");
  return body;
}

function tried(found, task, text) {
  const cards = [opinionCard(found.live.version ? `${found.live.version}, live` : "No version is live", found.live)];
  if (found.candidate) cards.push(opinionCard(`${found.candidate.version}, on trial: if it decided`, found.candidate));
  const said = [found.audit, ...found.notes.map((note) => `${note}.`)];
  return [element("div", { class: "cards" }, cards),
    found.masked === null ? null : element("p", {}, "Scored as the mask leaves it: ", element("q", {}, found.masked)),
    ...said.filter(Boolean).map((sentence) => element("p", { class: "soft" }, sentence)),
    text ? alikeSection(task, text) : null].filter(Boolean);
}

/** Asked for by a button: it reads a topic. */
function alikeSection(task, text) {
  const { form, answer } = askingForm("Look for traces with its words", [
    element("p", { class: "soft" }, "A version keeps no traces, only what it has learned from them, so which of them it decides by can't be shown. " +
      "Those among the newest that share most words with the text can.")],
  async () => alikeParts(await ask(`/dashboard/read/alike/${encodeURIComponent(task)}`, { text })));
  return element("section", {}, element("h3", {}, "Traces like it"), form, answer);
}

function alikeParts(found) {
  const seen = `Among the newest ${count(found.looked_at)} traces of all tasks are ${count(found.traces)} texts of this one`;
  if (!found.alike.length) return [element("p", {}, `${seen}; none has a word in common with it.`)];
  return [element("p", {}, `${seen}.`), table("Traces that share most words", ["text", "teacher", "words in common", "when"],
    found.alike.map((one) => [one.text, one.teacher, share(one.alike), moment(one.at)]), ["text", "", "number", ""])];
}
