// The page: what its address names, drawn anew with each event of a stream, and whether that is live.

import { element } from "/dashboard/page/elements.js";
import { pageAt, PAGES } from "/dashboard/page/pages.js";
import { storeKey, watch } from "/dashboard/page/stream.js";

const STALE = 20000;

const view = document.getElementById("view");
const pulse = document.getElementById("pulse");
const state = document.getElementById("state");
const clock = document.getElementById("clock");
const form = document.getElementById("key");
let heard = 0;
let end = () => {};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  storeKey(document.getElementById("token").value.trim());
  open();
});

function open() {
  end();
  form.hidden = true;
  const page = pageAt(location.pathname);
  const isListed = PAGES.includes(page);
  document.title = page === PAGES[0] ? "Understudy" : `${page.title} – Understudy`;
  document.getElementById("place").textContent = isListed ? "" : page.title;
  document.getElementById("pages").replaceChildren(...(PAGES.length > 1 ? PAGES.map((one) =>
    element("a", { href: one.path, "aria-current": one === page && "page" }, one.title)) : []));
  let endStream = () => {};
  let opened = {};
  const follow = () => {
    endStream();
    if (!page.stream) return;
    endStream = watch(typeof page.stream === "function" ? page.stream() : page.stream, {
      view: (found) => { tell(found.at); opened.view?.(found); },
      problem: (sentence) => warn(sentence),
      refused: () => { form.hidden = false; view.replaceChildren(); warn("no valid key"); },
    });
  };
  opened = page.open(view, follow) ?? {};
  follow();
  end = () => { endStream(); opened.end?.(); };
}

function tell(at) {
  heard = Date.now();
  say("live", "live");
  clock.textContent = `, ${new Date(at).toLocaleTimeString()}`;
}

function warn(sentence) {
  say("stale", heard ? `stale since ${new Date(heard).toLocaleTimeString()}: ${sentence}` : sentence);
  clock.textContent = "";
}

/** A screen reader says this, so it is set only where it changes; the clock beside it changes all the time. */
function say(name, words) {
  pulse.className = `pulse ${name}`;
  if (state.textContent !== words) state.textContent = words;
}

setInterval(() => {
  if (heard && !document.hidden && Date.now() - heard > STALE && pulse.classList.contains("live")) warn("nothing was heard");
}, 2000);

open();
