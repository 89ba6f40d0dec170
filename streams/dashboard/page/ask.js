// Asks the gateway, with the key of this tab: what the dashboard reads or changes outside its streams.

import { reason, storedKey } from "/dashboard/page/stream.js";

const CHANGE = { "content-type": "application/json", "x-understudy-change": "dashboard" }; // no page of another origin may send it

/** What the gateway answers; with `body` it is asked to change something. Throws Error with its reason and `status`. */
export async function ask(path, body = null) {
  const key = storedKey();
  const headers = { ...(key ? { "x-understudy-key": key } : {}), ...(body === null ? {} : CHANGE) };
  const sent = body === null ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, { ...sent, headers, cache: "no-store" });
  if (!answer.ok) throw Object.assign(new Error(await reason(answer)), { status: answer.status });
  return answer.json();
}
