// Numbers as people read them. Times are seconds since 1970, as the store has them.

const number = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits });

/** 0.042 -> "42 ms", 3.14 -> "3.1 s" */
export function seconds(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 0.0995) return `${number(value * 1000, value < 0.00995 ? 1 : 0)} ms`;
  if (value < 1) return `${number(value * 1000, 0)} ms`;
  return value < 90 ? `${number(value, 1)} s` : lasting(value);
}

/** 1536000 -> "1.5 MB" */
export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (Math.abs(value) >= 999.5 && step < units.length - 1) { value /= 1000; step += 1; }
  return `${number(value, value < 9.95 && step > 1 ? 1 : 0)} ${units[step]}`;
}

/** 0.0123 -> "1.2 %" */
export function share(value) {
  if (!Number.isFinite(value)) return "–";
  const percent = value * 100;
  return `${number(percent, percent >= 9.95 ? 0 : percent >= 0.0995 || percent === 0 ? 1 : 2)} %`;
}

/** 0.2 per second -> "12 per minute" */
export function rate(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  if (value < 0.5 / 60) return `${number(value * 3600, 1)} per hour`;
  return value < 1 ? `${number(value * 60, 1)} per minute` : `${number(value, value < 9.95 ? 1 : 0)} per second`;
}

export const count = (value) => (Number.isFinite(value) ? number(value, value < 10 && value % 1 ? 1 : 0) : "–");

/** 5400 -> "90 minutes" */
export function lasting(value) {
  const steps = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, word] = steps.find(([size]) => value >= size * (size > 1 ? 1.95 : 1)) ?? [1, "second"];
  const whole = Math.round(value / size);
  return `${number(whole, 0)} ${word}${whole === 1 ? "" : "s"}`;
}

export const ago = (at, now) => (now - at < 5 ? "just now" : `${lasting(now - at)} ago`);

/** Hours and minutes; with the day when that isn't today's. */
export function clock(at, withSeconds = false) {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: withSeconds ? "2-digit" : undefined });
  return date.toDateString() === new Date().toDateString() ? time : `${day(at)} ${time}`;
}

export const day = (at) => new Date(at * 1000).toLocaleDateString([], { day: "numeric", month: "short" });

const FULL = { seconds, bytes, share, count };

/** How values of UNIT are written in one graph, whose highest is TOP: rates all by the second, the minute or the hour. */
export function writer(unit, top) {
  if (unit !== "rate") return FULL[unit];
  const [factor, per] = top >= 1 ? [1, "s"] : top >= 0.5 / 60 || top === 0 ? [60, "min"] : [3600, "h"];
  return (value) => {
    const scaled = value * factor;
    return value === 0 ? "0" : `${number(scaled, scaled < 0.995 ? 2 : scaled < 9.95 ? 1 : 0)}/${per}`;
  };
}

/** ["a", "b", "c"] -> "a, b and c" */
export const list = (names) => [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");
