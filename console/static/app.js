// All that comes from the feed is set as text, never as HTML.
import uPlot from "/static/vendor/uPlot.esm.js";

const page = document.getElementById("page");
const token = document.querySelector("meta[name=csrf-token]").content;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.getElementById("zone").textContent = `Times in ${zone}.`;

const theme = name => { document.documentElement.dataset.theme = name; };
theme(localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  theme(next);
});

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}
const signed = x => (x >= 0 ? "+" : "\u2212") + Math.abs(x).toFixed(2);
const tone = x => (x >= 0 ? "positive-text" : "negative-text");
const format = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const when = text => el("time", { datetime: text, title: text }, format.format(new Date(text)));
const company = row => el("a", { href: `/entity/${encodeURIComponent(row.entity)}` }, row.name ? `${row.name} (${row.entity})` : row.entity);
const at = new URLSearchParams(location.search).get("at");
const moment = at ? `at=${encodeURIComponent(at)}` : "";

async function ask(url, body) {
  const options = body ? { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-CSRF-Token": token } } : {};
  const answer = await fetch(url, options);
  const found = await answer.json();
  if (!answer.ok) throw new Error(typeof found.detail === "string" ? found.detail : JSON.stringify(found.detail));
  return found;
}
const guarded = work => async (...given) => {
  try { await work(...given); } catch (error) { document.getElementById("live").textContent = `Failed: ${error.message}`; }
};

const sources = (url, sql) => el("details", {}, el("summary", {}, "SQL and CSV"),
  el("a", { href: `${url}${url.includes("?") ? "&" : "?"}format=csv` }, "Download CSV"), el("pre", { tabindex: 0 }, sql));
function table(label, names, rows) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, el("table", {},
    el("thead", {}, el("tr", {}, ...names.map(name => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...rows.map(row => el("tr", {}, ...row.map(cell => el("td", {}, cell ?? "")))))));
}

function alertCard(row) {
  const known = row.acknowledged_by;
  const shift = row.kind === "sentiment_shift";
  return el("article", { class: `card ${row.direction}`, "aria-label": `Alert about ${row.name}` },
    el("p", { class: "big" }, company(row), shift ? ` turned ${row.direction}: sentiment ${signed(row.before_mean)} to ${signed(row.after_mean)}` : `: ${row.kind.replaceAll("_", " ")} ${row.topic} ${row.direction}`),
    el("p", {}, `${row.state}, ${row.severity}. Began `, when(row.began_at), "; alert ", when(row.fired_at),
      `. ${row.after_documents} documents. Model ${row.model_version}.`),
    el("p", {}, "Why:"),
    el("ul", {}, ...(row.evidence.documents ?? []).slice(0, 3).map(document => el("li", {}, `${document.source}: ${document.title || document.text} (${signed(document.sentiment)})`))),
    el("p", {}, known ? `Acknowledged by ${known}. ` : "Next: read the evidence, then acknowledge. ",
      el("button", { type: "button", click: guarded(async () => { await ask(`/api/alerts/${row.id}/acknowledge`, { undo: Boolean(known) }); await show(); }) }, known ? "Reopen" : "Acknowledge"), " ",
      el("button", { type: "button", click: guarded(async () => { await ask("/api/silences", { entity: row.entity, minutes: 120 }); await show(); }) }, "Silence 2 hours")),
    el("details", {}, el("summary", {}, "All evidence"), el("pre", { tabindex: 0 }, JSON.stringify(row.evidence, null, 1))));
}

async function why(document_id, entity, target) {
  target.replaceChildren("Reading the model, a few seconds at the first time ...");
  const found = await ask(`/api/explain?document=${encodeURIComponent(document_id)}&entity=${encodeURIComponent(entity)}`);
  const most = Math.max(...found.words.map(word => Math.abs(word.weight)), 0.001);
  const parts = [];
  // The offsets count code points, and a string's index UTF-16 units.
  const points = [...found.text];
  let end = 0;
  for (const word of found.words) {
    const step = Math.ceil(3 * Math.abs(word.weight) / most);
    parts.push(points.slice(end, word.start).join(""));
    parts.push(Math.abs(word.weight) / most < 0.15 ? word.text : el("mark", { class: (word.weight > 0 ? "p" : "n") + step, title: signed(word.weight) }, word.text));
    end = word.end;
  }
  target.replaceChildren(...parts, el("br"), `Green speaks for positive, red for negative; ${found.model_version} now says ${signed(found.sentiment)}.`);
}

function documentItem(row, entity) {
  const target = el("p", { "aria-live": "polite" });
  return el("li", {}, when(row.published_at), ` ${row.source} `, el("strong", { class: tone(row.sentiment) }, signed(row.sentiment)), " ",
    row.title || row.text, " ",
    el("button", { type: "button", "aria-label": `Why: ${row.title || row.text}`, click: guarded(() => why(row.document_id, entity, target)) }, "Why"), " ",
    el("a", { href: `/search?similar=${encodeURIComponent(row.document_id)}`, "aria-label": `Similar to: ${row.title || row.text}` }, "Similar"), target);
}

const pages = {
  async market() {
    const [market, movers, alerts] = await Promise.all([ask(`/api/market?${moment}`), ask(`/api/movers?${moment}`), ask("/api/alerts?limit=50")]);
    const desks = Map.groupBy(market.rows, row => row.desk);
    const step = x => (Math.abs(x) < 0.1 ? "z" : (x > 0 ? "p" : "n") + (Math.abs(x) > 0.6 ? 3 : Math.abs(x) > 0.3 ? 2 : 1));
    const end = new Date(market.moment);
    const recent = alerts.rows.filter(row => new Date(row.fired_at) <= end && end - new Date(row.fired_at) < 7 * 864e5 && row.state !== "inactive");
    return [el("p", {}, "Shown as of ", when(market.moment), "."),
      el("h2", {}, "What turned in the last 7 days"), ...(recent.length ? recent.slice(0, 5).map(alertCard) : [el("p", {}, "No alert.")]),
      el("h2", {}, "Heat map"),
      ...[...desks].flatMap(([desk, rows]) => [el("h3", {}, desk), el("ul", { class: "heat" }, ...rows.map(row => el("li", {}, el("a", { class: step(row.sentiment), href: `/entity/${encodeURIComponent(row.entity)}`, title: row.name }, el("strong", {}, row.entity), el("br"), `${row.sentiment >= 0 ? "\u25b2" : "\u25bc"} ${signed(row.sentiment)}, ${row.documents} docs`))))]),
      sources(`/api/market?${moment}`, market.sql),
      el("h2", {}, "Movers, 24 hours against 7 days"),
      table("Movers", ["Company", "Before", "After", "Change", "Documents", "Standard errors"], movers.rows.map(row => [company(row), signed(row.before), signed(row.after), el("span", { class: tone(row.change) }, signed(row.change)), row.documents, row.z.toFixed(1)])),
      sources(`/api/movers?${moment}`, movers.sql)];
  },
  async entity() {
    const entity = page.dataset.entity, base = `/api/entities/${encodeURIComponent(entity)}`, number = Number(location.hash.slice(1)) || 0;
    const [tones, topics, models, documents, alerts] = await Promise.all([...["sentiment", "topics", "models"].map(name => ask(`${base}/${name}?${moment}`)), ask(`${base}/documents?page=${number}&${moment}`), ask(`/api/alerts?entity=${encodeURIComponent(entity)}`)]);
    const figure = el("figure", {}, el("figcaption", {}, "Sentiment in windows of 3 hours with its 95 % band, and volume. Marks: alerts (red), model changes (blue)."));
    const times = tones.rows.map(row => new Date(row.start) / 1000);
    const drawn = el("div", { role: "img", "aria-label": `Sentiment about ${entity} over the week; the numbers are in the table below` });
    figure.append(drawn);
    const style = getComputedStyle(document.documentElement), grey = style.getPropertyValue("--fg"), grid = { stroke: style.getPropertyValue("--line"), width: 0.5 };
    const marks = [...alerts.rows.map(row => [row.fired_at, "#d33"]), ...models.rows.slice(1).map(row => [row.first_at, "#39f"])];
    const draw = plot => {
      for (const [time, colour] of marks) {
        const x = plot.valToPos(new Date(time) / 1000, "x", true);
        if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
        plot.ctx.strokeStyle = colour; plot.ctx.lineWidth = 2; plot.ctx.beginPath();
        plot.ctx.moveTo(x, plot.bbox.top); plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height); plot.ctx.stroke();
      }
    };
    if (times.length) new uPlot({ width: Math.min(1150, innerWidth - 40), height: 320, hooks: { draw: [draw] }, bands: [{ series: [3, 2], fill: "rgba(90,140,220,.2)" }],
      scales: { y: { range: [-1, 1] }, n: { range: (_, low, high) => [0, 3 * high] } },
      axes: [{ stroke: grey, grid }, { stroke: grey, grid }, { scale: "n", side: 1, stroke: grey, grid: { show: false } }],
      series: [{}, { label: "sentiment", stroke: "#4a8fe0", width: 2, points: { show: true } }, { label: "low", stroke: "transparent", points: { show: false } }, { label: "high", stroke: "transparent", points: { show: false } }, { label: "documents", scale: "n", points: { show: false }, stroke: "#889", fill: "rgba(130,130,150,.3)", paths: uPlot.paths.bars() }] },
    [times, ...["sentiment", "low", "high", "documents"].map(name => tones.rows.map(row => Number(row[name])))], drawn);
    return [...alerts.rows.slice(0, 5).map(alertCard), el("h2", {}, "Sentiment"), figure,
      el("details", {}, el("summary", {}, "As a table"), table("Sentiment", ["Start", "Sentiment", "Low", "High", "Documents"], tones.rows.map(row => [when(row.start), signed(row.sentiment), signed(row.low), signed(row.high), row.documents]))),
      sources(`${base}/sentiment?${moment}`, tones.sql),
      ...(topics.rows.length ? [el("h2", {}, "Topics"), table("Topics", ["Day", "Topic", "Documents"], topics.rows.map(row => [when(row.day), row.topic, row.documents])), sources(`${base}/topics?${moment}`, topics.sql)] : []),
      el("h2", {}, "Models"), table("Models", ["Version", "First document", "Documents"], models.rows.map(row => [row.model_version, when(row.first_at), row.documents])),
      el("h2", {}, "Documents"), el("ul", {}, ...documents.rows.map(row => documentItem(row, entity))),
      el("p", {}, el("a", { href: `#${Math.max(0, number - 1)}` }, "Newer"), " ", el("a", { href: `#${number + 1}` }, "Older")),
      sources(`${base}/documents?page=${number}&${moment}`, documents.sql)];
  },
  async alerts() {
    const found = await ask("/api/alerts");
    return [...(found.rows.length ? found.rows.map(alertCard) : [el("p", {}, "No alert yet.")]), el("h2", {}, "Silences"),
      table("Silences", ["About", "Kind", "Until", "By", "Why"], found.silences.map(row => [row.entity || "all", row.kind || "all", when(row.ends_at), row.by, row.note]))];
  },
  async label() {
    const rows = (await ask("/api/queue")).rows, done = [];
    const shown = el("div", { "aria-live": "polite" });
    const next = () => {
      const row = rows[0];
      shown.replaceChildren(...(row ? [el("p", {}, `${row.source}, `, when(row.published_at), `, about ${row.entities.join(", ") || "no watched company"}`), el("p", { class: "big" }, row.title || row.text), el("p", {}, row.title ? row.text : "")] : [el("p", {}, "Nothing is left to label.")]));
    };
    let busy = false;
    const give = label => guarded(async () => {
      if (!rows.length || busy) return;
      busy = true;
      try { await ask("/api/labels", { document_id: rows[0].document_id, label }); } finally { busy = false; }
      done.push(rows.shift());
      next();
    });
    const actions = { 1: give("negative"), 2: give("neutral"), 3: give("positive"), u: () => { if (done.length) { rows.unshift(done.pop()); next(); } } };
    document.onkeydown = event => { if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input") && actions[event.key]) actions[event.key](); };
    next();
    return [shown, el("p", {}, ...Object.entries({ 1: "Negative (1)", 2: "Neutral (2)", 3: "Positive (3)", u: "Back (u)" }).flatMap(([key, name]) => [el("button", { type: "button", click: () => actions[key]() }, name), " "])),
      el("p", {}, "Back shows the last document again: a second label replaces the first.")];
  },
  async search() {
    const given = new URLSearchParams(location.search), similar = given.get("similar"), words = given.get("q") ?? "", number = Number(given.get("page")) || 0;
    const form = el("form", { role: "search", action: "/search" }, el("label", {}, "Words ", el("input", { name: "q", value: words, type: "search" })), " ", el("button", {}, "Search"));
    if (!similar && !words) return [form];
    const url = similar ? `/api/similar?document=${encodeURIComponent(similar)}` : `/api/search?q=${encodeURIComponent(words)}&page=${number}`;
    const found = await ask(url);
    return [form, el("h2", {}, similar ? "Most similar" : "Newest first"), el("ul", {}, ...found.rows.map(row => documentItem(row, row.entities[0] ?? ""))),
      similar ? null : el("p", {}, el("a", { href: `/search?q=${encodeURIComponent(words)}&page=${number + 1}` }, "Older")), sources(url, found.sql)];
  },
  async health() {
    const found = await ask("/api/health");
    return [el("h2", {}, "Feeds"), table("Feeds", ["Topic", "Records", "Dead letters", "Last stored", "Newest published", "Last hour", "Median delay (s)"], found.feeds.map(row => [row.topic, row.records, row.dead_letters, when(row.stored_at), when(row.published_at), row.last_hour, row.delay_p50_s === null ? "" : Math.round(row.delay_p50_s)])),
      sources("/api/health", found.sql),
      el("h2", {}, "Workers"), table("Workers", ["Worker", "Model version"], Object.entries(found.workers)),
      el("h2", {}, "Training"), table("Training", ["Started", "Why", "State", "Labels", "Challenger", "Outcome"], found.runs.map(row => [when(row.started_at), row.cause, row.state, row.labels, row.challenger, row.detail]))];
  },
};

async function show() {
  if (!page) return;
  try {
    page.replaceChildren(...(await pages[page.dataset.page]()).filter(part => part));
    page.dataset.ready = "yes";
  } catch (error) {
    page.replaceChildren(el("p", { role: "alert" }, `This cannot be shown: ${error.message}`));
  }
}
addEventListener("hashchange", () => { if (page?.dataset.page === "entity") show(); });

let seen = "";
const live = document.getElementById("live");
const events = new EventSource("/api/events");
events.addEventListener("state", event => {
  const state = JSON.parse(event.data), age = Math.max(0, (new Date(state.now) - new Date(state.stored_at)) / 1000);
  const told = age < 120 ? `${Math.round(age)} s` : age < 7200 ? `${Math.round(age / 60)} min` : `${Math.round(age / 3600)} h`;
  live.className = state.live && age < 900 ? "" : "warning";
  live.textContent = !state.records ? "Nothing is stored yet." : `Last record stored ${told} ago.${state.live ? "" : ` The newest document is of ${format.format(new Date(state.published_at))}: shown as of then.`}`;
  const key = `${state.records} ${state.alerts} ${state.actions}`;
  // What a person has opened, or is typing or labelling, stays as it is.
  if (seen && seen !== key && ["market", "alerts", "health"].includes(page?.dataset.page) && !page.querySelector("details[open]") && !page.contains(document.activeElement)) show();
  seen = key;
});
events.addEventListener("away", () => { live.className = "warning"; live.textContent = "ClickHouse does not answer; what is shown may be old."; });
events.onerror = () => { live.className = "warning"; live.textContent = "Connection to the console lost; what is shown may be old."; };
show();
