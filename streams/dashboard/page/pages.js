// The pages about all tasks, in their order, and the one about a task.
//
// `open(place)` fills the element `place`, and returns `{ view, end }` as a tab does (`tabs.js`); `stream` is where
// its events come from, null for a page without.

import { openOverview } from "/dashboard/page/overview.js";
import { openTask } from "/dashboard/page/task.js";

const TASKS = "/dashboard/tasks/";

export const PAGES = [
  { path: "/dashboard", title: "Tasks", stream: "/dashboard/stream", open: openOverview },
];

/** The page that an address names. */
export function pageAt(path) {
  if (!path.startsWith(TASKS)) return PAGES.find((page) => page.path === path) ?? PAGES[0];
  const task = decodeURIComponent(path.slice(TASKS.length));
  const stream = `/dashboard/stream/${encodeURIComponent(task)}`;
  return { path, title: task, stream, open: (place) => openTask(place, task) };
}
