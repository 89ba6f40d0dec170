// Versions of a task: what each has promised and proven, the one on trial, and what was refused.

import { pinButton, versionButtons } from "/dashboard/page/changes.js";
import { atLeast, badge, count, element, moment, shape, share, shortMoment, table } from "/dashboard/page/elements.js";
import { reread } from "/dashboard/page/labels.js";
import { reason, storedKey } from "/dashboard/page/stream.js";

const NUMBER = "number";
const WIDE = 300, HIGH = 110, EDGE = { left: 44, right: 8, top: 8, bottom: 22 };
const STAGES = {
  live: ["certified", "live"], shadow: ["not_yet", "in shadow"], canary: ["not_yet", "canary"], approval: ["not_yet", "waits for approval"],
  retired: ["past", "retired"], rolled_back: ["lost", "rolled back"], refused: ["lost", "refused"],
};

export function openVersions(place, task) {
  const drawn = element("div");
  place.replaceChildren(drawn);
  const view = reread(`/dashboard/read/versions/${encodeURIComponent(task)}`, drawn,
    (found) => [found.moves.slice(0, 3), found.row.candidate, found.row.version, found.row.target, Number(found.row.audits.toPrecision(2))],
    (found) => parts(found, task, () => view.again()));
  return { view };
}

function parts(found, task, told) {
  return [
    element("section", {}, element("h2", {}, "Versions"),
      found.pinned ? element("p", {}, badge("stopped", `pinned: ${found.pinned}`)) : null,
      found.may_change && found.rows.length ? element("p", { class: "buttons" }, pinButton(task, found.pinned !== "", told)) : null,
      found.rows.length ? null : element("p", {}, "No version yet: the first refit starts once enough traces are there. `understudy status` says how many it waits for."),
      found.candidate ? trial(found.candidate) : null,
      element("div", { class: "cards versions" }, found.rows.map((row) => card(row, found, task, told)))),
    element("section", {}, element("h2", {}, "Refused"), found.refusals.length
      ? element("ol", { class: "moves" }, found.refusals.map((one) => element("li", {},
        element("time", { datetime: new Date(one.at).toISOString(), title: moment(one.at) }, shortMoment(one.at)),
        element("strong", {}, one.version), element("span", { class: "soft" }, `${one.reason} (${one.by})`))))
      : element("p", { class: "soft" }, "No version was refused so far.")),
  ];
}

function trial(candidate) {
  return element("article", { class: "opinion trial" },
    element("h3", {}, `${candidate.version}, ${STAGES[candidate.mode][1]} since ${moment(candidate.since)}`),
    element("p", {}, candidate.sentence),
    candidate.needs ? element("progress", { value: candidate.checked, max: candidate.needs, "aria-label": `${candidate.checked} of ${candidate.needs} answers are checked` }) : null);
}

function card(row, found, task, told) {
  const [state, words] = STAGES[row.stage] ?? ["past", "kept"];
  const sign = element("span", { class: `badge ${state}` }, words);
  return element("article", { class: `opinion entry ${row.stage === "live" ? "answered" : "plain"}`, "data-version": row.version },
    element("p", { class: "fate" }, element("strong", { class: "guess" }, row.version), sign,
      row.parent ? element("span", { class: "soft" }, `from ${row.parent}`) : null),
    row.reason ? element("p", { class: "soft" }, `${row.reason} (${row.by}${row.at ? `, ${moment(row.at)}` : ""})`) : null,
    row.frontier.length ? frontier(row, found) : element("p", { class: "soft" }, row.kept
      ? "No target passed its gate." : "Its files are not kept any more, so what its fit promised is not known here."),
    element("dl", { class: "figures" },
      pair("audits", row.audits ? `${count(row.audits)}, ${count(row.audits - row.agreements)} disagree` : "none"),
      pair("proven", row.proven === null ? "–" : atLeast(row.proven)),
      row.traces === null ? null : pair("fitted on", `${count(row.traces)} traces`),
      row.frontier.length ? pair("threshold now", row.threshold === null ? "none" : row.threshold.toFixed(4)) : null,
      row.coverage === null || !row.frontier.length ? null : pair("would answer", share(row.coverage))),
    row.frontier.length ? element("details", {}, element("summary", {}, `What the fit of ${row.version} promised`), details(row)) : null,
    row.kept ? element("p", { class: "act" }, report(row, task)) : null,
    row.kept && found.may_change ? element("p", { class: "buttons" }, versionButtons(task, movable(row), told)) : null);
}

function movable(row) {
  return { version: row.version, stage: row.stage, is_live: row.stage === "live", waits: row.stage === "approval" };
}

/** A report about the newest traces; with a key it is fetched and saved, since a link sends none. */
function report(row, task) {
  const path = `/dashboard/read/report/${encodeURIComponent(task)}?version=${encodeURIComponent(row.version)}`;
  const words = `Report of ${row.version} about the newest traces`;
  if (!storedKey()) return element("a", { href: path, target: "_blank", rel: "noopener" }, words);
  const button = element("button", { type: "button", class: "plain" }, words);
  const said = element("span", { class: "said", role: "status" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "writing it …";
    try {
      const answer = await fetch(path, { headers: { "x-understudy-key": storedKey() }, cache: "no-store" });
      if (!answer.ok) throw new Error(await reason(answer));
      const link = element("a", { href: URL.createObjectURL(await answer.blob()), download: `${task}-${row.version}-report.html` });
      link.click();
      URL.revokeObjectURL(link.href);
      said.textContent = "saved";
    } catch (error) {
      said.textContent = error.message || "the gateway can't be reached";
    } finally {
      button.disabled = false;
    }
  });
  return element("span", {}, button, " ", said);
}

function pair(term, said) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, said));
}

function details(row) {
  return element("div", {},
    element("p", { class: "soft" }, `Made ${moment(row.made_at)}: ${row.surrogate}; ${row.acceptor}. Out of fold its guess is the teacher's label on ${share(row.accuracy)} of the traces.`),
    table(`Targets that passed the gate of ${row.version}`, ["target", "answers", "agree at least", "threshold"],
      row.frontier.map(([target, threshold, coverage, low]) => [share(target), share(coverage), atLeast(low), threshold.toFixed(4)]),
      ["", NUMBER, NUMBER, NUMBER]),
    row.trials.length ? table(`Models that the fit of ${row.version} tried`, ["surrogate", "acceptor", "outcome"], row.trials) : null);
}

/** Share answered at each target that passed the gate, with the aim of now as a notch. */
function frontier(row, found) {
  const targets = row.frontier.map(([target]) => target);
  const first = Math.min(...targets, found.aim), span = Math.max(0.01, Math.max(...targets, found.aim) - first);
  const x = (target) => EDGE.left + ((target - first) / span) * (WIDE - EDGE.left - EDGE.right);
  const y = (coverage) => HIGH - EDGE.bottom - coverage * (HIGH - EDGE.top - EDGE.bottom);
  const points = row.frontier.map(([target, , coverage]) => [x(target), y(coverage)]);
  const line = points.map(([at, high], place) => `${place ? "L" : "M"}${at.toFixed(1)} ${high.toFixed(1)}`).join("");
  const words = `Share answered by target: ${row.frontier.map(([target, , coverage]) => `${share(coverage)} at ${share(target)}`).join(", ")}`;
  const tick = (at, high, anchor, said) => shape("text", { class: "tick", x: at, y: high, "text-anchor": anchor }, said);
  return shape("svg", { class: "frontier", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": words },
    [0, 1].map((value) => shape("line", { class: "grid", x1: EDGE.left, x2: WIDE - EDGE.right, y1: y(value), y2: y(value) })),
    tick(EDGE.left - 6, y(1) + 4, "end", "100%"), tick(EDGE.left - 6, y(0) + 4, "end", "0"),
    tick(EDGE.left, HIGH - 6, "start", share(first)), tick(WIDE - EDGE.right, HIGH - 6, "end", share(first + span)),
    shape("line", { class: "aim", x1: x(found.aim), x2: x(found.aim), y1: EDGE.top, y2: HIGH - EDGE.bottom }),
    shape("path", { class: "lower", d: line }),
    points.map(([at, high]) => shape("circle", { class: "dot", cx: at, cy: high, r: 2.5 })));
}
