// The tabs of a task, in their order.
//
// `open(place, task)` fills the element `place`, and returns `{ view, end }`, of which each may be left out:
// `view(found)` is called with each event of the task's stream, `end()` when another tab is opened.

import { openProof } from "/dashboard/page/proof.js";

export const TABS = [
  { name: "proof", title: "Proof", open: openProof },
];
