// What was deferred, and what could not be processed at all: read when the tab is opened, and again by a button.

import { ask } from "/dashboard/page/ask.js";
import { count, element, moment, prose, shortMoment, table } from "/dashboard/page/elements.js";

const NUMBER = "number";
const ANY = "";
const APPS = "Chat completions that the gateway forwards to an app's LLM are not among them: the tab Traffic counts them. One call is found " +
  "by the id in its header `x-understudy-decision-id`, in the tab Try a text, or by `understudy explain`.";

export function openDeferred(place, task) {
  const reason = element("select", { id: "of-reason" });
  const again = element("button", { type: "button", class: "plain" }, "Read again");
  const note = element("p", { class: "soft", role: "status" }, "Reading the newest deferrals and dead letters …");
  const deferrals = element("div");
  const letters = element("section");
  let found = null;
  let ended = false;
  place.replaceChildren(element("section", {}, element("h2", {}, "Deferred requests"),
    element("div", { class: "filters" }, element("label", { for: "of-reason" }, "Reason"), reason, again), note, deferrals,
      element("p", { class: "soft apps" }, prose(APPS))), letters);
  const draw = () => {
    const rows = found.deferrals.filter((row) => reason.value === ANY || row.reason === reason.value);
    deferrals.replaceChildren(deferralTable(rows, found));
  };
  const read = async () => {
    again.disabled = true;
    try {
      const read = await ask(`/dashboard/read/deferred/${encodeURIComponent(task)}`);
      if (ended) return;
      found = read;
      const value = reason.value;
      const known = [[ANY, "any"], ...found.reasons.map(([name, many]) => [name, `${words(name)} (${count(many)})`])];
      reason.replaceChildren(...known.map(([name, said]) => element("option", { value: name }, said)));
      reason.value = known.some(([name]) => name === value) ? value : ANY;
      note.textContent = sentence(found);
      draw();
      letters.replaceChildren(...letterParts(found, (row) => send(row)));
    } catch (error) {
      if (!ended) note.textContent = `Not read: ${error.message}`;
    } finally {
      again.disabled = false;
    }
  };
  const send = async (row) => {
    const why = document.getElementById("why");
    const told = document.getElementById("sent");
    if (!why.value.trim()) {
      told.textContent = "Say why first: it is kept with the event.";
      why.focus();
      return;
    }
    told.textContent = "Sending …";
    try {
      const done = await ask(`/dashboard/change/replay/${encodeURIComponent(task)}`, { position: row.position, reason: why.value });
      if (ended) return;
      await read();
      document.getElementById("sent").textContent = done.to ? `${row.position} is sent again to ${done.to}.` : `${row.position}: another letter asks for the same request.`;
    } catch (error) {
      told.textContent = `${row.position}: ${error.message}`;
    }
  };
  reason.addEventListener("change", draw);
  again.addEventListener("click", read);
  reason.replaceChildren(element("option", { value: ANY }, "any"));
  read();
  return { end: () => { ended = true; } };
}

const words = (name) => name.replaceAll("_", " ");

function sentence(found) {
  const [deferrals] = found.looked_at;
  const own = found.reasons.reduce((sum, [, many]) => sum + many, 0);
  const cut = own > found.deferrals.length ? ` The newest ${count(found.deferrals.length)} are shown.` : "";
  return `As of ${moment(found.at)}: of the newest ${deferrals === 1 ? "deferral" : `${count(deferrals)} deferrals`} of all tasks, ${count(own)} ${own === 1 ? "is" : "are"} of this task.${cut}`;
}

function deferralTable(rows, found) {
  if (!rows.length) {
    const none = found.deferrals.length ? "None of them has this reason." :
      "None of the newest deferrals is of this task: the surrogate answers everything, or the task has no requests now.";
    return element("p", { class: "soft" }, none);
  }
  return table("Deferred requests, newest first", ["when", "request", "text", "because", "score", "threshold", "guess", "answer"], rows.map((row) => [
    element("time", { datetime: new Date(row.at).toISOString(), title: moment(row.at) }, shortMoment(row.at)),
    element("a", { href: `?tab=try&id=${encodeURIComponent(row.id)}` }, element("code", {}, row.id)), row.text ?? element("span", { class: "soft" }, found.texts ? "a vector" : "shown to keys that may operate"), words(row.reason), number(row.score), number(row.threshold),
    row.guess === null ? "none" : `${row.guess} (${row.version})`, answer(row)]), ["", "", "text", "", NUMBER, NUMBER, "", ""]);
}

const number = (value) => (value === null ? "–" : value.toFixed(3));

function answer(row) {
  if (row.label !== null) return row.label;
  return row.failed === null ? element("span", { class: "soft" }, "not seen here") : prose(`error: ${row.failed}`);
}

function letterParts(found, send) {
  const [, many] = found.looked_at;
  const nameless = found.nameless ? ` ${count(found.nameless)} of them ${found.nameless === 1 ? "names" : "name"} no task that can be read: \`understudy dead-letters list\` shows them.` : "";
  const sentence = many ? `Of the newest ${many === 1 ? "dead letter" : `${count(many)} dead letters`} of all tasks, ${count(found.letters.length)} ${found.letters.length === 1 ? "is" : "are"} of this task.${nameless}`
    : "There are none: every message was processed.";
  const parts = [element("h2", {}, "Dead letters"), element("p", { class: "soft" }, prose(sentence))];
  if (!found.letters.length) return parts;
  const again = found.replays ? [element("p", { class: "filters" }, element("label", { for: "why" }, "Why letters are sent again"),
    element("input", { id: "why", type: "text", maxlength: 500, autocomplete: "off" }), element("span", { id: "sent", role: "status" }))] : [];
  return [...parts, ...again, table("Dead letters, newest first", ["when", "position", "given up by", "request", "reason", "state"], found.letters.map((row) => [
    element("time", { datetime: new Date(row.at).toISOString(), title: moment(row.at) }, shortMoment(row.at)),
    element("code", {}, row.position), row.stage, row.id ?? "?", prose(row.reason), found.replays && row.whole && !row.replayed ? button(row, send) : state(row)]), ["", "", "", "", "text", ""])];
}

function button(row, send) {
  const made = element("button", { type: "button", class: "plain", "aria-label": `Send ${row.position} again`, title: state(row) }, "Send again");
  made.addEventListener("click", () => send(row));
  return made;
}

function state(row) {
  if (row.replayed) return "replayed";
  if (!row.whole) return "holds no message";
  return row.attempt ? `failed again after ${count(row.attempt)} replays` : "waits for a replay";
}
