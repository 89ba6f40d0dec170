// One task: what is claimed of it, and tabs below that.

import { badge, count, element, moment, shortMoment } from "/dashboard/page/elements.js";
import { TABS } from "/dashboard/page/tabs.js";

const TAB = "tab";

export function openTask(place, task) {
  const sentence = element("p", { class: "lead" });
  const claim = element("p");
  const next = element("p", { class: "soft" });
  const refit = element("p", { class: "soft refit" });
  const links = TABS.map((one) => element("a", { href: address(one), "aria-current": false }, one.title));
  const panel = element("div");
  const tabs = element("nav", { class: "tabs", "aria-label": `About ${task}` }, links);
  place.replaceChildren(element("h1", {}, task), claim, sentence, next, refit, ...(TABS.length > 1 ? [tabs] : []), panel);
  let opened = {};
  let newest = null;

  function show() {
    const asked = new URLSearchParams(location.search).get(TAB);
    const tab = TABS.find((one) => one.name === asked) ?? TABS[0];
    links.forEach((link, at) => {
      if (TABS[at] === tab) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    opened.end?.();
    panel.replaceChildren();
    opened = tab.open(panel, task) ?? {};
    if (newest) opened.view?.(newest);
  }

  tabs.addEventListener("click", (event) => {
    if (!event.target.closest("a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", event.target.closest("a").href);
    show();
  });
  window.addEventListener("popstate", show);
  show();
  return {
    view(found) {
      newest = found;
      claim.replaceChildren(badge(found.row.state, found.row.claim));
      sentence.textContent = found.sentence.replace("{since}", found.since ? moment(found.since) : "");
      next.textContent = found.next_step && `Next: ${found.next_step}.`;
      refit.textContent = found.refit ? running(found.refit) : "";
      opened.view?.(found);
    },
    end() {
      window.removeEventListener("popstate", show);
      opened.end?.();
    },
  };
}

function running({ since, traces, doing }) {
  const phase = doing ? `: ${doing}` : "";
  return `A refit on ${count(traces)} ${traces === 1 ? "trace" : "traces"} runs since ${shortMoment(since)}${phase}.`;
}

function address(tab) {
  return tab === TABS[0] ? location.pathname : `${location.pathname}?${TAB}=${tab.name}`;
}
