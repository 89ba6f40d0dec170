// Elements and words. Text is always set as text: what clients and LLMs have sent is never read as HTML.

export const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a string among the children is text. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Text in which words between backticks are code. */
export function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

export function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const whole = new Intl.NumberFormat("en");
export const count = (value) => whole.format(value);
export const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)}%`);

/** A share that is proven: never rounded up to more than is. */
export const atLeast = (value) => share(value && Math.floor(1000 * value + 1e-5) / 1000);

/** The other end of an interval: never rounded down to less than may be. */
export const atMost = (value) => share(value && Math.ceil(1000 * value - 1e-5) / 1000);

export function moment(at) {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function shortMoment(at) {
  const then = new Date(at);
  const today = then.toDateString() === new Date().toDateString();
  return today
    ? then.toLocaleTimeString(undefined, { timeStyle: "short" })
    : then.toLocaleDateString(undefined, { month: "short", day: "numeric" });
}

export const STATES = {
  stopped: { words: "stopped", mark: "■" },
  lost: { words: "lost", mark: "✕" },
  not_yet: { words: "not yet", mark: "○" },
  certified: { words: "certified", mark: "●" },
};

/** What is claimed, in colour, shape and words. */
export function badge(state, words) {
  const mark = element("span", { "aria-hidden": "true" }, STATES[state].mark);
  return element("span", { class: `badge ${state}` }, mark, ` ${words}`);
}

/** A table with a caption for screen readers; cells are strings or elements. */
export function table(caption, columns, rows, kinds = []) {
  const kind = (place) => (kinds[place] ? { class: kinds[place] } : {});
  const head = columns.map((name, place) => element("th", { scope: "col", ...kind(place) }, name));
  const body = rows.map((cells) =>
    element("tr", {}, cells.map((cell, place) =>
      element(place ? "td" : "th", { ...(place ? {} : { scope: "row" }), ...kind(place) }, cell))));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
    element("table", {}, element("caption", { class: "heard" }, caption),
      element("thead", {}, element("tr", {}, head)), element("tbody", {}, body)));
}
