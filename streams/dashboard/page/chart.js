// Chart of a certificate: what the audits prove, step by step, under the target that it has to reach. Versions are
// segments that are never joined: each begins with no audits, and so does a version for which another teacher
// answers. State is told by colour and by shape.

import { atLeast, count, element, moment, shape, share, shortMoment, STATES } from "/dashboard/page/elements.js";

const HEIGHT = 300;
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2];
const ROOM = 4;
const ALARM = 34;
const EDGE = { left: 46, right: 14, top: 22, bottom: 26 };
const AT = 0, VERSION = 1, AUDITS = 2, DISAGREED = 3, LOWER = 4, TARGET = 5, STATE = 6, LEVEL = 7, CERTIFICATE = 8;
const MARKS = { live: "▲", rolled_back: "▼", refused: "✕", shadow: "◇", canary: "◇" };
const ASIDE = { live: 6, rolled_back: -6 };
const ANEW = "counts begin anew, as for another teacher";

/** Draws into `place`; the returned `draw(history, moves, axis)` may be called again with newer points. */
export function chart(place, caption) {
  let shown = null;
  const cursor = { point: null };
  const redraw = () => shown && draw(...shown);
  new ResizeObserver(redraw).observe(place);

  function draw(history, moves, axis) {
    shown = [history, moves, axis];
    const width = Math.max(280, place.clientWidth);
    const points = placed(history, axis);
    if (!points.length) {
      place.replaceChildren(element("p", { class: "soft" }, "No audits yet: the chart begins with the first reply."));
      return;
    }
    const scale = scales(points, width);
    const drawing = shape("svg", {
      viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", tabindex: "0",
      "aria-label": `${caption}. Arrow keys read it point by point; the table below has the same.`,
    },
    grid(points, scale, axis), marks(points, moves, scale, axis), segments(points).map((part) => segment(part, scale)));
    const reading = element("p", { class: "reading", "aria-live": "polite" }, describe(points.at(-1)));
    const isRead = place.contains(document.activeElement);
    const show = follow(drawing, points, scale, reading, cursor);
    place.replaceChildren(drawing, reading);
    if (isRead) {
      drawing.focus({ preventScroll: true });
      const { point } = cursor;
      const kept = point && points.findIndex((one) => one.point[AT] >= point[AT] && one.point[VERSION] === point[VERSION]);
      if (point && kept >= 0) show(kept);
    }
  }

  return draw;
}

/** Whether the audits of two points of a version are not the same ones: another teacher makes another certificate. */
export function beginsAnew(before, after) {
  const known = before[CERTIFICATE] && after[CERTIFICATE];
  return (known && before[CERTIFICATE] !== after[CERTIFICATE]) || after[AUDITS] < before[AUDITS];
}

/** Points with their place on the axis: audits count on from segment to segment. */
function placed(history, axis) {
  let before = 0;
  let segment = 0;
  const points = [];
  for (const version of history) {
    let last = null;
    for (const point of version) {
      const isAnew = last !== null && beginsAnew(last, point);
      if (isAnew) {
        before += last[AUDITS];
        segment += 1;
      }
      points.push({ point, segment, isAnew, x: axis === "time" ? point[AT] : before + point[AUDITS] });
      last = point;
    }
    before += last === null ? 0 : last[AUDITS];
    segment += 1;
  }
  return points;
}

function segments(points) {
  const parts = new Map();
  for (const one of points) {
    if (!parts.has(one.segment)) parts.set(one.segment, []);
    parts.get(one.segment).push(one);
  }
  return [...parts.values()];
}

function scales(points, width) {
  const xs = points.map((one) => one.x);
  const values = points.flatMap(({ point }) => [point[LOWER], point[TARGET], estimate(point)]);
  const known = values.filter((value) => value !== null);
  // The first audits prove next to nothing: what matters lies around the target.
  const target = Math.min(...points.map(({ point }) => point[TARGET]));
  const wanted = Math.max(Math.min(...known), target - ROOM * (1 - target), 0);
  const step = STEPS.find((one) => (1 - wanted) / one <= 6);
  const least = Math.floor(wanted / step + 1e-9) * step;
  const first = Math.min(...xs);
  const spread = Math.max(1, Math.max(...xs) - first);
  const bottom = HEIGHT - EDGE.bottom - ALARM;
  return {
    least, step, first, spread, bottom, width,
    x: (value) => EDGE.left + ((value - first) / spread) * (width - EDGE.left - EDGE.right),
    y: (value) => bottom - ((Math.max(value, least) - least) / (1 - least)) * (bottom - EDGE.top),
  };
}

const estimate = (point) => (point[AUDITS] ? 1 - point[DISAGREED] / point[AUDITS] : null);

function grid(points, scale, axis) {
  const parts = [];
  for (let value = scale.least; value < 1 + 1e-9; value += scale.step) {
    const y = scale.y(value);
    parts.push(shape("line", { class: "grid", x1: EDGE.left, x2: scale.width - EDGE.right, y1: y, y2: y }));
    parts.push(shape("text", { class: "tick", x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, value.toFixed(2).replace(/^0/, "")));
  }
  const ticks = Math.max(2, Math.floor(scale.width / 160));
  for (let step = 0; step <= ticks; step++) {
    const value = scale.first + (step * scale.spread) / ticks;
    const words = axis === "time" ? shortMoment(value) : count(Math.round(value));
    const anchor = step === 0 ? "start" : step === ticks ? "end" : "middle";
    parts.push(shape("text", { class: "tick", x: scale.x(value), y: HEIGHT - 6, "text-anchor": anchor }, words));
  }
  const top = HEIGHT - EDGE.bottom;
  parts.push(shape("text", { class: "tick", x: EDGE.left - 8, y: top - 4, "text-anchor": "end" }, "alarm"));
  parts.push(shape("line", { class: "grid", x1: EDGE.left, x2: scale.width - EDGE.right, y1: top, y2: top }));
  return shape("g", { "aria-hidden": "true" }, parts);
}

/** A vertical line for each change of versions, at the first point after it, and where counts begin anew. */
function marks(points, moves, scale, axis) {
  const parts = points.filter((one) => one.isAnew).map(({ point, x }) =>
    verticalMark("anew", scale.x(x), 0, "⇄", `${point[VERSION]}, ${moment(point[AT])}: ${ANEW}`));
  for (const move of moves) {
    const next = points.find((one) => one.point[AT] >= move.at);
    if (!MARKS[move.after] || !next || move.at < points[0].point[AT]) continue;
    const x = scale.x(axis === "time" ? Math.max(move.at, scale.first) : next.x);
    const words = `${move.version} ${move.after.replace("_", " ")}, ${moment(move.at)}: ${move.reason}`;
    parts.push(verticalMark(move.after, x, ASIDE[move.after] || 0, MARKS[move.after], words));
  }
  return shape("g", { "aria-hidden": "true" }, parts);
}

function verticalMark(name, x, aside, sign, words) {
  return shape("g", { class: `move ${name}` },
    shape("line", { x1: x, x2: x, y1: EDGE.top - 4, y2: HEIGHT - EDGE.bottom }),
    shape("text", { x: x + aside, y: EDGE.top - 8, "text-anchor": "middle" }, sign, shape("title", {}, words)));
}

function segment(part, scale) {
  const proven = part.filter(({ point }) => point[LOWER] !== null);
  const line = (name, steps) => (steps.length ? shape("path", { class: name, d: path(steps) }) : null);
  const stepped = proven.map((one) => [scale.x(one.x), scale.y(one.point[LOWER])]);
  const plain = part.filter((one) => estimate(one.point) !== null);
  const changes = proven.filter(({ point }, place) => !place || point[STATE] !== proven[place - 1].point[STATE]);
  const alarms = part.filter(({ point }) => point[LEVEL]);
  const floor = HEIGHT - EDGE.bottom;
  return shape("g", { "aria-hidden": "true" },
    line("target", steps(part.map((one) => [scale.x(one.x), scale.y(one.point[TARGET])]))),
    shape("path", { class: "band", d: band(proven, scale) }),
    line("estimate", plain.map((one) => [scale.x(one.x), scale.y(estimate(one.point))])),
    line("lower", steps(stepped)),
    changes.map((one) => mark(one.point[STATE], scale.x(one.x), scale.y(one.point[LOWER]))),
    alarms.map((one) => shape("line", {
      class: one.point[LEVEL] > 0.5 ? "alarm high" : "alarm", x1: scale.x(one.x), x2: scale.x(one.x),
      y1: floor, y2: floor - Math.min(1, one.point[LEVEL]) * (ALARM - 6),
    })),
    shape("text", { class: "version", x: scale.x(part[0].x) + 4, y: scale.bottom - 6 }, part[0].point[VERSION]));
}

const path = (steps) => steps.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const steps = (points) => points.flatMap(([x, y], place) => (place ? [[x, points[place - 1][1]], [x, y]] : [[x, y]]));

/** Between what is proven and what is seen. */
function band(proven, scale) {
  const below = proven.map((one) => [scale.x(one.x), scale.y(one.point[LOWER])]);
  const above = proven.map((one) => [scale.x(one.x), scale.y(estimate(one.point))]);
  return below.length ? `${path([...steps(below), ...above.reverse()])}Z` : "";
}

/** Certified: a disc; not yet: a ring; lost: a cross. */
function mark(state, x, y) {
  if (state !== "lost") return shape("circle", { class: `mark ${state}`, cx: x, cy: y, r: 5 });
  return shape("path", { class: "mark lost", d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` });
}

export function describe({ point, isAnew }) {
  const proven = point[LOWER] === null ? "proves nothing yet" : `proves ${atLeast(point[LOWER])}`;
  const anew = isAnew ? `${ANEW}; ` : "";
  return `${point[VERSION]}, ${moment(point[AT])}: ${anew}${count(point[AUDITS])} audits, ${count(point[DISAGREED])} disagree; ` +
    `${proven}, target ${share(point[TARGET])}: ${STATES[point[STATE]].words}`;
}

/** The point under the pointer, or that the arrow keys have come to, in words. */
function follow(drawing, points, scale, reading, cursor) {
  const line = shape("line", { class: "cursor", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: "hidden" });
  drawing.append(line);
  let place = points.length - 1;
  function show(next) {
    place = Math.max(0, Math.min(points.length - 1, next));
    const x = scale.x(points[place].x);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    line.setAttribute("visibility", "visible");
    cursor.point = points[place].point;
    reading.textContent = describe(points[place]);
  }
  drawing.addEventListener("pointermove", (event) => {
    const at = event.clientX - drawing.getBoundingClientRect().left;
    const far = points.map((one) => Math.abs(scale.x(one.x) - at));
    show(far.indexOf(Math.min(...far)));
  });
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -points.length, End: points.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(place + step);
  });
  return show;
}
