// Asks the host's store. Several questions go in one request, each marked by a label, and come back apart.

const MARK = "q_";
const PATIENCE = 20_000;
const AT_ONCE = 4;
const TRIES = 20;
const PAUSE = 250;

export class StoreError extends Error {}

function meaning(status, said) {
  if (status === 401) return "The store rejects nginx's password. Run site.yml again to write a new one.";
  if (status === 403) return "nginx refuses to forward this page's queries.";
  if (status === 404) return "nginx does not forward this page's queries: the page and nginx's configuration are different versions. Run site.yml again.";
  if (status === 502 || status === 504) return "The store does not answer: see `systemctl status prometheus` on the host.";
  if (status === 429) return "Too many questions are being asked from this address at once. The page retries automatically.";
  if (status === 503) return "The store is busy, or still starting. The page retries automatically.";
  return `The store could not answer (${status}): ${said || "no reason given"}`;
}

let places = AT_ONCE;
const waiting = [];

/** Fetch when it is this one's turn: the store has two cores at most. Others who look from the same address may have all places (429). */
async function inTurn(...request) {
  if (places > 0) places -= 1;
  else await new Promise((begin) => { waiting.push(begin); });
  try {
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(...request);
      if (answer.status !== 429 || tries === TRIES) return answer;
      await new Promise((again) => { setTimeout(again, PAUSE); });
    }
  } finally {
    const next = waiting.shift();
    if (next) next();
    else places += 1;
  }
}

async function ask(path, parameters) {
  let answer;
  try {
    answer = await inTurn(`${location.origin}/api/v1/${path}`, {
      method: "POST", body: new URLSearchParams(parameters), signal: AbortSignal.timeout(PATIENCE), cache: "no-store",
    });
  } catch (error) {
    throw new StoreError(error.name === "TimeoutError"
      ? "The store took longer than 20 seconds to answer."
      : "The host can't be reached from here.");
  }
  let found;
  try { found = await answer.json(); } catch { found = {}; }
  if (!answer.ok || found.status !== "success") {
    throw Object.assign(new StoreError(meaning(answer.status, found.error)), { mistake: answer.status === 400 || answer.status === 422 });
  }
  return found.data.result;
}

/** Put QUESTIONS ({key: query}) into one request. When the store refuses the whole, each is asked alone: one mistake spoils one answer. */
async function together(path, questions, parameters) {
  const keys = Object.keys(questions);
  const marked = (key) => `label_replace(${questions[key]}, "${MARK}", "${key}", "", "")`;
  const answers = Object.fromEntries(keys.map((key) => [key, []]));
  const take = (rows) => {
    for (const { metric: { [MARK]: key, ...labels }, ...row } of rows) answers[key]?.push({ labels, ...row });
  };
  try {
    take(await ask(path, { query: keys.map(marked).join(" or "), ...parameters }));
  } catch (error) {
    if (!error.mistake || keys.length === 1) throw error;
    await Promise.all(keys.map(async (key) => {
      try { take(await ask(path, { query: marked(key), ...parameters })); } catch (one) { answers[key] = one; }
    }));
  }
  return answers;
}

const value = ({ labels, value: [, text] }) => ({ labels, value: Number(text) });
const unless = (found, use) => (found instanceof Error ? found : use(found));
const mapped = (answers, use) => Object.fromEntries(Object.entries(answers).map(([key, found]) => [key, unless(found, use)]));

/** What the series with NAMES say at the moment: {name: [{labels, value}]}. */
export async function now(names, time) {
  const found = {};
  for (const { metric: { __name__: name, ...labels }, value: [, text] } of await ask("query", { query: `{__name__=~"${names.join("|")}"}`, time })) {
    (found[name] ??= []).push({ labels, value: Number(text) });
  }
  return found;
}

/** What QUESTIONS ({key: query}) come to at the moment: {key: [{labels, value}]}. */
export async function instant(questions, time) {
  return mapped(await together("query", questions, { time }), (rows) => rows.map(value));
}

/** QUESTIONS over time: {key: [{labels, values}]}, with null where there is nothing, and `times` that they share. */
export async function range(questions, start, end, step) {
  const size = Math.round((end - start) / step) + 1;
  const answers = await together("query_range", questions, { start, end, step });
  return mapped(answers, (rows) => rows.map(({ labels, values }) => {
    const whole = new Array(size).fill(null);
    for (const [at, text] of values) {
      const number = Number(text);
      if (Number.isFinite(number)) whole[Math.round((at - start) / step)] = number;
    }
    return { labels, values: whole };
  }));
}
