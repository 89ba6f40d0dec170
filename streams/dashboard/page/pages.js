// The pages about all tasks, in their order, and the one about a task.
//
// `open(place, follow)` fills the element `place`, and returns `{ view, end }` as a tab does (`tabs.js`); `stream` is
// where its events come from, a function where that depends on the address, null for a page without. `follow()` has it
// followed anew.

import { eventsStream, openEvents } from "/dashboard/page/events.js";
import { openOverview } from "/dashboard/page/overview.js";
import { openSystem, systemStream } from "/dashboard/page/system.js";
import { openTask } from "/dashboard/page/task.js";

const TASKS = "/dashboard/tasks/";

export const PAGES = [
  { path: "/dashboard", title: "Tasks", stream: "/dashboard/stream", open: openOverview },
  { path: "/dashboard/events", title: "Events", stream: eventsStream, open: openEvents },
  { path: "/dashboard/system", title: "System", stream: systemStream, open: openSystem },
];

/** The page that an address names. */
export function pageAt(path) {
  if (!path.startsWith(TASKS)) return PAGES.find((page) => page.path === path) ?? PAGES[0];
  const task = decodeURIComponent(path.slice(TASKS.length));
  const stream = `/dashboard/stream/${encodeURIComponent(task)}`;
  return { path, title: task, stream, open: (place) => openTask(place, task) };
}
