// What each page shows; a page is a function that gives its nodes.
import { alertCard, drawLines, incidentCards } from "/static/alerts.js";
import { asOf, moment } from "/static/as_of.js";
import { priceChart, sentimentChart, topicsChart, volumeChart } from "/static/charts.js";
import { ask, company, duration, el, guarded, inColour, many, ownPage, plurals, say, signed, sources, table, tile, tone, when } from "/static/dom.js";
import { colour, documentItem, pager, remember } from "/static/documents.js";
import { groups } from "/static/groups.js";
import { typing } from "/static/keys.js";
import { search } from "/static/search.js";
import { treeMap } from "/static/tree_map.js";

const parameters = new URLSearchParams(location.search);
const SHOWN = 8; // incidents on the page of the market
const byName = (rows, key) => {
  const groups = new Map();
  for (const row of rows) groups.set(row[key], [...(groups.get(row[key]) ?? []), row]);
  return groups;
};

// A type of entities, as one of them is called.
const words = type => type[0].toUpperCase() + type.slice(1).replace("_", " ");
function typeChoice(types, chosen, act) {
  const choice = el("select", {}, types.map(type => el("option", { value: type, selected: type === chosen }, words(type))));
  choice.addEventListener("change", () => act(choice.value));
  return choice;
}

// To find names on no list takes some seconds, so the page does not wait for them.
let unknown = null;
function unknownCompanies() {
  const shown = el("div");
  const link = row => el("a", { href: `/search?q=${encodeURIComponent(row.name)}${asOf ? `&${moment}` : ""}` }, row.name);
  const fill = () => shown.replaceChildren(unknown ? table("Unknown companies this week", ["Name", "Stories", "Sources", "For example"], unknown.map(row => [link(row), row.stories, row.sources, row.example]))
    : el("p", { class: "quiet" }, "Looking for them, some seconds ..."));
  fill();
  ask(`/api/unknown?${moment}`).then(found => { unknown = found.rows; fill(); }, error => shown.replaceChildren(el("p", { class: "quiet" }, `Not known: ${error.message}`)));
  return [el("h2", {}, "Unknown companies this week"), el("p", { class: "quiet" }, "Names on no list that stand beside \"shares\", \"CEO\" and the like in three English stories or more of 7 days. Some are people or places: look before you add one to the watch list."), shown];
}

let opened = false; // whether the company of this page was remembered

function openedAlert() {
  const parts = location.pathname.split("/");
  return parts[1] === "alerts" && parts[2] ? decodeURIComponent(parts[2]) : "";
}

// So many companies of a sector are shown on the market's page: those with the most documents. A browser needs seconds for
// ten thousand, and a person longer.
const TILES = 60;
const busiest = rows => {
  const shown = new Set([...rows].sort((a, b) => b.documents - a.documents).slice(0, TILES));
  return rows.filter(row => shown.has(row));
};

export const pages = {
  ...groups,
  search,

  async market(page, again, early) {
    const moved = page.dataset.moved ?? "company";
    // A browser asks for six things at a time. Four of these are made of the same indices, and are to come together.
    const [emerging, alerts] = await Promise.all([ask(`/api/emerging?${moment}`), ask(`/api/alerts?limit=100&${moment}`)]);
    const end = new Date(emerging.moment);
    const recent = alerts.rows.filter(row => new Date(row.fired_at) <= end && end - new Date(row.fired_at) < 7 * 864e5 && !["inactive", "pending"].includes(row.state));
    const named = [...new Set(recent.map(row => row.entity))].filter(entity => entity !== "*").slice(0, 40);
    const incidents = incidentCards(recent, again, { most: SHOWN, brief: true, sort: true });
    const happened = [el("h2", {}, "What happened in the last 7 days, the worst first"), ...(incidents.length ? incidents : [el("p", { class: "quiet" }, "Nothing: no alert fired.")]),
      new Set(recent.map(row => row.incident)).size > SHOWN ? el("p", {}, el("a", { href: "/alerts" }, "All alerts")) : null];
    early(el("p", {}, "Shown as of ", when(emerging.moment), "."), ...happened);
    const drawn = `/api/lines?${[moment, ...named.map(entity => `entity=${encodeURIComponent(entity)}`)].filter(part => part).join("&")}`;
    const [market, sectors, others, exposure, movers, found] = await Promise.all([...["market", "sectors", "others", "exposure", "movers"].map(name => ask(`/api/${name}?${name === "movers" ? `entity_type=${moved}&` : ""}${moment}`)), named.length ? ask(drawn) : { rows: [] }]);
    drawLines(incidents, new Map(found.rows.map(row => [row.entity, row])));
    const whole = sectors.rows.find(row => row.scope === "market");
    return [el("p", {}, "Shown as of ", when(market.moment), ".", whole ? [" The whole market: ", el("strong", { class: tone(whole.sentiment) }, signed(whole.sentiment)), `, ${many(whole.documents, "document")} in 24 hours.`] : ""),
      ...happened,
      el("h2", {}, "Sectors"), el("ul", { class: "heat sectors" }, sectors.rows.filter(row => row.scope === "sector").map(row => tile(row, row.name, `/sector/${encodeURIComponent(row.name)}`))), sources(`/api/sectors?${moment}`, sectors.sql),
      ...(exposure.rows.length ? [el("h2", {}, "What the desks hold, by size"), treeMap(exposure.rows), sources(`/api/exposure?${moment}`, exposure.sql)] : []),
      el("h2", {}, "Companies"),
      ...[...byName(market.rows, "sector")].flatMap(([sector, rows]) => [el("h3", {}, sector), el("ul", { class: "heat" }, busiest(rows).map(row => tile(row, row.entity, `/entity/${encodeURIComponent(row.entity)}`))),
        rows.length > TILES ? el("p", {}, el("a", { href: `/sector/${encodeURIComponent(sector)}` }, `${rows.length - TILES} more, with fewer documents`)) : null]),
      sources(`/api/market?${moment}`, market.sql),
      ...[...byName(others.rows, "entity_type")].flatMap(([type, rows]) => [el("h2", {}, plurals[type]), el("ul", { class: "heat" }, rows.map(row => tile(row, row.name || row.entity, `/entity/${encodeURIComponent(row.entity)}`)))]),
      others.rows.length ? sources(`/api/others?${moment}`, others.sql) : null,
      el("h2", {}, "Movers, 24 hours against 7 days"), others.rows.length ? el("p", {}, el("label", {}, "Of ", typeChoice(["company", ...new Set(others.rows.map(row => row.entity_type))], moved, type => { page.dataset.moved = type; again(); }))) : null,
      table("Movers", [words(moved), "Before", "After", "Change", "Documents", "Standard errors"], movers.rows.map(row => [company(row), signed(row.before), signed(row.after), inColour(row.change), row.documents, row.z.toFixed(1)])),
      sources(`/api/movers?entity_type=${moved}&${moment}`, movers.sql),
      ...(asOf ? [el("h2", {}, "Emerging: what no known topic fits"), el("p", { class: "quiet" }, "Not known as of a moment: only what the latest search found is kept.")] : emerging.rows.length ? [el("h2", {}, "Emerging: what no known topic fits"), table("Emerging topics", ["Named by its terms", "Documents", "Last day", "Usual", "About", "Typical"], emerging.rows.map(row => [row.name, row.documents, row.recent, row.usual.toFixed(1), row.entities.slice(0, 5).join(", "), row.typical.slice(0, 2).join(" \u00b7 ")])), sources(`/api/emerging?${moment}`, emerging.sql)] : []),
      ...unknownCompanies()];
  },

  async "for-you"(page, again) {
    const desk = localStorage.getItem("desk") ?? "";
    const found = await ask(`/api/for-you?desk=${encodeURIComponent(desk)}&${moment}`);
    if (desk && !found.desks.includes(desk)) { // the watch list has another one by now
      localStorage.removeItem("desk");
      return pages["for-you"](page, again);
    }
    const choose = el("select", {}, ["", ...found.desks].map(name => el("option", { value: name, selected: name === desk }, name || "all desks")));
    choose.addEventListener("change", () => { localStorage.setItem("desk", choose.value); again(); });
    const reasons = row => el("ul", { class: "reasons", "aria-label": "Why it stands here" }, row.reasons.map(one => el("li", {}, `${one.text} `, el("strong", {}, signed(one.points)))), el("li", {}, "its age: times ", el("strong", {}, row.freshness.toFixed(2))));
    const items = found.rows.map(row => documentItem(row, row.entity, " ", company(row), /^https?:\/\//i.test(row.url) ? [" ", el("a", { href: row.url, rel: "noopener noreferrer", "aria-label": `Source of: ${row.title || row.text}`, click: () => remember(row.document_id, row.entity) }, "Source")] : null, reasons(row)));
    return [el("p", {}, el("label", {}, "Desk ", choose)),
      el("p", { class: "quiet" }, "The last 3 days before ", when(found.moment), ", by the desk's watch list and positions, severity, novelty, and what you opened, acknowledged and labelled in 90 days ", `(${many(found.acts, "time")}).`, " Points add up and are halved every 12 hours. Nobody else sees what you opened."),
      items.length ? el("ul", { class: "documents" }, items) : el("p", { class: "quiet" }, "Nothing was said of a company."),
      el("details", { class: "sources" }, el("summary", {}, "SQL"), el("pre", { tabindex: 0 }, found.sql))];
  },

  async entity(page, again, early) {
    const entity = page.dataset.entity, base = `/api/entities/${encodeURIComponent(entity)}`, number = Number(location.hash.slice(1)) || 0;
    if (!opened) remember("", entity); // once, and not with each page of the list
    opened = true;
    const [now, documents, alerts] = await Promise.all([ask(`${base}/now?${moment}`), ask(`${base}/documents?page=${number}&${moment}`), ask(`/api/alerts?entity=${encodeURIComponent(entity)}&${moment}`)]);
    const all = now.rows.find(row => row.kind === "all");
    const told = alerts.rows.filter(row => !["inactive", "pending"].includes(row.state));
    if (all?.name) document.querySelector("h1").textContent = `${all.name} (${entity})`;
    const items = documents.rows.map(row => documentItem(row, entity));
    const summary = row => [row.kind === "all" ? "all" : `${row.kind === "comment" ? "comments" : row.kind}`, " ", el("strong", { class: tone(row.sentiment) }, signed(row.sentiment)), `, ${many(row.documents, "document")} in 24 hours (${row.buzz.toFixed(1)}\u00d7 usual)`];
    const head = [all ? el("p", {}, all.entity_type === "company" ? "" : `${words(all.entity_type)}, desk ${all.desk}. `, all.leads ? ["Leads ", el("a", { href: `/entity/${encodeURIComponent(all.leads)}` }, all.leads), ". "] : "", all.led_by.map(([ticker, name]) => ["Led by ", el("a", { href: `/entity/${encodeURIComponent(ticker)}` }, name), ". "]), all.sector ? ["Sector ", el("a", { href: `/sector/${encodeURIComponent(all.sector)}` }, all.sector), `, desk ${all.desk}. `] : "", "As of ", when(now.moment), ": ", now.rows.map((row, i) => [i ? "; " : "", summary(row)]), ".") : el("p", {}, "Nothing was said in the last 4 days before ", when(now.moment), "."),
      ...incidentCards(told, again, { most: 5 })];
    const list = [el("h2", {}, "Documents"), items.length ? el("ul", { class: "documents" }, items) : el("p", { class: "quiet" }, "No document."), pager(number, documents.rows.length === 20, n => `#${n}`),
      sources(`${base}/documents?page=${number}&${moment}`, documents.sql)];
    early(...head, ...list);
    const [tones, volume, topics, models, events, prices] = await Promise.all(["sentiment", "volume", "topics", "models", "events", "prices"].map(name => ask(`${base}/${name}?${moment}`)));
    const marks = [...told.map(row => [row.fired_at, "#d33"]), ...models.rows.slice(1).map(row => [row.first_at, "#39f"])];
    void colour(documents.rows, items, entity);
    return [...head,
      el("h2", {}, "Sentiment"), ...(tones.rows.length ? [sentimentChart(entity, tones.rows, marks, events.rows, tones.moment),
        el("details", {}, el("summary", {}, "As a table"), table("Sentiment", ["Start", "Sentiment", "Low", "High", "Documents"], tones.rows.map(row => [when(row.start), signed(row.sentiment), signed(row.low), signed(row.high), row.documents])))] : [el("p", { class: "quiet" }, "Nothing was said in this week.")]),
      sources(`${base}/sentiment?${moment}`, tones.sql),
      ...(events.rows.length ? [el("h2", {}, "Events"), table("Events", ["When", "What", "State", "Severity", "News", "Stories", "Source", "Text"], events.rows.map(row => [when(row.published_at), el("span", { class: row.polarity ? tone(row.polarity) : "" }, row.type.replaceAll("_", " ")), row.state, row.severity, row.novelty, row.stories, row.source, row.title || row.text])), sources(`${base}/events?${moment}`, events.sql)] : []),
      el("h2", {}, "Volume"), volume.rows.length ? volumeChart(entity, volume.rows, marks, volume.moment) : el("p", { class: "quiet" }, "Nothing was said in this week."), sources(`${base}/volume?${moment}`, volume.sql),
      ...(prices.rows.length ? [el("h2", {}, "Price"), priceChart(entity, prices.rows, told.map(row => [row.fired_at, "#d33"]), prices.moment), el("details", {}, el("summary", {}, "As a table"), table("Prices", ["Day", "Close", "Sentiment", "Stories"], prices.rows.map(row => [row.date, row.close, row.sentiment === null ? "" : signed(row.sentiment), row.documents]))), told.length ? el("p", { class: "quiet" }, "How the share moved beyond the market around its alerts, with intervals: ", el("code", {}, `finsent prices study --entity ${entity}`)) : null, sources(`${base}/prices?${moment}`, prices.sql)] : []),
      ...(topics.rows.length ? [el("h2", {}, "Topics"), topicsChart(entity, topics.rows, topics.moment), el("details", {}, el("summary", {}, "As a table"), table("Topics", ["Day", "Topic", "Documents"], topics.rows.map(row => [when(row.day), row.topic, row.documents]))), sources(`${base}/topics?${moment}`, topics.sql)] : []),
      ...list,
      el("h2", {}, "Models"), table("Models", ["Version", "First document", "Documents"], models.rows.map(row => [row.model_version, when(row.first_at), row.documents])), sources(`${base}/models?${moment}`, models.sql)];
  },

  async alerts(page, again) {
    const one = openedAlert(), number = Number(parameters.get("page")) || 0;
    const found = await ask(one ? `/api/alerts?id=${encodeURIComponent(one)}&${moment}` : `/api/alerts?page=${number}&${moment}`);
    const [opened, ...parts] = one ? found.rows : [];
    if (opened) {
      const others = incidentCards(parts, again);
      return [alertCard(opened, again), ...(others.length ? [el("h2", {}, "Other parts of the incident"), ...others] : []), el("p", {}, el("a", { href: "/alerts" }, "All alerts"))];
    }
    return [...(found.rows.length ? incidentCards(found.rows, again) : [el("p", { class: "quiet" }, one ? "There is no such alert." : asOf ? "No alert until then." : "No alert yet.")]),
      one ? el("p", {}, el("a", { href: "/alerts" }, "All alerts")) : pager(number, found.rows.length === 20, n => `/alerts?page=${n}`),
      el("h2", {}, "Silences"), table("Silences", ["About", "Kind", "Until", "By", "Why"], found.silences.map(row => [row.entity || "all", row.kind || "all", when(row.ends_at), row.by, row.note]))];
  },

  async label(page) {
    const rows = (await ask(`/api/queue?${moment}`)).rows, done = [], shown = el("div", { "aria-live": "polite" });
    const WAIT_MS = 4000; // until then a label can be taken back, and nothing has been sent
    let held = null, count = 0;
    const next = () => {
      const row = rows[0];
      shown.replaceChildren(...(row ? [el("p", { class: "quiet" }, `${row.source}, `, when(row.published_at), `, about ${row.entities.join(", ") || "no watched company"}`), el("p", { class: "big" }, row.title || row.text), el("p", {}, row.title ? row.text : "")] : [el("p", {}, asOf ? "Nothing that was published until then is left to label." : "Nothing is left to label.")]));
    };
    const send = async (keepalive = false) => {
      if (!held) return;
      const { row, label, timer } = held;
      held = null;
      clearTimeout(timer);
      try {
        await ask("/api/labels", { document_id: row.document_id, label }, keepalive);
        say(`Label ${++count} is stored: ${label}.`);
      } catch (error) {
        rows.unshift(done.splice(done.indexOf(row), 1)[0]);
        next();
        say(`Failed, the document is back: ${error.message}`, true);
      }
    };
    const give = label => () => {
      if (!rows.length) return;
      void send();
      const row = rows.shift();
      done.push(row);
      held = { row, label, timer: setTimeout(send, WAIT_MS) };
      say(`${label}; u takes it back.`);
      next();
    };
    const undo = () => {
      if (!done.length) return;
      const sent = !held;
      if (held) { clearTimeout(held.timer); held = null; }
      rows.unshift(done.pop());
      say(sent ? "That label is stored already; another one will replace it." : "Taken back.");
      next();
    };
    const actions = { 1: give("negative"), 2: give("neutral"), 3: give("positive"), u: undo };
    document.onkeydown = event => { if (!typing(event) && actions[event.key]) actions[event.key](); };
    addEventListener("pagehide", () => { void send(true); });
    next();
    return [shown, el("p", {}, Object.entries({ 1: "Negative (1)", 2: "Neutral (2)", 3: "Positive (3)", u: "Undo (u)" }).map(([key, name]) => [el("button", { type: "button", click: () => actions[key]() }, name), " "])),
      el("p", { class: "quiet" }, "The least certain documents come first. A label is sent after 4 seconds, or with the next one.")];
  },

  async health() {
    const found = await ask(`/api/health?${moment}`);
    const champions = [...new Set(Object.values(found.workers))].filter(version => version);
    const waiting = topic => (found.backlog_unknown ? "unknown" : found.backlog[topic] ?? "");
    return [...found.problems.map(one => el("p", { class: "warning", role: "alert" }, "Since ", when(one.since), `: ${one.text}`)),
      el("h2", {}, "Feeds"), table("Feeds", ["Topic", "Records", ...(asOf ? [] : ["Waiting in Kafka"]), "Dead letters", "Last stored", "Newest published", "Last hour", "Median delay"], found.feeds.map(row => [row.topic, row.records, ...(asOf ? [] : [waiting(row.topic)]), row.dead_letters, when(row.stored_at), when(row.published_at), row.last_hour, row.delay_p50_s === null ? "" : duration(row.delay_p50_s)])),
      found.backlog_unknown ? el("p", { class: "warning" }, `Kafka does not answer: ${found.backlog_unknown}`) : null,
      sources(`/api/health?${moment}`, found.sql),
      ...(asOf ? [el("h2", {}, "Not known as of a moment"), el("p", { class: "quiet" }, "What waited in Kafka, how public sources answered, which workers ran, and whether ClickHouse took rows. Ends of workers are kept for 30 days, lost rows and the shadow for 90, drift for 180.")] : []),
      ...(found.sources.length ? [el("h2", {}, "Public sources"), table("Public sources", ["Feed", "Last item", "Last read", "Next", "Sent", "Errors today", "Latest problem"], found.sources.map(row => [row.feed, row.last_item_at ? when(row.last_item_at) : "", when(row.polled_at), row.next_poll_at ? when(row.next_poll_at) : "", row.sent, row.errors, row.error]))] : []),
      ...(asOf ? [] : [el("h2", {}, "Workers"), table("Workers", ["Worker", "Model version"], Object.entries(found.workers))]),
      el("h2", {}, "Model"), el("p", {}, champions.length ? `Scoring now: ${champions.join(", ")}.` : asOf && found.scored_by ? `The newest document of then was scored by ${found.scored_by}.` : found.scored_by ? `No worker scores now; the newest document was scored by ${found.scored_by}.` : "Nothing has been scored yet."), table("Model events", ["When", "What", "Version", "Before", "Worker", "Pause (ms)", "Detail"], found.events.map(row => [when(row.at), row.event, row.version, row.previous, row.worker, row.pause_s ? (1000 * row.pause_s).toFixed(2) : "", row.detail])),
      el("h2", {}, "Drift"), table("Drift", ["Looked", "What", "Source", "Measure", "Before", "Now", "Effect (sd)", "Alarm"], found.drift.map(row => [when(row.at), row.kind, row.source || "all", row.measure, row.reference_mean.toFixed(3), row.current_mean.toFixed(3), row.effect.toFixed(2), row.drifts ? el("span", { class: "badge warning" }, "drifts") : ""])),
      ...(found.shadow.length ? [el("h2", {}, "In the shadow"), table("In the shadow", ["Challenger", "Champion", "Documents", "Agreement", "Mean difference", "Time", "Latest"], found.shadow.map(row => [row.challenger, row.champion, row.documents, `${(100 * row.agreement).toFixed(1)} %`, row.difference.toFixed(3), row.slower === null ? "" : `${row.slower.toFixed(2)}\u00d7`, when(row.latest)]))] : []),
      el("h2", {}, "Training"), table("Training", ["Started", "Why", "State", "Labels", "Challenger", "Outcome"], found.runs.map(row => [when(row.started_at), row.cause, row.state, row.labels, row.challenger, row.detail]))];
  },

  // A company, sector, topic or alert that there is not.
  async unknown(page) {
    const { entity: name, what } = page.dataset, to = (href, text) => el("a", { href }, text);
    const told = {
      entity: [`No company or other entity with the ticker "${name}" is watched, and no document names one. `, to(`/search?q=${encodeURIComponent(name)}`, `Search for "${name}"`), " or see ", to("/", "all companies"), "."],
      sector: [`No watched company is of the sector "${name}". `, to("/", "All sectors"), "."],
      topic: [`There is no topic "${name}". `, to("/search", "The search"), " lists the topics."],
      alerts: ["There is no such alert. ", to("/alerts", "All alerts"), "."],
    };
    return [el("p", { role: "alert" }, told[what])];
  },

  async audit() {
    const found = await ask("/api/audit");
    return [table("Audit log", ["When", "Who", "What", "Of what", "Detail", "Through", "From"], found.rows.map(row => [when(row.at), row.user, row.action, row.subject, row.detail, row.via, row.address]))];
  },

  async signin(page) {
    const { passwords, provider, told: reason } = page.dataset, next = parameters.get("next") ?? "/";
    const told = el("p", { role: "alert" }, reason);
    const submit = async event => {
      event.preventDefault();
      const given = new FormData(event.target);
      try {
        await ask("/api/sign-in", { name: given.get("name"), password: given.get("password") });
        location.assign(ownPage(next));
      } catch (error) { told.textContent = error.message; }
    };
    return [provider ? el("p", {}, el("a", { class: "button", href: `/sign-in/oidc?next=${encodeURIComponent(next)}` }, `Sign in at ${provider}`)) : null,
      passwords ? el("form", { submit }, el("p", {}, el("label", {}, "Name ", el("input", { name: "name", autocomplete: "username", required: true }))),
        el("p", {}, el("label", {}, "Password ", el("input", { name: "password", type: "password", autocomplete: "current-password", required: true }))), el("button", {}, "Sign in")) : null, told];
  },
};

export const LIVE = ["market", "alerts", "health"];
