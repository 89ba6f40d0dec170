// Event stream by `fetch`, which unlike EventSource can send a key. It stops while the tab is hidden, and begins
// again when it is seen, or after it broke.

const STORED = "understudy-key";
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const FORBIDDEN = 403; // asking again brings the same answer, until the page is seen anew

export const storedKey = () => sessionStorage.getItem(STORED);
export const storeKey = (key) => sessionStorage.setItem(STORED, key);

/**
 * Calls `told.view(view)`, `told.problem(sentence)` and `told.refused()`, which needs another key.
 * Returns a function that ends it.
 */
export function watch(path, told) {
  let abort = null;
  let ended = false;
  let timer = 0;
  let wait = FIRST_WAIT;

  async function read() {
    const mine = new AbortController();
    abort = mine;
    let seen = {}; // a change tells only what differs from it
    try {
      const key = storedKey();
      const headers = key ? { "x-understudy-key": key } : {};
      const answer = await fetch(path, { headers, signal: mine.signal, cache: "no-store" });
      if (answer.status === 401) return told.refused();
      if (answer.status === FORBIDDEN) return told.problem(await reason(answer));
      if (!answer.ok) throw new Error(await reason(answer));
      for await (const [name, content] of events(answer.body)) {
        wait = FIRST_WAIT;
        if (name === "problem") told.problem(content.detail);
        else told.view(seen = name === "view" ? content : { ...seen, ...content });
      }
      throw new Error("the gateway ended the stream");
    } catch (error) {
      if (mine.signal.aborted) return;
      told.problem(error.message || "the gateway can't be reached");
      timer = setTimeout(read, wait);
      wait = Math.min(LONGEST_WAIT, 2 * wait);
    }
  }

  function stop() {
    clearTimeout(timer);
    if (abort) abort.abort();
  }

  function look() {
    stop();
    if (!ended && !document.hidden) read();
  }

  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", look);
    stop();
  };
}

/** Why an answer is a refusal, in a sentence. */
export async function reason(answer) {
  try {
    const problem = await answer.json();
    return problem.detail || problem.title || `HTTP ${answer.status}`;
  } catch {
    return `HTTP ${answer.status}`;
  }
}

/** Name and content of each event. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield [field("event"), JSON.parse(field("data"))];
    }
  }
}
