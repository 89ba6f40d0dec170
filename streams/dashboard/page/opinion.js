// What a version does with a request: the label, whether it may answer, and on which figures that rests.

import { atLeast, element, share } from "/dashboard/page/elements.js";

const figure = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));

/** A card for one opinion, as `opinion_view.py` has it; `title` says whose it is. */
export function opinionCard(title, opinion) {
  const fate = opinion.answered ? "answered" : "deferred";
  return element("article", { class: `opinion ${fate}` },
    element("h3", {}, title),
    element("p", { class: "fate" },
      element("span", { class: `badge ${opinion.answered ? "certified" : "not_yet"}` },
        element("span", { "aria-hidden": "true" }, opinion.answered ? "●" : "○"), opinion.answered ? " surrogate answers" : " teacher is asked"),
      element("strong", { class: "guess" }, opinion.label ?? (opinion.score === null ? "no guess" : "guess not kept"))),
    opinion.score === null ? null : scale(opinion),
    element("p", {}, opinion.sentence),
    element("dl", { class: "figures" },
      pair("score", figure(opinion.score)),
      pair("threshold in force", opinion.threshold === null && opinion.score !== null ? "none" : figure(opinion.threshold)),
      pair("novelty", novelty(opinion))));
}

/** Beside the limit where that is known; without a limit nothing is known of what is not there either. */
function novelty(opinion) {
  if (opinion.novelty_limit === null) return figure(opinion.novelty);
  const said = opinion.novelty === null && opinion.score !== null ? "beyond measure" : figure(opinion.novelty);
  return `${said}, at most ${figure(opinion.novelty_limit)}`;
}

function pair(term, said) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, said));
}

/** The score on a line from 0 to 1, with the threshold as a notch. */
function scale(opinion) {
  const line = element("div", { class: "scale", role: "img",
    "aria-label": `The score is ${share(opinion.score)}${opinion.threshold === null ? "" : `, the threshold ${atLeast(opinion.threshold)}`}` },
  element("span", { class: "filled" }), opinion.threshold === null ? null : element("span", { class: "notch" }));
  line.querySelector(".filled").style.width = `${100 * opinion.score}%`;
  const notch = line.querySelector(".notch");
  if (notch) notch.style.left = `${100 * Math.min(1, opinion.threshold)}%`;
  return line;
}
