// What the audits of a task prove: the certificate as a chart and as a table, counts by label, and versions.

import { beginsAnew, chart } from "/dashboard/page/chart.js";
import { atLeast, atMost, badge, count, element, moment, share, shortMoment, STATES, table } from "/dashboard/page/elements.js";

const MOST_ROWS = 60;
const NUMBER = "number";

export function openProof(place, task) {
  const facts = element("dl", { class: "facts" });
  const drawing = element("div", { class: "chart" });
  const twin = element("div");
  const labels = element("section");
  const moves = element("section");
  const draw = chart(drawing, `What the audits of ${task} prove`);
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
  place.replaceChildren(
    element("section", {}, element("h2", {}, "Certificate"), element("div", { class: "switch", role: "group", "aria-label": "Axis" }, buttons),
      legend(), drawing, element("details", {}, element("summary", {}, "The same as a table"), twin)),
    element("section", {}, element("h2", {}, "Now"), facts), labels, moves);
  let before = "";
  const view = (found) => {
    newest = found;
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
  return { view };
}

function legend() {
  const parts = [["lower", "proven"], ["estimate", "seen"], ["target", "target"]];
  return element("p", { class: "legend" }, parts.map(([name, words]) => element("span", { class: `key ${name}` }, words)),
    ["certified", "not_yet", "lost"].map((state) => badge(state, STATES[state].words)));
}

function pointsTable(history) {
  const all = history.flat();
  const every = Math.ceil(all.length / MOST_ROWS);
  const anew = new Set(history.flatMap((points) => points.filter((point, place) => place && beginsAnew(points[place - 1], point))));
  const changed = (place) => !place || all[place][6] !== all[place - 1][6] || all[place][1] !== all[place - 1][1] || anew.has(all[place]);
  const kept = all.filter((_, place) => changed(place) || place === all.length - 1 || place % every === 0);
  return table("Certificate, newest first", ["when", "version", "audits", "disagree", "proven", "target", "state"],
    kept.reverse().map((point) => [point, ...point]).map(([point, at, version, audits, disagreed, lower, target, state]) =>
      [moment(at), anew.has(point) ? `${version}, counted anew` : version, count(audits), count(disagreed), atLeast(lower), share(target), badge(state, STATES[state].words)]),
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
