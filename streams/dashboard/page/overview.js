// All tasks, those that need a person first.

import { atLeast, badge, count, element, share, STATES, table } from "/dashboard/page/elements.js";
import { course, sparkline } from "/dashboard/page/sparkline.js";

const TASKS = "/dashboard/tasks/";
const NUMBER = "number";

export function openOverview(place) {
  const tally = element("p", { class: "tally" });
  const list = element("div");
  place.replaceChildren(element("h1", {}, "Tasks"), tally, list);
  let before = "";
  const view = (found) => {
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
  return { view };
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
  const columns = ["task", "claim", "version", "proven (target)", "audits (disagree)", "answers (should)", "audits agree", "alarm", "teacher today"];
  const kinds = ["", "", "", ...Array(6).fill(NUMBER)];
  return table("All tasks, those that need a person first", columns, rows.map((row) => [
    element("a", { href: TASKS + encodeURIComponent(row.task) }, row.task),
    badge(row.state, row.claim),
    row.candidate ? `${row.version} (${row.candidate})` : row.version || "none",
    row.proven === null ? aside("–", share(row.target)) : meter(row),
    aside(count(row.audits), count(row.audits - row.agreements)), answers(row), agrees(row),
    row.alarm ? `${Math.round(100 * row.alarm)}%` : "–", today(row),
  ]), kinds);
}

/** A number, and beside it the one that it is compared with. */
function aside(value, other) {
  return element("span", {}, value, element("span", { class: "soft" }, ` (${other})`));
}

function answers(row) {
  const line = row.answers.length ? sparkline(row.answers, course(row.answers, "answered")) : null;
  return element("span", { class: "metered" }, line, aside(share(row.answered), share(row.expected)));
}

function agrees(row) {
  if (!row.agrees.length) return "–";
  const target = Math.round(1000 * row.target);
  const least = Math.max(0, Math.min(2 * target - 1000, ...row.agrees.filter((value) => value !== null)));
  const newest = row.agrees.findLast((value) => value !== null);
  return element("span", { class: "metered" }, sparkline(row.agrees, course(row.agrees, "audits that agree"), { least, target }), share(newest / 1000));
}

/** What the teacher has cost since 00:00 UTC, and how much of its limit that is. */
function today(row) {
  if (!row.calls && row.budget === null) return "–";
  const words = row.money ? row.money.toFixed(2) : `${count(row.calls)} ${row.calls === 1 ? "call" : "calls"}`;
  if (row.budget === null) return words;
  const used = `${Math.round(100 * row.budget)}% used`;
  return element("span", {}, `${words}, `, row.budget < 0.8 ? used : badge(row.budget < 1 ? "not_yet" : "stopped", used));
}

/** What is proven, with a bar that has the target as its notch. */
function meter(row) {
  const from = 2 * row.target - 1;
  const place = (value) => Math.max(0, Math.min(1, (value - from) / (1 - from)));
  const bar = element("span", { class: "meter", "aria-hidden": "true" }, element("span", { class: row.state }));
  bar.firstChild.style.width = `${100 * place(row.proven)}%`;
  return element("span", { class: "metered" }, bar, aside(atLeast(row.proven), share(row.target)));
}
