// The page: a table of all tasks, or one task, as its address says; drawn anew with each event of the stream.

import { chart } from "/dashboard/page/chart.js";
import { atLeast, atMost, badge, count, element, moment, share, shortMoment, STATES, table } from "/dashboard/page/elements.js";
import { storeKey, watch } from "/dashboard/page/stream.js";
import { trafficParts } from "/dashboard/page/traffic.js";

const STALE = 20000;
const TASKS = "/dashboard/tasks/";
const MOST_ROWS = 60;
const NUMBER = "number";
const MINUTE = 60000;

const view = document.getElementById("view");
const pulse = document.getElementById("pulse");
const state = document.getElementById("state");
const clock = document.getElementById("clock");
const form = document.getElementById("key");
let heard = 0;
let end = () => {};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  storeKey(document.getElementById("token").value.trim());
  open();
});

function open() {
  end();
  form.hidden = true;
  const task = location.pathname.startsWith(TASKS) ? location.pathname.slice(TASKS.length) : null;
  const name = task === null ? null : decodeURIComponent(task);
  document.title = name === null ? "Understudy" : `${name} – Understudy`;
  document.getElementById("place").textContent = name === null ? "" : name;
  const page = name === null ? overview() : onePage(name);
  end = watch(name === null ? "/dashboard/stream" : `/dashboard/stream/${encodeURIComponent(name)}`, {
    view: (found) => { tell(found.at); page(found); },
    problem: (sentence) => warn(sentence),
    refused: () => { form.hidden = false; view.replaceChildren(); warn("no valid key"); },
  });
}

function tell(at) {
  heard = Date.now();
  say("live", "live");
  clock.textContent = `, ${new Date(at).toLocaleTimeString()}`;
}

function warn(sentence) {
  say("stale", heard ? `stale since ${new Date(heard).toLocaleTimeString()}: ${sentence}` : sentence);
  clock.textContent = "";
}

/** A screen reader says this, so it is set only where it changes; the clock beside it changes all the time. */
function say(name, words) {
  pulse.className = `pulse ${name}`;
  if (state.textContent !== words) state.textContent = words;
}

setInterval(() => {
  if (heard && !document.hidden && Date.now() - heard > STALE && pulse.classList.contains("live")) warn("nothing was heard");
}, 2000);

/** All tasks, those that need a person first. */
function overview() {
  const tally = element("p", { class: "tally" });
  const list = element("div");
  view.replaceChildren(element("h1", {}, "Tasks"), tally, list);
  let before = "";
  return (found) => {
    const states = found.rows.map((row) => row.state);
    const parts = Object.keys(STATES).map((state) => [state, states.filter((one) => one === state).length]);
    tally.replaceChildren(...parts.filter(([, many]) => many).map(([state, many]) => badge(state, `${many} ${STATES[state].words}`)),
      ...problems(found));
    const content = JSON.stringify(found.rows);
    if (content !== before) {
      const focused = document.activeElement?.getAttribute("href");
      list.replaceChildren(found.rows.length ? overviewTable(found.rows) : firstSteps());
      if (focused) [...list.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    }
    before = content;
  };
}

function problems(found) {
  const said = [];
  if (found.late !== null) said.push(`certify has counted no audits for ${Math.round(found.late)} s`);
  if (found.unreadable.length) said.push(`can't be read: ${found.unreadable.join(", ")}`);
  return said.map((sentence) => badge("stopped", sentence));
}

function firstSteps() {
  return element("p", {}, "No task yet: the first request or ", element("code", {}, "understudy config set"), " makes one.");
}

function overviewTable(rows) {
  const columns = ["task", "claim", "version", "proven", "target", "audits", "disagree", "answers", "should answer", "alarm"];
  const kinds = ["", "", "", ...Array(7).fill(NUMBER)];
  return table("All tasks, those that need a person first", columns, rows.map((row) => [
    element("a", { href: TASKS + encodeURIComponent(row.task) }, row.task),
    badge(row.state, row.claim),
    row.candidate ? `${row.version} (${row.candidate})` : row.version || "none",
    row.proven === null ? "–" : meter(row),
    share(row.target), count(row.audits), count(row.audits - row.agreements), share(row.answered), share(row.expected),
    row.alarm ? `${Math.round(100 * row.alarm)}%` : "–",
  ]), kinds);
}

/** What is proven, with a bar that has the target as its notch. */
function meter(row) {
  const from = 2 * row.target - 1;
  const place = (value) => Math.max(0, Math.min(1, (value - from) / (1 - from)));
  const bar = element("span", { class: "meter", "aria-hidden": "true" }, element("span", { class: row.state }));
  bar.firstChild.style.width = `${100 * place(row.proven)}%`;
  return element("span", { class: "metered" }, bar, atLeast(row.proven));
}

/** One task. */
function onePage(name) {
  const sentence = element("p", { class: "lead" });
  const claim = element("p");
  const next = element("p", { class: "soft" });
  const facts = element("dl", { class: "facts" });
  const drawing = element("div", { class: "chart" });
  const twin = element("div");
  const traffic = element("section");
  const labels = element("section");
  const moves = element("section");
  const draw = chart(drawing, `What the audits of ${name} prove`);
  let axis = "audits";
  let newest = null;
  const buttons = ["audits", "time"].map((one) => {
    const button = element("button", { type: "button", "aria-pressed": String(one === axis) }, `over ${one}`);
    button.addEventListener("click", () => {
      axis = one;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      if (newest) draw(newest.history, newest.moves, axis);
    });
    return button;
  });
  view.replaceChildren(
    element("h1", {}, name), claim, sentence, next,
    element("section", {}, element("h2", {}, "Certificate"), element("div", { class: "switch", role: "group", "aria-label": "Axis" }, buttons),
      legend(), drawing, element("details", {}, element("summary", {}, "The same as a table"), twin)),
    element("section", {}, element("h2", {}, "Now"), facts), traffic, labels, moves);
  let before = "";
  let heardTraffic = "";
  return (found) => {
    newest = found;
    claim.replaceChildren(badge(found.row.state, found.row.claim));
    sentence.textContent = found.sentence.replace("{since}", found.since ? moment(found.since) : "");
    next.textContent = found.next_step && `Next: ${found.next_step}.`;
    const seen = JSON.stringify([found.traffic, Math.floor(found.at / MINUTE)]);
    if (seen !== heardTraffic) traffic.replaceChildren(...trafficParts(found.traffic, found.at));
    heardTraffic = seen;
    const content = JSON.stringify([found.history, found.moves, found.labels, found.facts]);
    if (content === before) return;
    before = content;
    facts.replaceChildren(...found.facts.map(([term, said]) =>
      element("div", {}, element("dt", {}, term), element("dd", {}, said))));
    draw(found.history, found.moves, axis);
    twin.replaceChildren(pointsTable(found.history));
    labels.replaceChildren(...labelParts(found.labels));
    moves.replaceChildren(...moveParts(found.moves));
  };
}

function legend() {
  const parts = [["lower", "proven"], ["estimate", "seen"], ["target", "target"]];
  return element("p", { class: "legend" }, parts.map(([name, words]) => element("span", { class: `key ${name}` }, words)),
    ["certified", "not_yet", "lost"].map((state) => badge(state, STATES[state].words)));
}

function pointsTable(history) {
  const all = history.flat();
  const every = Math.ceil(all.length / MOST_ROWS);
  const changed = (place) => !place || all[place][6] !== all[place - 1][6] || all[place][1] !== all[place - 1][1];
  const kept = all.filter((_, place) => changed(place) || place === all.length - 1 || place % every === 0);
  return table("Certificate, newest first", ["when", "version", "audits", "disagree", "proven", "target", "state"],
    kept.reverse().map(([at, version, audits, disagreed, lower, target, state]) =>
      [moment(at), version, count(audits), count(disagreed), atLeast(lower), share(target), badge(state, STATES[state].words)]),
    ["", "", NUMBER, NUMBER, NUMBER, NUMBER, ""]);
}

function labelParts(rows) {
  if (!rows.length) return [];
  return [element("h2", {}, "Labels"),
    element("p", { class: "soft" }, "Audits of the live version by the label that it gave; most disagreements first. " +
      "The interval holds one label's agreement at a confidence of 95%, however often it is looked at."),
    table("Audits by label", ["label", "audits", "disagree", "agree", "interval", "answers"], rows.map((row) => [
      row.label, count(row.audits), count(row.audits - row.agreements), share(row.agreements / row.audits),
      `${atLeast(row.low)} to ${atMost(row.high)}`, row.blocked ? badge("stopped", "blocked") : "yes"]),
    ["", NUMBER, NUMBER, NUMBER, NUMBER, ""])];
}

function moveParts(rows) {
  if (!rows.length) return [];
  return [element("h2", {}, "Versions"), element("ol", { class: "moves" }, rows.map((move) =>
    element("li", {}, element("time", { datetime: new Date(move.at).toISOString(), title: moment(move.at) }, shortMoment(move.at)),
      element("strong", {}, `${move.version} ${move.after.replace("_", " ")}`),
      element("span", { class: "soft" }, `${move.reason} (${move.by})`))))];
}

open();
