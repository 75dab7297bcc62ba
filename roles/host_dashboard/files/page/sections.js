// The sections of the page: an app each, then what they share. All is made from what the store says at this moment.

import { block, blocks, element, empty, table, tiles } from "./dom.js";
import { figure, lines, mistake } from "./chart.js";
import { ago, bytes, clock, count, lasting, rate, seconds, share } from "./words.js";

const ACTIONS = { deploy: "Deploy", rollback: "Rollback" };
const OUTCOMES = { ok: "", failed: "failed", taken_back: "was rolled back" };
const QUIET = {
  requests: "No requests in this period.", errors: "No requests in this period.", latency: "No requests in this period.",
  saturation: "No metrics of gunicorn in this period.", memory: "No process ran in this period.",
  queues: "No queue was measured in this period.",
};

/** Everything that a section is made from. */
export class View {
  constructor(queries, about, range, say) {
    Object.assign(this, { queries, about, range, say, figures: [], state: {}, derived: {}, tables: {}, found: {}, marks: [], times: [], now: 0 });
  }

  all(name) { return this.state[name] ?? []; }

  one(name, labels = {}) {
    return this.all(name).find((row) => Object.entries(labels).every(([key, text]) => row.labels[key] === text))?.value;
  }

  /** A derived value of an app, or undefined. */
  derive(name, labels) {
    const rows = Array.isArray(this.derived[name]) ? this.derived[name] : [];
    return rows.find((row) => Object.entries(labels).every(([key, text]) => row.labels[key] === text))?.value;
  }

  /** The figures of the charts of a section, those without a line left out where OPTIONAL names them. */
  charts(section, app, optional = []) {
    const made = [];
    for (const chart of this.queries.charts.filter((one) => one.section === section)) {
      const drawn = lines(chart, this.found, app);
      if (!drawn.some((line) => !line.limit) && optional.includes(chart.id)) continue;
      const marks = app === undefined ? [] : this.marks.filter((mark) => mark.app === app);
      const shown = figure(chart, app === undefined ? `${section} ${chart.title}` : `${app} ${chart.title}`, this.times, drawn, marks, this.say, {
        emptyText: mistake(chart, this.found) || QUIET[chart.id] || "Nothing was measured in this period.",
        words: this.queries.ranges[this.range].words, sync: "page",
      });
      this.figures.push(shown);
      made.push(shown.node);
    }
    return element("div", { class: "charts" }, ...made);
  }
}

export function apps(view) {
  const known = new Set(["slipway_release_info", "slipway_process_wanted", "slipway_gunicorn_threads"].flatMap((name) => view.all(name).map((row) => row.labels.app)));
  const names = [...new Set([...view.about.apps.map((app) => app.name), ...known])].filter(Boolean).sort();
  return names.map((name) => app(view, name));
}

function app(view, name) {
  const release = view.all("slipway_release_info").find((row) => row.labels.app === name)?.labels;
  const at = view.one("slipway_release_deployed_timestamp_seconds", { app: name });
  const domain = view.about.apps.find((one) => one.name === name)?.domain;
  const asked = view.derive("request_rate", { app: name });
  const errors = view.derive("error_share", { app: name });
  const busy = view.one("slipway_gunicorn_threads_busy", { app: name });
  const threads = view.one("slipway_gunicorn_threads", { app: name });
  const waiting = view.one("slipway_gunicorn_backlog", { app: name });
  const workers = view.one("slipway_gunicorn_workers", { app: name });
  const oldest = view.one("slipway_gunicorn_worker_oldest_seconds", { app: name });
  const seen = view.all("slipway_site_up").filter((row) => row.labels.app === name);
  const away = view.all("slipway_site_seconds").filter((row) => row.labels.app === name).map((row) => row.value);
  const p95 = lines(view.queries.charts.find((chart) => chart.id === "latency"), view.found, name).find((line) => line.name === "p95")
    ?.values.findLast((value) => value !== null);
  return element("section", { "aria-labelledby": `app-${name}` },
    element("h2", { id: `app-${name}` }, name),
    element("p", { class: "about" }, ...[
      domain ? element("a", { href: `https://${domain}/`, rel: "noreferrer" }, domain) : null, domain ? " · " : null,
      release ? `release ${release.release}${release.revision ? ` (${release.revision.slice(0, 10)})` : ""}${at ? `, ${ago(at, view.now)}` : ""}` : "no release yet",
    ].filter(Boolean)),
    tiles([
      ["Requests", ...(asked === undefined ? ["–"] : split(rate(asked)))],
      ["Errors (5xx)", errors === undefined ? (asked === undefined ? "–" : "none") : share(errors), "", errors >= 0.05 ? "bad" : errors >= 0.01 ? "warn" : ""],
      ["Response time (p95)", p95 === undefined ? "–" : seconds(p95)],
      ["Busy threads", threads === undefined ? "–" : `${count(busy)} of ${count(threads)}`, waiting ? `${count(waiting)} wait` : "", waiting ? "warn" : ""],
      workers === undefined ? null : ["Workers", count(workers), oldest === undefined ? "" : `oldest ${lasting(oldest)}`],
      !seen.length ? null : ["Seen from outside", ...(seen.some((row) => row.value === 0) ? ["does not answer", "", "bad"]
        : [away.length ? seconds(Math.max(...away)) : "answers", away.length ? "to answer" : ""])],
    ]),
    view.charts("app", name, ["queues"]),
    blocks(processes(view, name), routes(view, name), releases(view, name), queues(view, name), timers(view, name)));
}

/** "12 per minute" -> ["12", "per minute"] */
const split = (text) => [text.split(" ")[0], text.split(" ").slice(1).join(" ")];

function processes(view, name) {
  const rows = view.all("slipway_process_up").filter((row) => row.labels.app === name).map(({ labels, value }) => {
    const limit = view.one("slipway_process_memory_max_bytes", labels);
    const restarts = view.derive("restarts", { app: name, process: labels.process }) ?? 0;
    const cpu = view.derive("process_cpu", { app: name, process: labels.process, unit: labels.unit });
    const wanted = view.one("slipway_process_wanted", { app: name, process: labels.process }) ?? 1;
    return [
      labels.process,
      value > 0 ? "running" : wanted > 0 ? { text: "not running", level: "bad" } : "stopped",
      { text: bytes(view.one("slipway_process_memory_bytes", labels)) + (limit > 0 ? ` of ${bytes(limit)}` : ""), number: true },
      { text: cpu === undefined ? "–" : share(cpu), number: true },
      { text: count(view.one("slipway_process_open_files", labels)), number: true },
      { text: count(Math.round(restarts)), number: true, level: restarts >= 1.5 ? "warn" : "" },
    ];
  });
  return block("Processes", rows.length
    ? table(`Processes of ${name}`, ["Process", "State", "Memory", "CPU", "Open files", "Restarts, 1 h"], rows)
    : empty("No metrics of its processes yet."));
}

function timers(view, name) {
  const rows = view.all("slipway_timer_failed").filter((row) => row.labels.app === name).map(({ labels, value }) => {
    const at = view.one("slipway_timer_last_success_timestamp_seconds", labels);
    return [labels.process, value > 0 ? { text: "failed", level: "bad" } : "all right", at ? `${ago(at, view.now)}` : "never yet"];
  });
  return rows.length ? block("Timers", table(`Timers of ${name}`, ["Timer", "Last run", "Last success"], rows)) : null;
}

function queues(view, name) {
  const rows = view.all("slipway_queue_jobs").filter((row) => row.labels.app === name).map(({ labels, value }) => {
    const oldest = view.one("slipway_queue_oldest_seconds", { app: name, queue: labels.queue });
    return [labels.queue, { text: count(value), number: true },
      { text: oldest === undefined || value === 0 ? "–" : lasting(oldest), number: true, level: oldest >= 600 ? "warn" : "" }];
  });
  return rows.length ? block("Queues", table(`Queues of ${name}`, ["Queue", "Jobs waiting", "Oldest has waited"], rows)) : null;
}

/** The rows of TABLE, whose series have the labels KEYS: {labels, and a value for each series}. */
function joined(view, name, keys) {
  const found = new Map();
  for (const series of Object.keys(view.queries.tables[name].series)) {
    const rows = view.tables[`${name}_${series}`];
    for (const { labels, value } of Array.isArray(rows) ? rows : []) {
      const key = JSON.stringify(keys.map((label) => labels[label]));
      if (!found.has(key)) found.set(key, { labels });
      found.get(key)[series] = value;
    }
  }
  return [...found.values()];
}

function routes(view, name) {
  const rows = joined(view, "routes", ["app", "route"]).filter((row) => row.labels.app === name && row.requests >= 0.5)
    .sort((one, two) => (two.seconds ?? 0) - (one.seconds ?? 0)).slice(0, 12);
  if (!rows.length) return null;
  const total = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0);
  return block(`Where the time goes, ${view.queries.ranges[view.range].words}`,
    table(`Routes of ${name}`, ["Route", "Share of the time", "Average", "Requests", "Errors"], rows.map((row) => [
      row.labels.route,
      { text: total ? share((row.seconds ?? 0) / total) : "–", number: true },
      { text: seconds((row.seconds ?? 0) / row.requests), number: true },
      { text: count(Math.round(row.requests)), number: true },
      { text: count(Math.round(row.errors ?? 0)), number: true, level: (row.errors ?? 0) / row.requests >= 0.01 ? "warn" : "" },
    ])));
}

function releases(view, name) {
  const rows = view.events.filter((event) => event.app === name).sort((one, two) => two.at - one.at).slice(0, 8);
  return rows.length ? block("Releases",
    table(`Releases of ${name}`, ["When", "What", "Release", "Took"], rows.map((event) => [
      `${clock(event.at)} (${ago(event.at, view.now)})`,
      { text: `${ACTIONS[event.action] ?? event.action} ${OUTCOMES[event.outcome] ?? event.outcome}`.trim(), level: event.outcome === "ok" ? "" : "bad" },
      event.release ?? "", { text: event.seconds === undefined ? "–" : seconds(event.seconds), number: true },
    ]))) : null;
}

export function database(view) {
  if (!view.all("pg_up").length && !view.all("pg_stat_activity_count").length) return null;
  const limit = view.one("pg_settings_max_connections");
  const open = view.all("pg_stat_activity_count").reduce((sum, row) => sum + row.value, 0);
  const sizes = view.all("pg_database_size_bytes").filter((row) => !/^(template\d|postgres)$/.test(row.labels.datname));
  const hits = Array.isArray(view.derived.cache_hits) ? view.derived.cache_hits.filter((row) => Number.isFinite(row.value)) : [];
  const deadlocks = (Array.isArray(view.derived.deadlocks) ? view.derived.deadlocks : []).reduce((sum, row) => sum + row.value, 0);
  const statements = joined(view, "statements", ["datname", "queryid", "query"]).filter((row) => row.seconds > 0)
    .sort((one, two) => two.seconds - one.seconds).slice(0, 10);
  return element("section", { "aria-labelledby": "database" },
    element("h2", { id: "database" }, "Database"),
    tiles([
      ["Connections", limit ? `${count(open)} of ${count(limit)}` : count(open), "", limit && open / limit >= 0.8 ? "warn" : ""],
      ["Size", bytes(sizes.reduce((sum, row) => sum + row.value, 0))],
      hits.length ? ["Read from memory", share(hits.reduce((sum, row) => sum + row.value, 0) / hits.length), "last hour"] : null,
      ["Deadlocks", count(Math.round(deadlocks)), "in 24 hours", deadlocks >= 0.5 ? "warn" : ""],
    ]),
    view.charts("database"),
    block(`Slow statements, ${view.queries.ranges[view.range].words}`, statements.length ? table("Slow statements", ["Statement", "Database", "Total time", "Average", "Calls"], statements.map((row) => [
      { text: row.labels.query, code: true }, row.labels.datname,
      { text: seconds(row.seconds), number: true },
      { text: row.calls > 0 ? seconds(row.seconds / row.calls) : "–", number: true },
      { text: count(Math.round(row.calls ?? 0)), number: true },
    ])) : empty("No statement was measured in this period.")));
}

export function mariadb(view) {
  if (!view.all("mysql_up").length) return null;
  const limit = view.one("mysql_global_variables_max_connections");
  const open = view.one("mysql_global_status_threads_connected") ?? 0;
  const sizes = view.all("slipway_mysql_database_size_bytes");
  const hits = view.derive("mysql_cache_hits", {});
  const slow = view.derive("mysql_slow", {}) ?? 0;
  const deadlocks = view.derive("mysql_deadlocks", {}) ?? 0;
  return element("section", { "aria-labelledby": "mariadb" },
    element("h2", { id: "mariadb" }, "MariaDB"),
    tiles([
      ["Connections", limit ? `${count(open)} of ${count(limit)}` : count(open), "", limit && open / limit >= 0.8 ? "warn" : ""],
      ["Size", bytes(sizes.reduce((sum, row) => sum + row.value, 0))],
      Number.isFinite(hits) ? ["Read from memory", share(hits), "last hour"] : null,
      ["Slow statements", count(Math.round(slow)), "in 24 hours"],
      ["Deadlocks", count(Math.round(deadlocks)), "in 24 hours", deadlocks >= 0.5 ? "warn" : ""],
    ]),
    view.charts("mariadb"));
}

export function redis(view) {
  const rows = view.all("redis_up");
  if (!rows.length) return null;
  return element("section", { "aria-labelledby": "redis" },
    element("h2", { id: "redis" }, "Redis"),
    view.charts("redis"),
    block("Instances", table("Instances of Redis", ["App", "For", "State", "Memory", "Clients", "Dropped, 1 h"], rows.map(({ labels, value }) => {
      const { app, purpose } = labels;
      const most = view.one("redis_memory_max_bytes", { app, purpose });
      return [app, purpose, value > 0 ? "running" : { text: "does not answer", level: "bad" },
        { text: bytes(view.one("redis_memory_used_bytes", { app, purpose })) + (most > 0 ? ` of ${bytes(most)}` : ""), number: true },
        { text: count(view.one("redis_connected_clients", { app, purpose })), number: true },
        { text: count(Math.round(view.derive("evicted", { app, purpose }) ?? 0)), number: true }];
    }))));
}

export function host(view) {
  const total = view.one("node_memory_MemTotal_bytes");
  const available = view.one("node_memory_MemAvailable_bytes");
  const cores = Array.isArray(view.derived.cores) ? view.derived.cores[0]?.value : undefined;
  const load = view.one("node_load1");
  const booted = view.one("node_boot_time_seconds");
  const root = view.all("node_filesystem_avail_bytes").find((row) => row.labels.mountpoint === "/");
  const size = view.one("node_filesystem_size_bytes", { mountpoint: "/" });
  return element("section", { "aria-labelledby": "the-host" },
    element("h2", { id: "the-host" }, "Host"),
    tiles([
      ["Load", load === undefined ? "–" : count(load), cores ? `on ${count(cores)} core${cores === 1 ? "" : "s"}` : "", cores && load > cores * 2 ? "warn" : ""],
      ["Memory", total ? bytes(total - available) : "–", total ? `of ${bytes(total)}` : ""],
      ["Disk left", root ? bytes(root.value) : "–", size ? `of ${bytes(size)}` : "", root && size && root.value / size < 0.15 ? "warn" : ""],
      ["Running since", booted ? lasting(view.now - booted) : "–"],
    ]),
    view.charts("host", undefined, ["disk_busy"]));
}

export function certificates(view) {
  const rows = view.all("slipway_certificate_not_after_timestamp_seconds").sort((one, two) => one.value - two.value);
  return element("section", { "aria-labelledby": "certificates" },
    element("h2", { id: "certificates" }, "Certificates"),
    rows.length ? table("Certificates", ["Domain", "App", "Ends"], rows.map(({ labels, value }) => {
      const left = value - view.now;
      return [labels.domain, labels.app ?? "", {
        text: value === 0 ? "can't be read" : left < 0 ? `expired ${ago(value, view.now)}` : `in ${lasting(left)}, on ${new Date(value * 1000).toLocaleDateString([], { dateStyle: "medium" })}`,
        level: left < 7 * 86_400 ? "bad" : left < 20 * 86_400 ? "warn" : "",
      }];
    })) : empty("No certificate has been checked yet."));
}

export function backups(view) {
  const targets = view.all("slipway_backup_failed");
  const drills = view.all("slipway_drill_failed");
  const when = (value, isFailed) => (isFailed
    ? { text: `failed; the last good one was ${value ? ago(value, view.now) : "never"}`, level: "bad" }
    : value ? ago(value, view.now) : { text: "none yet", level: "warn" });
  return element("section", { "aria-labelledby": "backups" },
    element("h2", { id: "backups" }, "Backups"),
    targets.length || drills.length ? table("Backups", ["What", "Of or at", "Last"], [
      ...targets.map(({ labels: { target }, value }) => [
        "Backup", target, when(view.one("slipway_backup_last_success_timestamp_seconds", { target }), value > 0)]),
      ...drills.map(({ labels: { app: name }, value }) => [
        "Restore drill", name, when(view.one("slipway_drill_last_success_timestamp_seconds", { app: name }), value > 0)]),
    ]) : empty(view.about.backups ? "No backup yet." : "No backups are made: slipway_backups is not set (docs/backups.md)."));
}
