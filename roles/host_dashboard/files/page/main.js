// Loads what the page shows, draws it, and does so again every half a minute for as long as somebody looks.

import { element, fill } from "./dom.js";
import * as sections from "./sections.js";
import { instant, now as atOnce, range as overTime } from "./store.js";
import { clock } from "./words.js";
import { wrong } from "./wrong.js";

const AGAIN = 30_000;
const LEVELS = { bad: "Broken:", warn: "Look at:", note: "Note:" };
const $ = (id) => document.getElementById(id);
const say = (text) => { $("said").textContent = text; };

let queries;
let about = { host: location.hostname, apps: [], backups: false, alerts: false };
let view = null;
let told = "";
let turn = 0;
let waiting = null;

const chosen = () => (location.hash.slice(1) in queries.ranges ? location.hash.slice(1) : "6h");

/** A query of queries.json as the store takes it. */
function asked(query, { window, seconds }) {
  return query.replaceAll("$window", `${window}s`).replaceAll("$table", `${seconds}s`).replaceAll("$app", "");
}

/** The questions of the charts, in as many requests as there are sections; the store has two cores at most for them. */
function questions({ long, ...range }) {
  const groups = {};
  for (const chart of queries.charts) {
    chart.series.forEach((series, index) => {
      (groups[chart.section] ??= {})[`${chart.id}_${index}`] = asked(long ? series.long : series.query, range);
    });
  }
  return Object.values(groups);
}

async function look() {
  const name = chosen();
  const range = queries.ranges[name];
  // On the step's own grid: the same points at each look, so that nothing dances.
  const end = Math.floor(Date.now() / 1000 / range.step) * range.step;
  const start = end - range.seconds;
  const moment = Math.floor(Date.now() / 1000);
  const tables = Object.fromEntries(Object.entries(queries.tables).flatMap(([table, { series }]) =>
    Object.entries(series).map(([key, { query, long }]) => [`${table}_${key}`, asked(range.long ? long : query, range)])));
  const first = Promise.all([atOnce(queries.now.names, moment), instant(queries.now.derived, moment)]);
  // What is wrong is told as soon as it is known; the graphs come after it.
  first.then(([state, derived]) => tell(state, derived, moment), () => {});
  const [[state, derived], rows, past, ...found] = await Promise.all([
    first,
    instant(tables, moment),
    // Only the last releases are in the store at any time: a few looks into the past find those before.
    overTime({ events: queries.events }, start, end, Math.max(range.step, Math.ceil(range.seconds / 48))),
    ...questions(range).map((group) => overTime(group, start, end, range.step)),
  ]);
  const next = new sections.View(queries, about, name, say);
  const size = Math.round(range.seconds / range.step) + 1;
  Object.assign(next, {
    state, derived, tables: rows, found: Object.assign({}, ...found), now: moment,
    times: Array.from({ length: size }, (_, index) => start + index * range.step),
  });
  next.events = events(next, Array.isArray(past.events) ? past.events : []);
  // The latest first: where there is no room for all names, those are told.
  next.marks = next.events.filter((event) => event.at >= start).sort((one, two) => two.at - one.at);
  return next;
}

function events(next, past) {
  const found = new Map();
  const rows = [
    ...past.map(({ labels, values }) => ({ labels, value: values.findLast((value) => value !== null) })),
    ...next.all("slipway_release_event_timestamp_seconds"),
  ];
  for (const { labels: { app, action, outcome, release }, value } of rows) {
    const same = { app, action, outcome, release };
    found.set(JSON.stringify([app, action, outcome, release, value]), { ...same, at: value, seconds: next.one("slipway_release_event_seconds", same) });
  }
  return [...found.values()];
}

function show(next) {
  view?.figures.forEach((figure) => figure.destroy());
  view = next;
  fill($("sections"), ...[...sections.apps(next), sections.database(next), sections.mariadb(next), sections.redis(next), sections.host(next),
    sections.certificates(next), sections.backups(next)].filter(Boolean));
  next.figures.forEach((figure) => figure.draw());
  $("updated").textContent = `As of ${clock(next.now, true)}`;
}

function tell(state, derived, moment) {
  const up = state.up ?? [];
  const blind = up.length > 0 && up.every((row) => row.value === 0);
  findings(wrong(state, derived, moment), up.length === 0 ? "none" : blind ? "blind" : "");
}

function findings(found, missing) {
  const made = found.map(({ level, text, look }) => element("li", { class: level },
    element("span", { class: "level" }, LEVELS[level]), text, look ? element("span", { class: "look" }, `→ ${look}`) : null));
  if (missing) {
    made.unshift(element("li", { class: "bad" }, element("span", { class: "level" }, LEVELS.bad), missing === "none"
      ? "The store has no measurements at all. If it was started just now, the first ones appear within a minute."
      : "The host is not being measured: the values below are old.",
    element("span", { class: "look" }, "→ systemctl status slipway-metrics prometheus-node-exporter")));
  }
  const worse = found.filter((one) => one.level !== "note").length + (missing ? 1 : 0);
  fill($("findings"), made.length ? element("ul", { class: "findings" }, ...made)
    : element("p", { class: "fine" }, about.alerts ? "No problems found."
      : "No problems found. Nobody is notified when that changes: slipway_alerts is not set."));
  const short = worse ? `${worse} thing${worse === 1 ? "" : "s"} wrong` : "Nothing is wrong";
  document.title = `${worse ? `(${worse}) ` : ""}${about.host}`;
  if (short !== told) say(short);
  told = short;
}

async function refresh() {
  clearTimeout(waiting);
  const mine = ++turn;
  $("main").setAttribute("aria-busy", "true");
  try {
    const next = await look();
    if (mine === turn) show(next);
  } catch (error) {
    if (mine !== turn) return;
    const since = view ? ` The values below are from ${clock(view.now, true)}.` : "";
    $("updated").textContent = view ? `Old: ${clock(view.now, true)}` : "No answer";
    fill($("findings"), element("ul", { class: "findings" }, element("li", { class: "bad" },
      element("span", { class: "level" }, "Broken:"), `${error.message}${since}`)));
    if (error.message !== told) say(error.message);
    told = error.message;
  }
  $("main").removeAttribute("aria-busy");
  if (!document.hidden) waiting = setTimeout(refresh, AGAIN);
}

function choices() {
  $("ranges").replaceChildren(...Object.entries(queries.ranges).map(([name, { words }]) => element("label", {},
    element("input", { type: "radio", name: "range", value: name, checked: name === chosen() ? "" : undefined, "aria-label": words }),
    element("span", { "aria-hidden": "true" }, name.replace("h", " h").replace("d", " d")))));
}

async function file(name) {
  // Not relative: the page's own address may have the password in it, and fetch refuses such a one.
  const answer = await fetch(`${location.origin}/page/${name}`);
  if (!answer.ok) throw new Error(`The page is incomplete: ${name} is missing. Run site.yml again.`);
  return answer.json();
}

async function start() {
  try {
    [queries, about] = await Promise.all([file("queries.json"), file("about.json")]);
  } catch (error) {
    fill($("findings"), element("p", { class: "bad" }, error.message));
    return;
  }
  $("host").textContent = document.title = about.host;
  choices();
  $("ranges").addEventListener("change", (event) => { history.replaceState(null, "", `#${event.target.value}`); refresh(); });
  addEventListener("hashchange", () => { choices(); refresh(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.figures.forEach((figure) => figure.draw()));
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; view?.figures.forEach((figure) => figure.draw()); } });
  refresh();
}

start();
