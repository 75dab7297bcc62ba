// What is wrong, in words: seen in the series themselves, and what the rules of the alerts found beside.
//
// A finding is {level: "bad" | "warn" | "note", key, text, look}: what and where, and what to look at. KEY is the kind, so
// that an alert about the same is not told a second time.

import { ago, bytes, count, lasting, list, seconds, share } from "./words.js";

const DAY = 86_400;
const LIMITS = {
  certificateBad: 7 * DAY, certificateWarn: 20 * DAY, diskBad: 0.95, diskWarn: 0.85, diskSoon: 2 * DAY, inodes: 0.9,
  memory: 0.92, errors: 0.01, requestsForErrors: 0.05, connections: 0.8, redis: 0.9, processMemory: 0.9, openFiles: 0.8,
  backupAge: 26 * 3600, drillAge: 40 * DAY, queueAge: 600, transaction: 600, archive: 900, steal: 0.1,
};

/** The alerts by name: which finding below says the same, and what to say where none does. */
const ALERTS = {
  SiteDown: ["site", ({ domain }) => `${domain} does not answer as it should`],
  SiteClosed: ["closed", () => "the site has been closed for maintenance for a long time"],
  ErrorsHigh: ["errors", () => "many requests are answered with an error (5xx)"],
  ResponsesSlow: ["slow", () => "one request in twenty takes too long (p95)"],
  WorkersBusy: ["threads", () => "gunicorn's threads are busy, and requests wait"],
  WorkersTimedOut: ["timeouts", () => "gunicorn killed workers that hung in a request"],
  ProcessDown: ["process", ({ process }) => `the process ${process} is not running`],
  ProcessRestarts: ["restarts", ({ process }) => `the process ${process} restarts again and again`],
  ProcessMemory: ["memory", ({ process }) => `${process} uses nearly all of its memory limit`],
  TimerFailed: ["timer", ({ process }) => `the last run of the timer ${process} failed`],
  QueueStuck: ["queue", ({ queue }) => `the oldest job in the queue ${queue} has waited for a long time`],
  DiskFull: ["disk", ({ mountpoint }) => `the disk ${mountpoint} is nearly full`],
  DiskFillsUp: ["disk", ({ mountpoint }) => `the disk ${mountpoint} will soon be full`],
  DiskFiles: ["disk", ({ mountpoint }) => `the disk ${mountpoint} has room for few more files`],
  MemoryLow: ["memory", () => "the host's memory is nearly used up"],
  OutOfMemory: ["oom", () => "the host ran out of memory, and the kernel killed a process"],
  ClockWrong: ["clock", () => "the clock is wrong"],
  RebootDue: ["reboot", () => "an update has been waiting for a reboot for a long time"],
  HostProblem: ["host", ({ check, problem }) => `the check of the ${check} has found a problem: ${problem}`],
  CertificateEnds: ["certificate", ({ domain }) => `the certificate of ${domain} expires soon`],
  BackupFailed: ["backup", ({ target }) => `the last backup to ${target} failed`],
  BackupOld: ["backup", ({ target }) => `the newest backup at ${target} is old`],
  DrillFailed: ["drill", () => "the last restore drill failed"],
  ArchiveBehind: ["archive", () => "PostgreSQL's WAL waits to be archived"],
  PostgresDown: ["database", () => "PostgreSQL does not answer"],
  StandbyDown: ["standby", ({ standby }) => `the standby${standby ? " " + standby : ""} does not receive what PostgreSQL writes`],
  StandbyBehind: ["standby", () => "the standby is far behind its primary"],
  ConnectionsNearLimit: ["connections", () => "nearly all of PostgreSQL's connections are in use"],
  MariadbDown: ["mariadb", () => "MariaDB does not answer"],
  MariadbConnectionsNearLimit: ["mariadb connections", () => "nearly all of MariaDB's connections are in use"],
  RedisDown: ["redis", ({ purpose }) => `Redis (${purpose}) does not answer`],
  AlertsFlap: ["flapping", () => "its alerts come and go"],
  MetricsMissing: ["collector", () => "no metrics are collected on the host"],
  MetricsPartMissing: ["collector", ({ part }) => `the metrics of ${part} can't be read`],
  HostUnreachable: ["other", ({ host }) => `none of its sites answers: ${host} is down, or can't be reached`],
};
const ORDER = { bad: 0, warn: 1, note: 2 };

/** Return the findings in STATE (name -> [{labels, value}]), DERIVED (key -> the same) at the time NOW; the worst first. */
export function wrong(state, derived, now) {
  const found = [];
  const add = (level, key, where, text, look) => found.push({ level, key, where, text, look });
  const all = (name) => state[name] ?? [];
  const computed = (name) => (Array.isArray(derived[name]) ? derived[name] : []);
  const beside = (name, labels, ...keys) => all(name).find((one) => keys.every((key) => one.labels[key] === labels[key]))?.value;

  for (const { labels: { app, domain, from } } of all("slipway_site_up").filter((one) => one.value === 0)) {
    const why = all("slipway_site_problem").find((one) => one.labels.domain === domain && one.labels.from === from)?.labels.problem;
    add("bad", "site", app, `${domain} does not answer as it should, seen from ${from}${why ? `: ${why}` : ""}.`, `playbooks/status.yml -e app=${app}`);
  }
  for (const { labels: { app }, value } of all("slipway_site_closed_timestamp_seconds")) {
    add("note", "closed", app, `${app} has been closed for maintenance for ${lasting(now - value)}.`, `playbooks/maintenance.yml -e app=${app} -e state=off opens it`);
  }
  const down = all("slipway_process_up").filter((one) => one.value === 0
    && (beside("slipway_process_wanted", one.labels, "app", "process") ?? 1) > 0);
  for (const { labels: { app, process, unit } } of down) {
    add("bad", "process", app, `${app}: the process ${process} is not running.`, `journalctl -u ${unit}`);
  }
  for (const { labels: { app, process }, value } of computed("restarts").filter((one) => one.value >= 1.5)) {
    add("warn", "restarts", app, `${app}: the process ${process} restarted ${count(Math.round(value))} times in the last hour.`,
      `playbooks/logs.yml -e app=${app} -e process=${process}`);
  }
  for (const { labels: { app }, value } of computed("worker_timeouts").filter((one) => one.value >= 0.5)) {
    add("warn", "timeouts", app, `${app}: gunicorn killed ${count(Math.max(1, Math.round(value)))} workers in the last hour, because a request took too long.`,
      "the slowest routes below, and the app's timeout_seconds");
  }
  for (const { labels, value } of computed("error_share")) {
    const asked = computed("request_rate").find((one) => one.labels.app === labels.app)?.value ?? 0;
    if (value >= LIMITS.errors && asked >= LIMITS.requestsForErrors) {
      add(value >= 0.05 ? "bad" : "warn", "errors", labels.app,
        `${labels.app}: ${share(value)} of the requests of the last 5 minutes failed with a server error (5xx).`,
        `playbooks/logs.yml -e app=${labels.app} -e level=error`);
    }
  }
  for (const { labels: { app }, value } of all("slipway_gunicorn_threads_busy")) {
    const threads = beside("slipway_gunicorn_threads", { app }, "app");
    const waiting = beside("slipway_gunicorn_backlog", { app }, "app") ?? 0;
    if (threads && value >= threads && waiting > 0) {
      add("warn", "threads", app, `${app}: all ${count(threads)} threads are busy and ${count(waiting)} requests wait for one.`,
        "what is slow (routes, statements), then the app's workers and threads");
    }
  }
  for (const { labels, value } of all("slipway_process_memory_bytes")) {
    const limit = beside("slipway_process_memory_max_bytes", labels, "app", "process", "unit");
    if (limit > 0 && value / limit >= LIMITS.processMemory) {
      add("warn", "memory", labels.app, `${labels.app}: ${labels.process} uses ${bytes(value)} of its limit of ${bytes(limit)}.`, "the app's memory_max_mb");
    }
  }
  for (const { labels, value } of all("slipway_process_open_files")) {
    const limit = beside("slipway_process_open_files_max", labels, "app", "process", "unit");
    if (limit > 0 && value / limit >= LIMITS.openFiles) {
      add("warn", "files", labels.app, `${labels.app}: ${labels.process} has ${count(value)} of at most ${count(limit)} files open.`, `ls -l /proc/PID/fd of ${labels.unit}`);
    }
  }
  for (const { labels: { app, process } } of all("slipway_timer_failed").filter((one) => one.value > 0)) {
    add("bad", "timer", app, `${app}: the last run of the timer ${process} failed.`, `playbooks/logs.yml -e app=${app} -e process=${process}`);
  }
  for (const { labels: { app, queue }, value } of all("slipway_queue_oldest_seconds").filter((one) => one.value >= LIMITS.queueAge)) {
    const jobs = beside("slipway_queue_jobs", { app, queue }, "app", "queue");
    add("warn", "queue", app, `${app}: the oldest job in the queue ${queue} has waited for ${lasting(value)}${jobs ? `; ${count(jobs)} wait` : ""}.`,
      `playbooks/status.yml -e app=${app}`);
  }
  database(add, all);
  mariadb(add, all);
  redis(add, all, computed, beside);
  host(add, all, computed, beside, now);
  backups(add, all, now);
  for (const { labels: { app, domain }, value } of all("slipway_certificate_not_after_timestamp_seconds")) {
    const left = value - now;
    if (value === 0) {
      add("bad", "certificate", app, `The certificate of ${domain} can't be read.`, "nginx -t, and systemctl status slipway-certificates");
    } else if (left < LIMITS.certificateWarn) {
      add(left < LIMITS.certificateBad ? "bad" : "warn", "certificate", app,
        left < 0 ? `The certificate of ${domain} expired ${ago(value, now)}.` : `The certificate of ${domain} expires in ${lasting(left)}.`,
        "systemctl status slipway-certificates");
    }
  }
  parts(add, all);
  alerts(add, all, found, now);
  return found.sort((one, two) => ORDER[one.level] - ORDER[two.level]);
}

function database(add, all) {
  if (all("pg_up").some((one) => one.value === 0)) {
    add("bad", "database", "", "PostgreSQL does not answer.", "systemctl status postgresql, and docs/databases.md");
  }
  const limit = all("pg_settings_max_connections")[0]?.value;
  const open = all("pg_stat_activity_count").reduce((sum, one) => sum + one.value, 0);
  if (limit && open / limit >= LIMITS.connections) {
    add(open / limit >= 0.95 ? "bad" : "warn", "connections", "", `PostgreSQL has ${count(open)} of at most ${count(limit)} connections open.`, "playbooks/queries.yml");
  }
  for (const { labels: { datname, state }, value } of all("pg_stat_activity_max_tx_duration")) {
    if (value >= LIMITS.transaction) {
      add("warn", "transaction", "", `A transaction in the database ${datname} has been open for ${lasting(value)} (${state}).`, "playbooks/queries.yml");
    }
  }
}

function mariadb(add, all) {
  if (all("mysql_up").some((one) => one.value === 0)) {
    add("bad", "mariadb", "", "MariaDB does not answer.", "systemctl status mariadb, and docs/databases.md");
  }
  const limit = all("mysql_global_variables_max_connections")[0]?.value;
  const open = all("mysql_global_status_threads_connected")[0]?.value;
  if (limit && open / limit >= LIMITS.connections) {
    add(open / limit >= 0.95 ? "bad" : "warn", "mariadb connections", "", `MariaDB has ${count(open)} of at most ${count(limit)} connections open.`, "playbooks/queries.yml");
  }
}

function redis(add, all, computed, beside) {
  for (const { labels: { app, purpose } } of all("redis_up").filter((one) => one.value === 0)) {
    add("bad", "redis", app, `${app}: Redis (${purpose}) does not answer.`, "docs/redis.md");
  }
  for (const { labels, value } of all("redis_memory_used_bytes")) {
    const limit = beside("redis_memory_max_bytes", labels, "app", "purpose");
    // A cache that is full is a cache at work: it drops what was asked for least.
    if (limit > 0 && labels.purpose !== "cache" && value / limit >= LIMITS.redis) {
      add("warn", "memory", labels.app, `${labels.app}: Redis (${labels.purpose}) uses ${bytes(value)} of its limit of ${bytes(limit)}.`, "docs/redis.md");
    }
  }
  for (const { labels: { app, purpose }, value } of computed("evicted")) {
    if (value >= 1 && purpose !== "cache") add("bad", "evicted", app, `${app}: Redis (${purpose}) was full and dropped ${count(value)} keys in the last hour.`, "docs/redis.md");
  }
}

function host(add, all, computed, beside, now) {
  for (const { labels, value } of all("node_filesystem_avail_bytes")) {
    const size = beside("node_filesystem_size_bytes", labels, "mountpoint", "device");
    if (!size || /^(tmpfs|ramfs|squashfs|vfat|iso9660)$/.test(labels.fstype)) continue;
    const used = 1 - value / size;
    const soon = computed("disk_full_in").find((one) => one.labels.mountpoint === labels.mountpoint)?.value;
    const filling = soon !== undefined && soon < LIMITS.diskSoon && used > 0.5;
    if (used >= LIMITS.diskWarn || filling) {
      add(used >= LIMITS.diskBad || (filling && soon < DAY / 4) ? "bad" : "warn", "disk", "",
        `The disk ${labels.mountpoint} is ${share(used)} full, with ${bytes(value)} left${filling ? `; at the rate of the last 6 hours it will be full in ${lasting(soon)}` : ""}.`,
        `du -xh --max-depth=2 ${labels.mountpoint} | sort -h | tail`);
    }
    const files = beside("node_filesystem_files", labels, "mountpoint", "device");
    const free = beside("node_filesystem_files_free", labels, "mountpoint", "device");
    if (files > 0 && 1 - free / files >= LIMITS.inodes) add("bad", "disk", "", `The disk ${labels.mountpoint} has room for only ${count(free)} more files.`, `du --inodes -x --max-depth=2 ${labels.mountpoint}`);
  }
  for (const { labels } of all("node_filesystem_readonly").filter((one) => one.value === 1 && /^(ext4|xfs|btrfs)$/.test(one.labels.fstype))) {
    add("bad", "disk", "", `The disk ${labels.mountpoint} is read-only.`, "dmesg");
  }
  const total = all("node_memory_MemTotal_bytes")[0]?.value;
  const available = all("node_memory_MemAvailable_bytes")[0]?.value;
  if (total && 1 - available / total >= LIMITS.memory) {
    add("warn", "memory", "", `The host uses ${share(1 - available / total)} of its memory; ${bytes(available)} are left.`, "the memory of the processes below");
  }
  const steal = computed("steal")[0]?.value;
  if (steal >= LIMITS.steal) add("warn", "steal", "", `The provider gave ${share(steal)} of this host's CPU time to others in the last 15 minutes (steal).`, "the provider, or a plan with dedicated CPUs");
  if (all("node_timex_sync_status").some((one) => one.value === 0)) add("note", "clock", "", "The clock is not synchronized.", "timedatectl timesync-status");
  if (all("slipway_reboot_required").some((one) => one.value > 0)) add("note", "reboot", "", "An update waits for a reboot.", "docs/host.md");
}

function backups(add, all, now) {
  for (const { labels: { target } } of all("slipway_backup_failed").filter((one) => one.value > 0)) {
    add("bad", "backup", "", `The last backup to ${target} failed.`, "playbooks/backups.yml");
  }
  const failed = new Set(all("slipway_backup_failed").filter((one) => one.value > 0).map((one) => one.labels.target));
  for (const { labels: { target }, value } of all("slipway_backup_last_success_timestamp_seconds")) {
    if (!failed.has(target) && now - value >= LIMITS.backupAge) add("bad", "backup", "", `The newest backup at ${target} is ${lasting(now - value)} old.`, "playbooks/backups.yml");
  }
  for (const { labels: { app } } of all("slipway_drill_failed").filter((one) => one.value > 0)) {
    add("bad", "drill", app, `${app}: its backup could not be restored in the last drill.`, "journalctl -u slipway-backup-drill");
  }
  for (const { labels: { app }, value } of all("slipway_drill_last_success_timestamp_seconds")) {
    if (now - value >= LIMITS.drillAge) add("warn", "drill", app, `${app}: no restore drill has succeeded for ${lasting(now - value)}.`, "journalctl -u slipway-backup-drill");
  }
  const waiting = all("slipway_archive_waiting_seconds")[0]?.value;
  if (waiting >= LIMITS.archive) add("bad", "archive", "", `PostgreSQL has not been able to archive its WAL for ${lasting(waiting)}: the disk fills up, and backups are incomplete.`, "journalctl -u postgresql");
}

/** What is not looked at is told too: no news would be taken for good news. */
function parts(add, all) {
  const failed = all("slipway_collector_up").filter((one) => one.value === 0).map((one) => one.labels.part).sort();
  if (failed.length) add("note", "collector", "", `No metrics right now of: ${list(failed)}.`, "journalctl -u slipway-metrics");
}

function alerts(add, all, found, now) {
  for (const { labels } of all("ALERTS").filter((one) => one.labels.alertstate === "firing" && one.labels.severity !== "none")) {
    const { alertname: name, alertstate, severity, app = "", instance, job, ...rest } = labels;
    const [key, words] = ALERTS[name] ?? [name, () => unknown(name, rest)];
    if (found.some((one) => one.key === key && (!app || !one.where || one.where === app))) continue;
    const same = all("ALERTS_FOR_STATE").find((one) => Object.entries(one.labels).every(([label, text]) => labels[label] === text));
    const text = words({ app, ...rest });
    add(severity === "critical" ? "bad" : "warn", key, app,
      `${app ? `${app}: ${text}` : text[0].toUpperCase() + text.slice(1)}${same ? `, since ${lasting(now - same.value)}` : ""}.`,
      "docs/alerts.md");
  }
}

/** "CartEmpty", {shop: "a"} -> "cart empty (shop a)" */
function unknown(name, { host, ...rest }) {
  const where = Object.entries(rest).map(([label, text]) => `${label} ${text}`).join(", ");
  return name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase() + (where ? ` (${where})` : "");
}
