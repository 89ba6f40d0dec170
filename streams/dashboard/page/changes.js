// Changes by persons: a form for what may be changed of a task, and who has changed what, when and why.

import { ask } from "/dashboard/page/ask.js";
import { badge, element, moment, shortMoment, table } from "/dashboard/page/elements.js";
import { review, undoButton } from "/dashboard/page/review.js";

const FIRST = 6;
const MOST_SHOWN = 60;

/** A button that shows what a wish would change, before it is made. */
export function changeButton(task, wish, words, told, kind = "") {
  const button = element("button", { type: "button", class: kind || null }, words);
  button.addEventListener("click", () => review(task, wish, words.replace("…", ""), told));
  return button;
}

/** A wish to set fields; `shown` is what they were where it was made: another value by now, and it is refused. */
export function configWish(fields, shown) {
  return { what: "config", fields, shown };
}

/** What may be done with a version that is kept: `{ version, stage, is_live, waits }`. */
export function versionButtons(task, row, told) {
  if (row.is_live) return [];
  const version = row.version;
  if (row.waits) {
    return [changeButton(task, { what: "approve", version }, `Approve ${version}…`, told, "quiet"),
      changeButton(task, { what: "refuse", version }, `Refuse ${version}…`, told, "quiet")];
  }
  return [row.stage === "retired"
    ? changeButton(task, { what: "rollback", version }, `Roll back to ${version}…`, told, "quiet")
    : changeButton(task, { what: "promote", version }, `Promote ${version}…`, told, "quiet")];
}

/** Stops automatic promotions, or allows them again. */
export function pinButton(task, isPinned, told) {
  return isPinned ? changeButton(task, { what: "unpin" }, "Allow promotions again…", told, "quiet")
    : changeButton(task, { what: "pin" }, "Pin: promote nothing by itself…", told, "quiet");
}

/** Switches one label off or on again; `found` says which are switched off, and as the config has them. */
export function labelButton(task, label, found, told) {
  const off = found.never_answer;
  const isOff = off.includes(label);
  const names = isOff ? off.filter((one) => one !== label) : [...off, label];
  const words = isOff ? "Switch on" : "Switch off";
  const button = changeButton(task, configWish({ never_answer: names }, { never_answer: found.as_set }), `${words}…`, told, "quiet");
  button.setAttribute("aria-label", `${words} ${label}`);
  return button;
}

export function openChanges(place, task) {
  const said = element("p", { class: "soft", role: "status" }, "Looking what may be changed…");
  const panel = element("div", { class: "changes" });
  let heard = "";
  let isEdited = false;
  place.replaceChildren(said, panel);
  panel.addEventListener("input", () => { isEdited = true; });

  async function read() {
    try {
      const found = await ask(`/dashboard/read/changes/${encodeURIComponent(task)}`);
      isEdited = false;
      said.textContent = "";
      panel.replaceChildren(...parts(task, found, read));
    } catch (error) {
      said.textContent = error.message;
    }
  }

  read();
  return {
    /** Another person or an alarm may have changed it; what is typed here is not thrown away. */
    view(found) {
      const now = JSON.stringify([found.row.version, found.row.candidate, found.row.target, found.moves.length]);
      if (heard && heard !== now && !isEdited && !document.querySelector("dialog")) read();
      heard = now;
    },
  };
}

function parts(task, found, read) {
  const lists = [found.may_change ? nowSection(task, found, read) : readOnly(), fieldsSection(task, found, read),
    labelsSection(task, found, read), versionsSection(task, found, read)];
  return [...lists.filter(Boolean), madeSection(task, found, read)];
}

function readOnly() {
  return element("section", {}, element("h2", {}, "Read only"), element("p", {},
    "Your key may look at this task and change nothing. ", element("code", {}, "understudy keys create NAME --operate"),
    " makes one that may."));
}

function nowSection(task, found, read) {
  const isPaused = valueOf(found, "paused");
  const pause = changeButton(task, configWish({ paused: !isPaused }, { paused: isPaused }), isPaused ? "Answer again…" : "Pause all answers…", read);
  const close = found.is_stopped ? changeButton(task, { what: "close_breaker" }, "Close the breaker…", read) : null;
  const state = found.is_stopped ? badge("stopped", "the breaker is open: the teacher answers")
    : isPaused ? badge("stopped", "paused: the teacher answers everything") : badge("certified", "the surrogate may answer");
  return element("section", {}, element("h2", {}, "Answers"), element("p", { class: "buttons" }, state, pause, close),
    element("p", { class: "soft" }, `Each change is shown before it is made, asks why, and is kept under the name “${found.by}”.`));
}

const valueOf = (found, name) => found.fields.find((field) => field.name === name).value;

/** One form for all fields: what differs from what is in force is one change. */
function fieldsSection(task, found, read) {
  const fields = found.fields.filter((field) => field.name !== "paused");
  const inputs = new Map();
  const rows = fields.map((field) => fieldRow(task, field, found.may_change, inputs, read));
  const form = element("form", { class: "settings" }, rows.slice(0, FIRST),
    element("details", {}, element("summary", {}, "Audits, alarms and labels"), rows.slice(FIRST)),
    found.may_change ? element("p", { class: "buttons" }, element("button", {}, "Review the change…")) : null);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const changed = fields.map((field) => [field, typed(field, inputs.get(field.name))])
      .filter(([field, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(field.value));
    const wished = Object.fromEntries(changed.map(([field, value]) => [field.name, value]));
    const shown = Object.fromEntries(changed.map(([field]) => [field.name, field.value]));
    review(task, configWish(wished, shown), "Change the config", read);
  });
  return element("section", {}, element("h2", {}, "Targets and thresholds"), form);
}

function fieldRow(task, field, mayChange, inputs, read) {
  const id = `field-${field.name}`;
  const input = field.kind === "choice"
    ? element("select", { id, disabled: !mayChange }, field.choices.map((one) => element("option", { selected: one === field.value }, one)))
    : element("input", { id, disabled: !mayChange, autocomplete: "off", inputmode: field.kind === "number" ? "decimal" : null,
      value: field.value === null ? "" : String(field.value), placeholder: field.nullable ? "none" : null });
  inputs.set(field.name, input);
  const words = field.own ? "set for this task" : JSON.stringify(field.value) === JSON.stringify(field.default) ? "default" : "as for all tasks";
  const back = field.own && mayChange
    ? changeButton(task, { what: "config", unset: [field.name], shown: { [field.name]: field.value } }, "Unset…", read, "quiet") : null;
  back?.setAttribute("aria-label", `Unset ${field.title}`);
  return element("div", { class: "setting" }, element("label", { for: id }, field.title), input,
    element("span", { class: "soft" }, words), back ?? element("span"),
    element("details", {}, element("summary", {}, element("code", {}, field.name)), element("p", { class: "soft" }, `${field.meaning}.`)));
}

/** What stands in an input, as the config has it; undefined where nothing does. */
function typed(field, input) {
  const text = input.value.trim();
  if (!text) return field.nullable ? null : undefined;
  if (field.kind !== "number" || field.choices.includes(text)) return text;
  const number = Number(text);
  return Number.isNaN(number) ? text : number; // the gateway says what is wrong with it
}

/** Labels with a switch each; those that are switched off are one change. */
function labelsSection(task, found, read) {
  if (!found.labels.length) return null;
  const off = new Set(found.never_answer);
  const list = element("ul", { class: "labels" });
  const more = element("p", { class: "soft" });
  const filter = element("input", { id: "label-filter", type: "search", autocomplete: "off" });

  function show() {
    const wanted = filter.value.trim().toLowerCase();
    const matching = found.labels.filter((label) => label.toLowerCase().includes(wanted));
    list.replaceChildren(...matching.slice(0, MOST_SHOWN).map((label) => {
      const box = element("input", { type: "checkbox", checked: off.has(label), disabled: !found.may_change });
      box.addEventListener("change", () => (box.checked ? off.add(label) : off.delete(label)));
      return element("li", {}, element("label", {}, box, element("span", {}, label)));
    }));
    more.textContent = matching.length > MOST_SHOWN ? `${matching.length - MOST_SHOWN} more: type a part of a name.` : "";
  }

  const form = element("form", { class: "labelled" },
    found.labels.length > 12 ? element("p", {}, element("label", { for: "label-filter" }, "Find a label"), filter) : null, list, more,
    found.may_change ? element("p", { class: "buttons" }, element("button", {}, "Review the change…")) : null);
  filter.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const names = found.labels.filter((label) => off.has(label));
    review(task, configWish({ never_answer: names }, { never_answer: found.never_answer }), "Labels that are never answered", read);
  });
  show();
  return element("section", {}, element("h2", {}, "Never answer with these labels"),
    element("p", { class: "soft" }, "A request whose guess is one of them goes to the teacher, with this and every later version."), form);
}

function versionsSection(task, found, read) {
  if (!found.versions.length) return null;
  const rows = found.versions.map((row) => [row.version, row.is_live ? badge("certified", "live") : (row.stage ?? "unknown").replace("_", " "),
    ...(found.may_change ? [element("span", { class: "buttons" }, versionButtons(task, row, read))] : [])]);
  return element("section", {}, element("h2", {}, "Versions"),
    element("p", { class: "buttons" }, found.pinned === null ? "A version that passes goes live as the config says." : `Pinned: ${found.pinned}`,
      found.may_change ? pinButton(task, found.pinned !== null, read) : null),
    table("Versions whose files are kept", ["version", "stage", ...(found.may_change ? ["change"] : [])], rows));
}

function madeSection(task, found, read) {
  const heading = element("h2", {}, "What persons have changed");
  if (!found.changes.length) {
    return element("section", {}, heading, element("p", { class: "soft" }, "Nobody has changed this task yet, here or by the command line, since changes are kept."));
  }
  return element("section", {}, heading, element("ol", { class: "moves made" }, found.changes.map(({ change, is_of_all: isOfAll }) => {
    const lines = change.diff.map((one) => element("span", { class: "line" }, `${one.name}: `, element("del", {}, one.before ?? "none"), " → ",
      element("ins", {}, one.after ?? "none")));
    return element("li", {}, element("time", { datetime: new Date(change.at).toISOString(), title: moment(change.at) }, shortMoment(change.at)),
      element("strong", {}, change.by), element("div", {}, element("p", {}, change.reason, isOfAll ? " (for all tasks)" : null), lines,
        found.may_change && !isOfAll ? undoButton(task, change, read) : null));
  })));
}
