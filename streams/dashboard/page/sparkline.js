// Sparkline: how a share went in the last hour, in a table's cell. Gaps are where nothing was seen.

import { shape } from "/dashboard/page/elements.js";

const WIDTH = 66;
const HEIGHT = 18;
const EDGE = 2;

/** `values` are thousandths, oldest first, null where nothing was seen; `least` is the value at the bottom. */
export function sparkline(values, title, { least = 0, target = null } = {}) {
  if (!values.some((value) => value !== null)) return null;
  const x = (place) => EDGE + (place * (WIDTH - 2 * EDGE)) / Math.max(1, values.length - 1);
  const y = (value) => HEIGHT - EDGE - (Math.max(0, value - least) / (1000 - least || 1)) * (HEIGHT - 2 * EDGE);
  const parts = [];
  let line = "";
  values.forEach((value, place) => {
    if (value === null) return;
    const starts = place === 0 || values[place - 1] === null;
    const ends = place === values.length - 1 || values[place + 1] === null;
    line += `${starts ? "M" : "L"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    if (starts && ends) parts.push(shape("circle", { cx: x(place), cy: y(value), r: 1.6 }));
  });
  const mark = target === null ? null : shape("line", { x1: 0, x2: WIDTH, y1: y(target), y2: y(target) });
  return shape("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": title },
    shape("title", {}, title), mark, shape("path", { d: line }), parts);
}

/** First, least and newest of what was seen, in words. */
export function course(values, what) {
  const seen = values.filter((value) => value !== null);
  const share = (value) => `${(value / 10).toFixed(1)}%`;
  return `${what} in the last hour: ${share(seen[0])} at first, at least ${share(Math.min(...seen))}, ${share(seen.at(-1))} now`;
}
