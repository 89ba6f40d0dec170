// Days of a task: the share answered without a call, and what the teacher cost beside what was saved.

import { ask } from "/dashboard/page/ask.js";
import { count, element, prose, shape, share, table } from "/dashboard/page/elements.js";

const WIDTH = 720;
const HEIGHT = 120;
const EDGE = 4;
const NUMBER = "number";

/** Fills `place` once the days are there. */
export async function openDays(place, task) {
  const note = element("p", { class: "soft", role: "status" }, "Reading the days …");
  place.replaceChildren(element("h2", {}, "By day"), note);
  try {
    const found = await ask(`/dashboard/read/days/${encodeURIComponent(task)}`);
    note.replaceChildren(...prose(sentence(found)));
    if (found.days.length) place.append(...parts(found));
  } catch (error) {
    note.textContent = `Not read: ${error.message}`;
  }
}

function sentence({ days, has_price: hasPrice }) {
  if (!days.length) return "No request yet: the first day appears with the first answer.";
  const sum = (name) => days.reduce((total, day) => total + day[name], 0);
  const [answered, asked] = [sum("answered"), sum("asked")];
  const handled = `Since ${date(days[0].at)} the surrogate has answered ${count(answered)} of ${count(answered + asked)} requests (${share(answered / (answered + asked))})`;
  if (!hasPrice && !sum("money")) return `${handled}. What a call costs is not known: set \`teacher.price\` to see cost and savings.`;
  return `${handled}; the teacher cost ${money(sum("money"))}, and about ${money(sum("saved"))} was saved. Money is in the currency of \`teacher.price\`; days are of UTC.`;
}

function parts({ days }) {
  const rows = [...days].reverse().map((day) => [date(day.at), count(day.answered), count(day.asked), count(day.checks), share(day.coverage), money(day.money), money(day.saved)]);
  const hasMoney = days.some((day) => day.money || day.saved);
  return [
    element("h3", {}, "Share answered without a call"),
    element("div", { class: "chart bars" }, bars(days, "Share answered by day", 1, (day) => [["surrogate", day.coverage ?? 0]], (day) => share(day.coverage))),
    ...(hasMoney ? [element("h3", {}, "Cost and savings"), element("div", { class: "chart bars" },
      bars(days, "Cost and savings by day", Math.max(...days.map((day) => day.money + day.saved)), (day) => [["teacher", day.money], ["surrogate", day.saved]],
        (day) => `cost ${money(day.money)}, saved ${money(day.saved)}`)),
      element("p", { class: "legend" }, element("span", { class: "key teacher" }, "cost of the teacher"), element("span", { class: "key surrogate" }, "saved"))] : []),
    element("details", {}, element("summary", {}, "The same as a table"),
      table("Days, newest first", ["day", "answered", "asked of the teacher", "checks", "share answered", "cost", "saved"], rows, ["", ...Array(6).fill(NUMBER)])),
  ];
}

function bars(days, caption, most, values, words) {
  const wide = Math.min(48, WIDTH / days.length);
  const drawn = days.flatMap((day, place) => {
    let y = HEIGHT;
    return values(day).map(([name, value]) => {
      const high = most ? (value / most) * (HEIGHT - EDGE) : 0;
      y -= high;
      return high ? shape("rect", { class: name, x: place * wide + 1, y, width: wide - 2, height: high }, shape("title", {}, `${date(day.at)}: ${words(day)}`)) : null;
    });
  });
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMinYMid meet", role: "img", "aria-label": `${caption}; the table below has the same.` }, drawn);
}

const date = (at) => new Date(at).toLocaleDateString(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const money = (amount) => (amount && amount < 0.005 ? "< 0.01" : amount.toFixed(2));
