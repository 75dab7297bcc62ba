// A graph of uPlot's with a legend in words. Keys: left and right move along it.

import { element } from "./dom.js";
import { clock, day, writer } from "./words.js";

const COLOURS = ["first", "second", "fourth", "fifth", "third", "sixth"];
const FIXED = {
  code: { "2xx": "first", "3xx": "fifth", "4xx": "second", "5xx": "third" },
  mode: { user: "first", system: "fifth", iowait: "second", steal: "third" },
};
const HEIGHT = 180;

/** Series of CHART's in the order that they are drawn and told: {name, colour, values, limit}. FOUND has rows by key. */
export function lines(chart, found, app) {
  const made = [];
  chart.series.forEach((series, index) => {
    const rows = found[`${chart.id}_${index}`];
    if (!Array.isArray(rows)) return;
    for (const { labels, values } of rows) {
      if (app !== undefined && labels.app !== app) continue;
      const name = series.name.replace(/{{(\w+)}}/g, (_, label) => labels[label] ?? "");
      made.push({ name, values, fill: series.fill, limit: series.colour === "limit", key: labels[series.by], colour: series.colour, by: series.by });
    }
  });
  made.sort((one, two) => one.limit - two.limit || (one.by && two.by ? one.name.localeCompare(two.name) : 0));
  let free = 0;
  for (const line of made) line.colour ??= FIXED[line.by]?.[line.key] ?? COLOURS[free++ % COLOURS.length];
  return made;
}

/** Why there is no answer for CHART, or "". */
export const mistake = (chart, found) =>
  chart.series.map((_, index) => found[`${chart.id}_${index}`]).find((one) => one instanceof Error)?.message ?? "";

const last = (values) => { for (let i = values.length - 1; i >= 0; i -= 1) if (values[i] !== null) return values[i]; return null; };
const most = (values) => values.reduce((top, one) => (one !== null && (top === null || one > top) ? one : top), null);

/** A figure with CHART's LINES over TIMES; MARKS are {at, name, outcome} of releases. SAY tells a screen reader. */
export function figure(chart, title, times, drawn, marks, say, { emptyText, words, sync }) {
  const said = writer(chart.unit, Math.max(...drawn.map((line) => most(line.values) ?? 0)));
  const plain = drawn.filter((line) => !line.limit);
  const here = plain.filter((line) => most(line.values) !== null);
  const id = `chart-${title.replace(/\W+/g, "-")}`;
  const caption = element("figcaption", { id }, chart.title);
  const plot = element("div", { class: "plot" });
  const whole = element("figure", { "aria-labelledby": id }, caption, plot);
  if (!here.length) {
    plot.append(element("p", {}, emptyText));
    return { node: whole, draw: () => {}, destroy: () => {} };
  }
  const summary = `${title}, ${words}. ${here.map((line) =>
    `${line.name}: now ${last(line.values) === null ? "nothing" : said(last(line.values))}, at most ${said(most(line.values))}`).join("; ")}.`;
  Object.entries({ tabindex: 0, role: "img", "aria-label": summary, "data-key": `plot ${title}` }).forEach(([key, text]) => plot.setAttribute(key, text));
  const when = element("small");
  caption.append(when);
  const values = drawn.map(() => element("b"));
  whole.append(element("ul", { class: "legend" }, ...drawn.map((line, index) => element("li", {}, swatch(line), `${line.name} `, values[index]))));
  const tell = (at) => {
    const index = at ?? times.length - 1;
    drawn.forEach((line, number) => {
      const value = at === null || at === undefined ? last(line.values) : line.values[index];
      values[number].textContent = value === null || value === undefined ? "–" : said(value);
    });
    when.textContent = at === null || at === undefined ? "" : clock(times[index]);
  };
  tell(null);
  let drawing = null;
  const draw = () => {
    drawing?.destroy();
    drawing = new uPlot(options(chart, drawn, marks, plot, tell, sync, times, said), data(chart, times, drawn), plot);
  };
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !drawing) return;
    event.preventDefault();
    const index = Math.min(times.length - 1, Math.max(0, (drawing.cursor.idx ?? times.length - (step < 0 ? 0 : 1)) + step));
    drawing.setCursor({ left: drawing.valToPos(times[index], "x"), top: 0 });
    say(`${clock(times[index])}: ${drawn.map((line) => `${line.name} ${line.values[index] === null ? "nothing" : said(line.values[index])}`).join(", ")}`);
  });
  return { node: whole, draw, destroy: () => drawing?.destroy() };
}

function swatch(line) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", line.limit ? "path" : "rect");
  const parts = line.limit ? { d: "M0 5h10", stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": "3 2" } : { width: 10, height: 10, rx: 2, fill: "currentColor" };
  for (const [key, text] of Object.entries(parts)) shape.setAttribute(key, text);
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `ink-${line.colour}`);
  svg.append(shape);
  return svg;
}

/** Lines that are stacked stand on each other, the limits beside them; the highest is drawn first and the others over it. */
function data(chart, times, drawn) {
  if (!chart.stack) return [times, ...drawn.map((line) => line.values)];
  const sums = new Array(times.length).fill(0);
  const stacked = drawn.map((line) => (line.limit ? line.values : line.values.map((value, index) => {
    sums[index] += value ?? 0;
    return value === null && sums[index] === 0 ? null : sums[index];
  })));
  return [times, ...stacked.reverse()];
}

function options(chart, drawn, marks, plot, tell, sync, times, said) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const font = "12px system-ui, sans-serif";
  const order = chart.stack ? [...drawn].reverse() : drawn;
  const axis = { stroke: colour("soft"), font, grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
  const top = Math.max(...drawn.map((line) => most(line.values) ?? 0), chart.stack ? 0 : 0);
  return {
    width: Math.max(200, plot.clientWidth), height: HEIGHT, legend: { show: false }, padding: [14, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !chart.stack, size: 7 }, sync: { key: sync, setSeries: false }, focus: { prox: -1 } },
    scales: {
      x: { time: true },
      y: { range: (_, low, high) => [0, nice(chart, Math.max(high ?? 0, chart.top ? Math.min(chart.top, Math.max(top, 0)) : 0))] },
    },
    axes: [
      { ...axis, space: 70, size: 28, values: (_, splits) => splits.map((at, index) => label(at, splits[index - 1], times)) },
      { ...axis, size: 62, gap: 4, space: 34, values: (_, splits) => splits.map(said), incrs: increments(chart) },
    ],
    series: [{}, ...order.map((line) => ({
      label: line.name, stroke: colour(line.colour), width: line.limit ? 1.25 : chart.stack ? 1 : 1.75, dash: line.limit ? [5, 4] : undefined,
      // On top of each other, opaque: what is below is drawn over what is above it.
      fill: line.limit ? undefined : chart.stack ? colour(line.colour) : line.fill ? `${colour(line.colour)}33` : undefined,
      points: { show: false }, spanGaps: false,
    }))],
    hooks: {
      setCursor: [(self) => tell(self.cursor.left >= 0 ? self.cursor.idx : null)],
      draw: [(self) => {
        const taken = [];
        marks.forEach((mark) => stroke(self, mark, colour, taken));
      }],
    },
  };
}

/** The top of an axis: a little more than the highest value, a full scale where there is one, and never nothing at all. */
function nice(chart, high) {
  if (chart.top === 1) return high > 0.5 ? 1 : Math.max(high * 1.15, 0.05);
  if (chart.top) return Math.max(high * 1.15, chart.top);
  if (chart.unit === "count") return Math.max(Math.ceil(high * 1.12), 4);
  return high > 0 ? high * 1.12 : chart.unit === "rate" ? 1 / 60 : 1;
}

/** Bytes are read in steps of 1, 2 and 5 of a unit, whole things in whole steps. */
function increments(chart) {
  const steps = [];
  for (let power = chart.unit === "count" ? 0 : -6; power <= 13; power += 1) for (const part of [1, 2, 5]) steps.push(part * 10 ** power);
  return steps;
}

function label(at, before, times) {
  const span = times.at(-1) - times[0];
  const time = new Date(at * 1000);
  if (span > 2 * 86_400) return day(at);
  if (before !== undefined && new Date(before * 1000).getDate() !== time.getDate()) return day(at);
  return time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

const SIGNS = { deploy: "▲", rollback: "↩", failed: "✕" };

/** A line for a deploy or a rollback, with what it was at its top where there is room: TAKEN has what others have. */
function stroke(self, mark, colour, taken) {
  const x = Math.round(self.valToPos(mark.at, "x", true));
  const { left, width, top, height } = self.bbox;
  if (x < left || x > left + width) return;
  const { ctx } = self;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour(mark.outcome !== "ok" ? "bad" : mark.action === "rollback" ? "warn" : "soft");
  ctx.lineWidth = ratio;
  ctx.setLineDash(mark.action === "rollback" ? [4 * ratio, 3 * ratio] : []);
  ctx.beginPath();
  ctx.moveTo(x, top - 2 * ratio);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  const text = `${SIGNS[mark.outcome === "ok" ? mark.action : "failed"] ?? SIGNS.deploy} ${mark.release ?? ""}`;
  const wide = ctx.measureText(text).width;
  const from = Math.min(Math.max(x - wide / 2, left), left + width - wide);
  if (!taken.some(([start, end]) => from < end + 4 * ratio && from + wide > start - 4 * ratio)) {
    taken.push([from, from + wide]);
    ctx.textAlign = "left";
    ctx.fillText(text, from, top - 4 * ratio);
  }
  ctx.restore();
}
