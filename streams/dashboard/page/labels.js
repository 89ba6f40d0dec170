// Labels of a task: what the fit and the audits say of each, and the answers that the teacher contradicts.

import { ask } from "/dashboard/page/ask.js";
import { labelButton } from "/dashboard/page/changes.js";
import { atLeast, atMost, badge, count, element, moment, share, table } from "/dashboard/page/elements.js";
import { askingForm } from "/dashboard/page/form.js";

const NUMBER = "number";
const SHOWN = 50;
const SETTLED = 2000;

export function openLabels(place, task) {
  const known = element("section");
  const drawn = reread(`/dashboard/read/labels/${encodeURIComponent(task)}`, known, (found) => found.labels, (found) => labelParts(task, found, () => drawn.again()));
  const suspects = askingForm("Look for them", [], async () => suspectParts(await ask(`/dashboard/read/suspects/${encodeURIComponent(task)}`)));
  place.replaceChildren(known, element("section", {}, element("h2", {}, "Surest disagreements"),
    element("p", { class: "soft" }, "Answers of the surrogate that the teacher contradicted, the highest score first. Either of the two may be wrong: " +
      "what the teacher got wrong costs coverage, and ", element("code", {}, "understudy feedback"), " tells a refit the right label."),
    element("p", { class: "soft" }, "They are read from the newest traces when you ask, and kept nowhere."), suspects.form, suspects.answer));
  return { view: drawn };
}

/**
 * A function for each event of the task's stream: asks `path` anew where what `of` takes of the event has changed, and
 * draws `parts` of the answer into `place`. What it can't read it says there, and tries again with the next event.
 */
export function reread(path, place, of, parts) {
  let before = null;
  let shown = "";
  let isAsking = false;
  let newest = null;
  const view = async (found) => {
    newest = found;
    const seen = JSON.stringify(of(found));
    if (isAsking || seen === before) return;
    isAsking = true;
    try {
      const answer = await ask(path);
      const content = JSON.stringify(answer);
      before = seen;
      if (content === shown) return; // what somebody is about to click stays
      shown = content;
      const drawn = parts(answer);
      const open = [...place.querySelectorAll("details")].map((one) => one.open);
      place.replaceChildren(...drawn);
      place.querySelectorAll("details").forEach((one, at) => { one.open = open[at] ?? one.open; });
    } catch (error) {
      shown = "";
      place.replaceChildren(element("p", { class: "said refused" }, error.message || "the gateway can't be reached"));
    } finally {
      isAsking = false;
    }
  };
  /** Ask now, since something was changed here, and once it has surely come back to the gateway. */
  view.again = () => {
    const now = () => {
      before = null;
      if (newest) view(newest);
    };
    now();
    setTimeout(now, SETTLED);
  };
  return view;
}

function labelParts(task, found, told) {
  if (!found.version) {
    return [element("h2", {}, "Labels"),
      element("p", {}, "No version is live yet. Labels are known once one has passed the gate; until then the teacher gives them all.")];
  }
  const shown = found.labels.slice(0, SHOWN);
  const rest = found.labels.slice(SHOWN);
  return [element("h2", {}, "Labels"),
    element("p", { class: "soft" }, `What the audits of ${found.version} say of each label that it gave, and what its fit said before: most disagreements first. ` +
      "Intervals hold at a confidence of 95%, those of audits however often they are looked at."),
    found.new_labels.length ? element("p", {}, badge("lost", `It can't know: ${found.new_labels.join(", ")}`)) : null,
    labelTable("Labels", shown, task, found, told),
    rest.length ? element("details", {}, element("summary", {}, `${count(found.all_labels - SHOWN)} more`), labelTable("More labels", rest, task, found, told)) : null,
  ].filter(Boolean);
}

function labelTable(caption, labels, task, found, told) {
  const change = found.may_change ? ["change"] : [];
  return table(caption, ["label", "answers", "audits", "disagree", "agree", "interval", "traces", "in its fit", "most often instead", ...change],
    labels.map((one) => [one.label, one.blocked ? element("span", {}, badge("stopped", "never"), element("span", { class: "why" }, one.blocked)) : "yes",
      ...audited(one.audits), one.traces === null ? "–" : count(one.traces), fitted(one), one.confused_with ?? "–",
      ...change.map(() => labelButton(task, one.label, found, told))]),
    ["", "", NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, ""]);
}

function audited(row) {
  if (!row) return ["0", "–", "–", "–"];
  return [count(row.audits), count(row.audits - row.agreements), share(row.agreements / row.audits), `${atLeast(row.low)} to ${atMost(row.high)}`];
}

function fitted(one) {
  const [answered, agreements] = one.fitted;
  return answered ? `${share(agreements / answered)} of ${count(answered)}` : "–";
}

function suspectParts(found) {
  const seen = `Among the newest ${count(found.looked_at)} traces of all tasks are ${count(found.traces)} of this one, ${count(found.audits)} of them audits of answers; ` +
    `${count(found.disagreements)} of these disagree.`;
  const suspects = found.suspects.length ? table("Surest disagreements", ["text", "surrogate", "teacher", "score", "version", "when"],
    found.suspects.map((one) => [one.text ?? `a vector without a text, ${one.id}`, one.answer, one.teacher, one.score.toFixed(4), one.version, moment(one.at)]),
    ["text", "", "", NUMBER, "", ""]) : null;
  const pairs = found.pairs.length ? [element("h3", {}, "Labels that are confused"),
    element("p", { class: "soft" }, "Of these traces with a guess, answered or deferred: what the surrogate would have said, and what the teacher said."),
    table("Labels that are confused", ["surrogate", "teacher", "traces", "of its guesses"],
      found.pairs.map((one) => [one.guess, one.teacher, count(one.traces), share(one.traces / one.of)]), ["", "", NUMBER, NUMBER])] : [];
  return [element("p", {}, seen), suspects, ...pairs].filter(Boolean);
}
