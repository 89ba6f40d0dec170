// The tabs of a task, in their order.
//
// `open(place, task)` fills the element `place`, and returns `{ view, end }`, of which each may be left out:
// `view(found)` is called with each event of the task's stream, `end()` when another tab is opened.

import { openChanges } from "/dashboard/page/changes.js";
import { openDeferred } from "/dashboard/page/deferred.js";
import { openLabels } from "/dashboard/page/labels.js";
import { openProof } from "/dashboard/page/proof.js";
import { openTraffic } from "/dashboard/page/traffic.js";
import { openTry } from "/dashboard/page/try.js";
import { openVersions } from "/dashboard/page/versions.js";
import { openWhatIf } from "/dashboard/page/what-if.js";

export const TABS = [
  { name: "proof", title: "Proof", open: openProof },
  { name: "traffic", title: "Traffic", open: openTraffic },
  { name: "labels", title: "Labels", open: openLabels },
  { name: "versions", title: "Versions", open: openVersions },
  { name: "deferred", title: "Deferred", open: openDeferred },
  { name: "try", title: "Try a text", open: openTry },
  { name: "what-if", title: "What if", open: openWhatIf },
  { name: "changes", title: "Changes", open: openChanges },
];
