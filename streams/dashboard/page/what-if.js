// What another target would bring: a slider over rows that the gateway has computed, the curve that it moves on,
// and all rows as a table.

import { ask } from "/dashboard/page/ask.js";
import { changeButton, configWish } from "/dashboard/page/changes.js";
import { count, element, shape, share, table } from "/dashboard/page/elements.js";

const NUMBER = "number";
const HEIGHT = 190, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 28;
const NARROWEST = 300, WIDEST = 1200, FRAME = 18;
const NAMED = 12;
const ROUNDED = 100;

export function openWhatIf(place, task) {
  const said = element("p", { class: "soft", role: "status" }, "Computing each target…");
  const panel = element("div");
  const assumed = { requests_a_day: "", price_a_call: "" };
  place.replaceChildren(element("section", {}, element("h2", {}, "What if the target were another?"), said, panel));

  async function read() {
    const query = new URLSearchParams(Object.entries(assumed).filter(([, value]) => value !== ""));
    try {
      const { missing, found } = await ask(`/dashboard/read/what-if/${encodeURIComponent(task)}?${query}`);
      said.textContent = missing || found.held || "";
      panel.replaceChildren(...(found ? parts(task, found, read, panel) : []), assumptions(assumed, found, read));
    } catch (error) {
      said.textContent = error.message;
    }
  }

  read();
}

function parts(task, found, read, place) {
  const rows = found.outcomes;
  const inForce = rows.findIndex((row) => same(row.target, found.target));
  const figures = element("dl", { class: "facts tight" });
  const slider = element("input", { id: "target", type: "range", min: 0, max: rows.length - 1, step: 1, value: inForce });
  const drawn = curve(rows, inForce, Math.min(WIDEST, Math.max(NARROWEST, place.clientWidth - FRAME)));
  const action = element("div", { class: "action" });
  const output = element("output", { for: "target", class: "chosen" });

  function show() {
    const row = rows[Number(slider.value)];
    const now = rows[inForce];
    output.textContent = percent(row.target);
    slider.setAttribute("aria-valuetext", `${percent(row.target)}: ${row.coverage ? share(row.coverage) : "nothing"} answered`);
    figures.replaceChildren(...facts(row, now).map(([term, words, beside]) => element("div", {}, element("dt", {}, term),
      element("dd", {}, words, beside && element("span", { class: "beside" }, beside)))));
    drawn.choose(Number(slider.value));
    action.replaceChildren(same(row.target, found.target)
      ? element("p", { class: "soft" }, `${percent(found.target)} is the target in force. Move the slider to compare another one.`)
      : changeButton(task, configWish({ target_agreement: row.target }, { target_agreement: found.target }),
        `Change the target to ${percent(row.target)}…`, read));
  }

  slider.addEventListener("input", show);
  const whole = [element("div", { class: "slide" }, element("label", { for: "target" }, "Target agreement"), output),
    element("div", { class: "chart sliding" }, drawn.svg, slider),
    figures, action,
    element("details", {}, element("summary", {}, "All targets as a table"), rowsTable(rows, found.target))];
  show();
  return whole;
}

const same = (one, other) => Math.abs(one - other) < 1e-9;
const percent = (target) => `${Number((100 * target).toFixed(2))}%`;

/** Term, value, and what it is now where that differs. */
function facts(row, now) {
  const beside = (words, before) => (words === before ? null : `now ${before}`);
  const pair = (term, words) => [term, words(row), beside(words(row), words(now))];
  return [
    pair("answered", (one) => (one.coverage ? `${share(one.coverage)} of the requests` : "nothing")),
    pair("cost a day", (one) => amount(one.cost_a_day)),
    pair("saved a day", (one) => amount(one.saved_a_day)),
    pair("audits a day", (one) => count(Math.round(one.audits_a_day))),
    pair("audits until proven", (one) => (one.ahead ? span(one.ahead.least, one.ahead.likely, one.ahead.most, 0) : "–")),
    pair("days until proven", (one) => (one.ahead ? span(one.least_days, one.days, one.most_days, 1) : "–")),
    ["labels never answered", lost(row), gained(row, now)],
  ];
}

/** `130 (60 to 420)`; what nobody can say is a question mark. */
function span(least, likely, most, digits) {
  const [low, middle, high] = [least, likely, most].map((one) => (one === null ? "?" : one.toLocaleString("en", { maximumFractionDigits: digits })));
  if (low === middle && middle === high) return middle === "?" ? "nobody can say" : middle;
  return `${middle} (${low} to ${high})`;
}

const amount = (money) => (money === null ? "price not known" : money.toLocaleString("en", { maximumFractionDigits: 2, minimumFractionDigits: 2 }));

function lost(row) {
  if (!row.coverage) return "all of them";
  return row.unanswered.length ? named(row.unanswered) : "none that is known";
}

function gained(row, now) {
  const more = row.unanswered.filter((label) => !now.unanswered.includes(label));
  return row.coverage && more.length ? `more than now: ${named(more)}` : null;
}

function named(labels) {
  const more = labels.length - NAMED;
  return labels.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Share answered at each target, with the one in force and the one that is chosen. */
function curve(rows, inForce, width) {
  const first = rows[0].target;
  const x = (at) => LEFT + (width - LEFT - RIGHT) * (at / Math.max(1, rows.length - 1));
  const y = (coverage) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - coverage);
  const grid = [0, 0.5, 1].flatMap((level) => [
    shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level) }),
    shape("text", { class: "tick", x: LEFT - 6, y: y(level) + 4, "text-anchor": "end" }, `${100 * level}%`)]);
  const ends = [[0, first, "start"], [rows.length - 1, rows.at(-1).target, "end"]].map(([at, target, anchor]) =>
    shape("text", { class: "tick", x: x(at), y: HEIGHT - 8, "text-anchor": anchor }, percent(target)));
  const line = rows.map((row, at) => `${at ? `L${x(at)} ${y(rows[at - 1].coverage)}L` : "M"}${x(at)} ${y(row.coverage)}`).join("");
  const chosen = shape("circle", { class: "chosen", r: 6 });
  const title = shape("title", {}, `Share of the requests that is answered, for targets of ${percent(first)} to ${percent(rows.at(-1).target)}`);
  const isDrawn = inForce > 0 && inForce < rows.length - 1;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img" }, title, grid, ends,
    shape("line", { class: "now", x1: x(inForce), x2: x(inForce), y1: TOP, y2: HEIGHT - BOTTOM }),
    isDrawn ? shape("text", { class: "tick", x: x(inForce), y: HEIGHT - 8, "text-anchor": "middle" }, `${percent(rows[inForce].target)} now`) : null,
    shape("path", { class: "lower", d: line }), chosen);
  return {
    svg,
    choose(at) {
      chosen.setAttribute("cx", x(at));
      chosen.setAttribute("cy", y(rows[at].coverage));
    },
  };
}

function rowsTable(rows, target) {
  return table("What each target would bring", ["target", "answered", "cost a day", "saved a day", "audits a day", "audits until proven", "days"],
    rows.map((row) => [same(row.target, target) ? `${percent(row.target)} (in force)` : percent(row.target),
      row.coverage ? share(row.coverage) : "nothing", amount(row.cost_a_day), amount(row.saved_a_day),
      count(Math.round(row.audits_a_day)), row.ahead ? span(row.ahead.least, row.ahead.likely, row.ahead.most, 0) : "–",
      row.ahead ? span(row.least_days, row.days, row.most_days, 1) : "–"]),
    ["", NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER]);
}

/** What the numbers rest on, and a form for other ones. */
function assumptions(assumed, found, read) {
  const fields = [["requests_a_day", "Requests a day", found?.assumptions.requests_a_day],
    ["price_a_call", "Price of a call", found?.knows_price ? found.assumptions.price_a_call : null]].map(([name, title, used]) => {
    const shown = used === null || used === undefined ? "" : String(used < ROUNDED ? Number(used.toPrecision(4)) : Math.round(used));
    const input = element("input", { id: name, type: "number", min: 0, step: "any", value: shown, placeholder: "not known" });
    return element("div", {}, element("label", { for: name }, title), input);
  });
  const form = element("form", { class: "fields" }, fields, element("button", {}, "Compute with these"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    for (const name of Object.keys(assumed)) assumed[name] = form.querySelector(`#${name}`).value;
    read();
  });
  const basis = found && `${found.version}, ${share(found.assumptions.audit_rate)} of its requests audited. `;
  return element("section", {}, element("h2", {}, "What this rests on"), element("p", { class: "soft" }, basis,
    "All of it is an estimate: nobody has seen the traffic at another threshold. Coverage is what the gate has measured; ",
    "audits go on from those so far. In brackets four fifths of the cases. Which further labels a higher target loses, a ",
    "version does not say. Requests are those of the last hour, and the price is today's mean, unless you say otherwise."), form);
}
