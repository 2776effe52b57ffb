// Charts over time. Each has its numbers in a table beside it, for who cannot see it.
import uPlot from "/static/vendor/uPlot.esm.js";
import { el } from "/static/dom.js";

const seconds = text => new Date(text) / 1000;
const COLOURS = ["#4a8fe0", "#d9822b", "#2b9e6f", "#b04ec4", "#c2443b", "#7a7f1c", "#5a6b7d", "#1f9eb0"];

const LABEL = 85; // pixels that the longest label of the time axis needs: "23 Nov 2026"
const LANE = -1.5; // below -1, events have their place

const TONES = { "-1": "#c2443b", 0: "#778", 1: "#2b9e6f" }; // of bad, neutral and good events

function colours() {
  const style = getComputedStyle(document.documentElement);
  return { text: style.getPropertyValue("--fg"), grid: { stroke: style.getPropertyValue("--line"), width: 0.5 } };
}

// The time axis shows the week before the moment, however few points there are, and all of them. For one point alone
// uPlot would come to an axis of years, so what it proposes counts only where it is narrower: a person zooms.
function week(moment, times) {
  const to = seconds(moment), from = to - 7 * 86400, first = times[0], last = times.at(-1);
  return { range: (_, low, high) => (low > first || high < last ? [low, high] : [Math.min(first, from), Math.max(last, to)]) };
}

// Times of day in 24 hours, as everywhere: for steps of years, months, days, hours and minutes; a new day is named below.
const DAY = "\n{D} {MMM}", YEAR = "\n{YYYY}";
const TIMES = [[3600 * 24 * 365, "{YYYY}", null, null, null, null, null, null, 1], [3600 * 24 * 28, "{MMM}", YEAR, null, null, null, null, null, 1],
  [3600 * 24, "{D} {MMM}", YEAR, null, null, null, null, null, 1], [3600, "{HH}:{mm}", `${DAY} {YYYY}`, null, DAY, null, null, null, 1], [60, "{HH}:{mm}", `${DAY} {YYYY}`, null, DAY, null, null, null, 1]];

// As wide as the longest number of an axis, which uPlot cuts off at 50 pixels. It only grows, so that it comes to an end.
function wide(plot, values, i) {
  const axis = plot.axes[i];
  plot.ctx.font = axis.font[0];
  return Math.max(50, axis._size ?? 0, ...(values ?? []).map(text => Math.ceil(axis.ticks.size + axis.gap + plot.ctx.measureText(text ?? "").width / (devicePixelRatio || 1))));
}

// `marks` are [time, colour] of vertical lines.
// `events` are drawn as dots at the foot, larger for a higher severity, with their types beside them where there is room.
function draw(target, data, series, { height = 260, scales = {}, splits, axes, marks = [], events = [], bands }) {
  const { text, grid } = colours();
  const lines = plot => {
    for (const [time, colour] of marks) {
      const x = plot.valToPos(seconds(time), "x", true);
      if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
      Object.assign(plot.ctx, { strokeStyle: colour, lineWidth: 2 });
      plot.ctx.beginPath();
      plot.ctx.moveTo(x, plot.bbox.top);
      plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
      plot.ctx.stroke();
    }
  };
  const dots = plot => {
    const { left, top, width, height: tall } = plot.bbox, scale = devicePixelRatio || 1, ends = [];
    Object.assign(plot.ctx, { textAlign: "left", textBaseline: "middle" });
    plot.ctx.font = `${12 * scale}px system-ui, sans-serif`;
    for (const event of [...events].sort((a, b) => new Date(a.published_at) - new Date(b.published_at))) {
      const x = plot.valToPos(seconds(event.published_at), "x", true), radius = (2 + event.severity) * scale;
      if (x < left || x > left + width) continue;
      plot.ctx.fillStyle = TONES[event.polarity] ?? TONES[0];
      const name = event.type.replaceAll("_", " "), long = plot.ctx.measureText(name).width, before = x + radius + 4 * scale + long > left + width;
      // Its dot and its name need a place in one of three rows; without one, it is a dot alone.
      const start = before ? x - radius - 4 * scale - long : x - radius, row = [0, 1, 2].find(i => (ends[i] ?? -Infinity) < start);
      const y = top + tall - (50 - 18 * (row ?? 0)) * scale;
      plot.ctx.beginPath();
      plot.ctx.arc(x, y, radius, 0, 2 * Math.PI);
      plot.ctx.fill();
      if (row === undefined) continue;
      plot.ctx.fillStyle = text;
      plot.ctx.fillText(name, before ? start : x + radius + 4 * scale, y);
      ends[row] = x + radius + (before ? 0 : 4 * scale + long);
    }
  };
  const axis = plot => { // uPlot knows its scales only once it draws
    const { min, max } = plot.scales.x;
    Object.assign(target.dataset, { from: new Date(1000 * min).toISOString(), to: new Date(1000 * max).toISOString() });
  };
  const width = () => Math.max(280, Math.min(1150, document.documentElement.clientWidth - 40));
  const plain = [{ stroke: text, grid, values: TIMES, space: LABEL }, { stroke: text, grid, size: wide, ...(splits ? { splits: () => splits } : {}) }, ...(axes ?? []).map(axis => ({ stroke: text, grid: { show: false }, size: wide, ...axis }))];
  const plot = new uPlot({ width: width(), height, scales, bands, series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...series], axes: plain, hooks: { draw: [lines, dots, axis] } }, data, target);
  addEventListener("resize", () => plot.setSize({ width: width(), height }));
}

function figure(caption, label, drawn) {
  const target = el("div", { role: "img", "aria-label": label });
  const made = el("figure", {}, el("figcaption", {}, caption), target);
  // uPlot measures its place, so it draws once the figure stands on the page.
  requestAnimationFrame(() => drawn(target));
  return made;
}

export function sentimentChart(entity, rows, marks, events, moment) {
  const data = [rows.map(row => seconds(row.start)), ...["sentiment", "low", "high"].map(name => rows.map(row => Number(row[name])))];
  const quiet = { stroke: "transparent", points: { show: false } };
  const series = [{ label: "sentiment", stroke: COLOURS[0], width: 2, points: { show: true } }, { label: "low", ...quiet }, { label: "high", ...quiet }];
  const drawn = `${marks.length ? " Lines: alerts (red), model changes (blue)." : ""}${events.length ? " Dots: events, bad (red) and good (green)." : ""}`;
  return figure(`Sentiment in windows of 3 hours with its 95 % band.${drawn}`,
    `Sentiment about ${entity} over the week; the numbers are in the table below`,
    target => draw(target, data, series, { height: events.length ? 360 : 300, scales: { x: week(moment, data[0]), y: { range: [events.length ? LANE : -1, 1] } }, splits: [-1, -0.5, 0, 0.5, 1], bands: [{ series: [3, 2], fill: "rgba(90,140,220,.22)" }], marks, events }));
}

export function volumeChart(entity, rows, marks, moment) {
  const data = [rows.map(row => seconds(row.start)), rows.map(row => Number(row.documents)), rows.map(row => Number(row.usual))];
  const series = [
    { label: "documents", stroke: "#778", fill: "rgba(120,130,150,.35)", points: { show: false }, paths: uPlot.paths.bars({ size: [0.8] }) },
    { label: "usual at that hour", stroke: COLOURS[1], width: 2, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) },
  ];
  return figure("Documents in windows of 3 hours, and the mean of the same hours in up to four weeks before.",
    `Volume of documents about ${entity} over the week`, target => draw(target, data, series, { height: 200, marks, scales: { x: week(moment, data[0]), y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } } }));
}

export function priceChart(entity, rows, marks, moment) {
  const tones = rows.map(row => row.sentiment === null ? null : Number(row.sentiment));
  const data = [rows.map(row => seconds(row.date)), tones, rows.map(row => Number(row.close))];
  const series = [
    { label: "sentiment", stroke: COLOURS[0], width: 1, points: { show: false }, paths: uPlot.paths.bars({ size: [0.6] }), fill: "rgba(90,140,220,.3)" },
    { label: "close", scale: "close", stroke: COLOURS[1], width: 2, points: { show: false } },
  ];
  return figure("Close of each trading day (line, at the right), and the mean sentiment of the day's stories (bars). Lines: alerts. Side by side is not cause and effect.",
    `Price and sentiment of ${entity} over 60 days; the numbers are in the table below`,
    target => draw(target, data, series, { height: 240, marks, scales: { x: week(moment, data[0]), y: { range: [-1, 1] } }, splits: [-1, -0.5, 0, 0.5, 1], axes: [{ scale: "close", side: 1 }] }));
}

export function topicsChart(entity, rows, moment) {
  const days = [...new Set(rows.map(row => row.day))].sort();
  const totals = new Map();
  for (const row of rows) totals.set(row.topic, (totals.get(row.topic) ?? 0) + Number(row.documents));
  const topics = [...totals].sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length).map(([name]) => name);
  const counts = topics.map(topic => days.map(day => Number(rows.find(row => row.day === day && row.topic === topic)?.documents ?? 0)));
  const data = [days.map(seconds), ...counts];
  const series = topics.map((topic, i) => ({ label: topic, stroke: COLOURS[i], width: 2, points: { show: true } }));
  return figure("Documents a day on each topic.", `Topics of ${entity} by day; the numbers are in the table below`,
    target => draw(target, data, series, { height: 220, scales: { x: week(moment, data[0]), y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } } }));
}

// `rows` are companies with the times and tones of their windows; a company has no point where nothing was said of it.
export function linesChart(rows, moment) {
  const times = [...new Set(rows.flatMap(row => row.times))].sort();
  const of = row => { const tones = new Map(row.times.map((time, i) => [time, row.tones[i]])); return times.map(time => tones.get(time) ?? null); };
  const data = [times.map(seconds), ...rows.map(of)];
  const series = rows.map((row, i) => ({ label: row.entity, stroke: COLOURS[i], width: 2, points: { show: true }, spanGaps: true }));
  return figure("Sentiment in windows of 6 hours.", `Sentiment about ${rows.map(row => row.entity).join(", ")} over the week; the table below has the latest`,
    target => draw(target, data, series, { height: 320, scales: { x: week(moment, data[0]), y: { range: [-1, 1] } }, splits: [-1, -0.5, 0, 0.5, 1] }));
}
