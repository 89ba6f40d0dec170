// The newest events as a time line, by day; the filter stands in the address, so that it can be sent to somebody.

import { count, element, moment } from "/dashboard/page/elements.js";

const TASKS = "/dashboard/tasks/";
const ALL = "*";
const MARKS = { bad: "■", good: "●", plain: "○" };
const TONES = { bad: "needs a look", good: "good", plain: "for the record" };

/** The stream of what the address asks for. */
export function eventsStream() {
  const asked = new URLSearchParams(location.search);
  const wanted = ["task", "kind", "folded"].filter((name) => asked.get(name)).map((name) => [name, asked.get(name)]);
  return `/dashboard/watch/events?${new URLSearchParams(wanted)}`;
}

export function openEvents(place, follow) {
  const asked = new URLSearchParams(location.search);
  const task = element("select", { id: "of-task" });
  const kind = element("select", { id: "of-kind" });
  const folded = element("input", { type: "checkbox", id: "folded", checked: asked.get("folded") !== "no" });
  const note = element("p", { class: "soft" });
  const list = element("div", { class: "timeline" });
  place.replaceChildren(element("h1", {}, "Events"),
    element("div", { class: "filters", role: "group", "aria-label": "Which events" },
      element("label", { for: "of-task" }, "Task"), task, element("label", { for: "of-kind" }, "Kind"), kind,
      element("label", {}, folded, " Fold routine events")), note, list);
  options(task, [["", "all"], chosen(asked, "task")], asked.get("task"));
  options(kind, [["", "all"], chosen(asked, "kind")], asked.get("kind"));
  let before = "";
  const change = () => {
    const wanted = Object.entries({ task: task.value, kind: kind.value, folded: folded.checked ? "" : "no" });
    const query = new URLSearchParams(wanted.filter(([, value]) => value)).toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
    follow();
  };
  [task, kind, folded].forEach((control) => control.addEventListener("change", change));
  const view = (found) => {
    const content = JSON.stringify([found.rows, found.more, found.kinds, found.tasks, new Date(found.at).toDateString()]);
    if (content === before) return;
    before = content;
    const kinds = Object.entries(found.kinds).map(([name, many]) => [name, `${words(name)} (${count(many)})`]);
    options(task, [["", "all"], ...found.tasks.map((name) => [name, name])], task.value);
    options(kind, [["", "all"], ...kinds], kind.value);
    note.textContent = sentence(found);
    list.replaceChildren(...days(found.rows));
  };
  return { view };
}

const chosen = (asked, name) => [asked.get(name) ?? "", asked.get(name) ?? ""];
const words = (kind) => kind.replaceAll("_", " ");

/** Sets what can be chosen, and keeps what is, also where there is no event of it any more. */
function options(select, wanted, value) {
  const known = new Map(wanted);
  if (value && !known.has(value)) known.set(value, words(value));
  const content = JSON.stringify([...known]);
  if (select.dataset.shown !== content) {
    select.replaceChildren(...[...known].map(([name, said]) => element("option", { value: name }, said)));
    select.dataset.shown = content;
  }
  select.value = value ?? "";
}

function sentence(found) {
  if (found.oldest === null) {
    return "No event yet: the first comes with a config, with a first refit, or with an alarm. Events are kept on the topic for a week.";
  }
  const reach = `This gateway has the events since ${moment(found.oldest)}.`;
  if (!found.rows.length) return `None of them suits the filter. ${reach}`;
  return found.more ? `${reach} ${count(found.more)} older ones are not shown: choose a task or a kind.` : reach;
}

/** A list of each day, under its date. */
function days(rows) {
  const byDay = new Map();
  for (const row of rows) {
    const day = new Date(row.at).toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
    byDay.set(day, [...(byDay.get(day) ?? []), row]);
  }
  return [...byDay].map(([day, those]) => element("section", {}, element("h2", {}, day), element("ol", { class: "events" }, those.map(line))));
}

function line(row) {
  const clock = (at) => new Date(at).toLocaleTimeString(undefined, { timeStyle: "short" });
  const when = row.many > 1 ? `${span(row.since, row.at, clock)}` : clock(row.at);
  const mark = element("span", { class: "mark", title: TONES[row.tone] }, element("span", { "aria-hidden": "true" }, MARKS[row.tone]),
    element("span", { class: "heard" }, TONES[row.tone]));
  const task = row.task === ALL ? element("span", { class: "soft" }, "all tasks")
    : element("a", { href: TASKS + encodeURIComponent(row.task) }, row.task);
  const tail = [row.many > 1 && `${count(row.many)} events`, row.by && `by ${row.by}`].filter(Boolean).join(", ");
  return element("li", { class: row.tone }, mark, element("time", { datetime: new Date(row.at).toISOString(), title: moment(row.at) }, when),
    element("span", { class: "what" }, task, element("strong", {}, row.many > 1 && row.kind === "refused" ? "refits" : words(row.kind))),
    element("span", { class: "sentence" }, row.text, tail ? element("span", { class: "soft" }, ` (${tail})`) : null));
}

function span(since, at, clock) {
  const sameDay = new Date(since).toDateString() === new Date(at).toDateString();
  if (sameDay && clock(since) === clock(at)) return clock(at);
  return sameDay ? `${clock(since)} – ${clock(at)}` : `until ${clock(at)}`;
}
