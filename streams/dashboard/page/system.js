// The whole system: what is away or late, and what to do; parts in the order in which an operator asks for them.

import { count, element, moment, prose, shortMoment, table } from "/dashboard/page/elements.js";

const TASKS = "/dashboard/tasks/";
const ALL = "*";
const NUMBER = "number";
const LEVELS = {
  problem: { words: "problem", mark: "■", state: "stopped" },
  warning: { words: "warning", mark: "▲", state: "not_yet" },
  ok: { words: "ok", mark: "●", state: "certified" },
};
const STALE = 30000;

export const systemStream = "/dashboard/watch/system";

export function openSystem(place) {
  const summary = element("p", { class: "tally" });
  const parts = element("div");
  place.replaceChildren(element("h1", {}, "System"), summary, parts);
  let before = "";
  const view = (found) => {
    const stale = found.kafka_at !== null && found.at - found.kafka_at > STALE;
    const content = JSON.stringify([{ ...found, at: 0, kafka_at: 0 }, stale, Math.floor(found.at / 60000)]);
    if (content === before) return;
    before = content;
    summary.replaceChildren(...tally(found));
    parts.replaceChildren(...[checks(found), workers(found), roles(found, stale), lanes(found), endpoints(found), refits(found), spending(found)].filter(Boolean));
  };
  return { view };
}

/** How it is in colour, shape and words. */
function level(name, words) {
  const known = LEVELS[name];
  return element("span", { class: `badge ${known.state}` }, element("span", { "aria-hidden": "true" }, known.mark), ` ${words ?? known.words}`);
}

function tally(found) {
  const all = [...found.checks, ...found.workers, ...found.roles, ...found.lanes, ...found.endpoints, ...found.refits].map((one) => one.level);
  const many = (name) => all.filter((one) => one === name).length;
  if (!many("problem") && !many("warning")) return [level("ok", "all is well")];
  const said = (name) => `${many(name)} ${LEVELS[name].words}${many(name) === 1 ? "" : "s"}`;
  return ["problem", "warning"].filter(many).map((name) => level(name, said(name)));
}

function section(title, sentence, ...content) {
  return element("section", {}, element("h2", {}, title), sentence ? element("p", { class: "soft" }, prose(sentence)) : null, ...content);
}

function checks(found) {
  return section("Servers and certify", "", element("ul", { class: "checks" }, found.checks.map((one) =>
    element("li", { class: one.level }, level(one.level), element("strong", {}, one.about),
      element("span", {}, prose(one.since ? `${one.text} since ${moment(one.since)}` : one.text))))));
}

function workers(found) {
  if (!found.workers.length) {
    return section("Workers", "No worker has said in Redis that it runs: start some with `understudy up`, or `understudy worker`; those of earlier releases say nothing.");
  }
  const named = found.workers.some((row) => row.name);
  return section("Workers", "Each process, as it says every few seconds itself.",
    table("Workers, those that need a look first", ["roles", ...(named ? ["process"] : []), "runs since", "state", "what is wrong"], found.workers.map((row) => [
      row.roles.join(", "), ...(named ? [row.name] : []), moment(row.since), level(row.level),
      row.level === "ok" ? "–" : prose(row.text)]), []));
}

function roles(found, stale) {
  const rows = [...found.roles].sort((one, other) => order(one) - order(other));
  if (!rows.length) return section("Topics and readers", "Kafka has not answered yet, so nobody knows what waits: see above.");
  const when = stale ? `As of ${moment(found.kafka_at)}: Kafka does not answer now.` : "What each group has still to read, as the broker says.";
  return section("Topics and readers", when,
    table("Topics and their readers", ["group", "topic", "readers", "partitions", "to be read", "state", "what is wrong"], rows.map((row) => [
      row.role, row.topic, row.members === null ? "not told" : count(row.members), count(row.partitions), lag(row), level(row.level), row.text ? prose(row.text) : "–"]),
    ["", "", NUMBER, NUMBER, NUMBER, "", ""]));
}

const order = (row) => Object.keys(LEVELS).indexOf(row.level);

/** The messages that wait; how they are spread over the partitions stands in the title. */
function lag(row) {
  const each = row.lags.map((many, number) => `${number}: ${count(many)}`).join(", ");
  return element("span", { title: row.lags.length > 1 ? `by partition: ${each}` : null }, count(row.lag));
}

function lanes(found) {
  if (!found.lanes.length) return null;
  return section("What waits for the teacher", "By lane; `waiting` holds what was put off, since others of its task wait too.",
    table("Lanes of the teacher", ["lane", "waiting", "oldest since", "of task", "state", "what is wrong"], found.lanes.map((row) => [
      row.lane, count(row.waiting), row.oldest ? moment(row.oldest) : "–", row.task ? link(row.task) : "–", level(row.level), prose(row.text)]),
    ["", NUMBER, "", "", "", ""]));
}

function endpoints(found) {
  if (!found.endpoints.length) return null;
  return section("Endpoints of the teacher", "As the processes say that call them.",
    table("Endpoints", ["endpoint", "model", "called by", "held by", "state", "what is wrong"], found.endpoints.map((row) => [
      row.url, row.model, count(row.callers), count(row.open), level(row.level), prose(row.text)]), ["", "", NUMBER, NUMBER, "", ""]));
}

function refits(found) {
  const leads = found.trainers.map(([name, led]) => `${name || "a trainer"} leads ${count(led)} ${led === 1 ? "task" : "tasks"}`).join("; ");
  const sentence = leads ? `${leads}.` : "No trainer leads any task: versions are fitted by `understudy worker trainer`.";
  if (!found.refits.length) return section("Trainers and refits", `${sentence} No refit waits.`);
  return section("Trainers and refits", sentence,
    table("Refits that were asked for", ["task", "asked for", "why", "by an alarm", "led by", "state", "what is wrong"], found.refits.map((row) => [
      link(row.task), shortMoment(row.since), row.reason, row.urgent ? "yes" : "no", row.trainer ?? "nobody", level(row.level), prose(row.text)])));
}

function spending(found) {
  if (!found.spending.length) return section("Spent today", "Nothing was asked of a teacher today (UTC).");
  const rows = found.spending.map((row) => [row.task === ALL ? "all tasks" : link(row.task), count(row.calls), count(row.tokens),
    row.money ? row.money.toFixed(2) : "–", row.budget === null ? "no limit" : budget(row.budget)]);
  return section("Spent today", "Since 00:00 UTC; money is in the currency of `teacher.price`. Of several limits the nearest counts.",
    table("Spending", ["task", "calls", "tokens", "money", "of its limit"], rows, ["", NUMBER, NUMBER, NUMBER, NUMBER]));
}

function budget(share) {
  const words = `${Math.round(100 * share)}%`;
  return share < 0.8 ? words : level(share < 1 ? "warning" : "problem", words);
}

const link = (task) => element("a", { href: TASKS + encodeURIComponent(task) }, task);
