// Traffic of a task: labels of the last hour, a bar a minute, what the surrogate gave under what it did not; and days.

import { openDays } from "/dashboard/page/days.js";
import { count, element, shape, share, shortMoment, table } from "/dashboard/page/elements.js";

const HEIGHT = 110;
const WIDTH = 600;
const MINUTES = 60;
const MINUTE = 60000;
const AT = 0, SURROGATE = 1, TEACHER = 2, ERRORS = 3;

/** The parts of the section. */
function trafficParts(traffic, now) {
  if (!traffic.labels) {
    return [element("h2", {}, "Last hour"), element("p", { class: "soft" }, "This gateway has seen no label of the task in the last hour: nobody asks, or it has just started.")];
  }
  const sentence = `${count(traffic.labels)} labels in the last hour that this gateway has seen; the surrogate gave ${share(traffic.answered)}.`;
  const reasons = traffic.reasons.map(([reason, many]) => [reason, count(many), share(many / traffic.labels)]);
  return [element("h2", {}, "Last hour"), element("p", { class: "soft" }, sentence),
    element("div", { class: "chart bars" }, bars(traffic.minutes, now, sentence)),
    element("p", { class: "legend" }, element("span", { class: "key surrogate" }, "surrogate"),
      element("span", { class: "key teacher" }, "teacher"), element("span", { class: "key errors" }, "error")),
    reasons.length ? table("Why the surrogate did not answer", ["deferred because", "labels", "of all"], reasons,
      ["", "number", "number"]) : null].filter(Boolean);
}

function bars(minutes, now, caption) {
  const newest = Math.floor(now / MINUTE) * MINUTE;
  const most = Math.max(...minutes.map((one) => one[SURROGATE] + one[TEACHER] + one[ERRORS]));
  const wide = WIDTH / MINUTES;
  const parts = minutes.flatMap((one) => {
    const x = WIDTH - wide * ((newest - one[AT]) / MINUTE + 1);
    let y = HEIGHT;
    return [["surrogate", one[SURROGATE]], ["teacher", one[TEACHER]], ["errors", one[ERRORS]]].map(([name, many]) => {
      const high = (many / most) * (HEIGHT - 4);
      y -= high;
      return many ? shape("rect", { class: name, x: x + 1, y, width: wide - 2, height: high }) : null;
    });
  });
  const title = shape("title", {}, `${caption} From ${shortMoment(newest - (MINUTES - 1) * MINUTE)} to ${shortMoment(newest)}, at most ${count(most)} a minute.`);
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", height: HEIGHT }, title, parts);
}

export function openTraffic(place, task) {
  const hour = element("section");
  const days = element("section");
  place.replaceChildren(hour, days);
  openDays(days, task);
  let before = "";
  const view = (found) => {
    const seen = JSON.stringify([found.traffic, Math.floor(found.at / MINUTE)]);
    if (seen !== before) hour.replaceChildren(...trafficParts(found.traffic, found.at));
    before = seen;
  };
  return { view };
}
