// An alert as a person reads it: what turned, since when, why, and what to do next.
import { asOf, moment } from "/static/as_of.js";
import { ask, company, el, format, guarded, held, many, marked, signed, sparkline, tone, when } from "/static/dom.js";

const span = pair => (pair ? ` (95 %: ${signed(pair[0])} to ${signed(pair[1])})` : "");
const page = row => `/alerts/${encodeURIComponent(row.id)}${asOf ? `?${moment}` : ""}`;
const percent = x => `${Math.round(100 * x)} %`;

// What an event is, with its state where it has not happened: "rumoured: bankruptcy".
function happened(row) {
  const state = row.evidence.event?.state ?? "happened";
  return `${state === "happened" ? "" : `${state}: `}${row.topic.replaceAll("_", " ")}`;
}

function headline(row) {
  const name = row.entity === "*" ? "The whole market" : company(row);
  switch (row.kind) {
    case "sentiment_shift": return [name, ` turned ${row.direction}`];
    case "topic_shift": return [name, `: talk of ${row.topic.replaceAll("_", " ")} went ${row.direction}`];
    case "buzz": return [name, ": far more talk than usual, without a change of tone"];
    case "event": return [name, `: ${happened(row)}`];
    case "feed_stale": return [`The feed ${row.entity.replace("feed:", "")} is silent`];
    default: return [name, `: ${row.kind.replaceAll("_", " ")}`];
  }
}

// The same in some words, without the company: a part of an incident.
function summary(row) {
  switch (row.kind) {
    case "sentiment_shift": return `sentiment turned ${row.direction}`;
    case "topic_shift": return `more talk of ${row.topic.replaceAll("_", " ")}`;
    case "buzz": return "far more talk than usual";
    case "event": return happened(row);
    default: return row.kind.replaceAll("_", " ");
  }
}

function change(row) {
  const evidence = row.evidence;
  if (row.kind === "sentiment_shift") {
    return el("p", { class: "change" }, "Sentiment ", el("strong", { class: tone(row.before_mean) }, signed(row.before_mean)), span(evidence.before_interval),
      " \u2192 ", el("strong", { class: tone(row.after_mean) }, signed(row.after_mean)), span(evidence.after_interval), `, on ${many(row.after_documents, "document")} after ${row.before_documents} before.`);
  }
  if (row.kind === "topic_shift") return el("p", { class: "change" }, `Share of the documents: ${percent(row.before_mean)} \u2192 ${percent(row.after_mean)}, on ${many(row.after_documents, "document")}.`);
  if (row.kind === "event") {
    const event = evidence.event ?? {}, sources = event.sources ?? [];
    const stories = event.stories === 1 ? "1 story" : `${event.stories} independent stories`;
    return el("p", { class: "change" }, `${event.group}, severity ${event.severity} of 5; the company is the ${event.role}; ${stories}, from ${sources.slice(0, 4).join(", ")}${sources.length > 4 ? ` and ${sources.length - 4} more` : ""}.`);
  }
  if (row.kind === "buzz") return el("p", { class: "change" }, `Documents a day: ${row.before_mean.toFixed(1)} \u2192 ${row.after_mean.toFixed(1)}.`);
  return null;
}

function next(row, known) {
  if (row.state === "resolved") return row.kind === "event" ? "It is over: denied, averted, or no longer news." : "It is over: the tone is back, or nothing more came.";
  if (known) return `Acknowledged by ${known}.`;
  if (row.kind === "feed_stale") return "Next: see the health page, and ask who runs the feed.";
  if (row.kind === "buzz") return "Next: read what is said; there is no change of tone to act on yet.";
  return "Next: read the documents below, check your exposure, then acknowledge.";
}

function document_(document, direction) {
  return el("li", {}, el("span", { class: "source" }, document.source), " ", document.published_at ? when(document.published_at) : "", " ",
    el("strong", { class: tone(document.sentiment) }, signed(document.sentiment)), " ",
    marked(document.title || document.text, (document.words ?? []).map(word => (typeof word === "string" ? word : word[0])), direction));
}

const SEVERITIES = ["critical", "warning", "notice"];
const BADNESS = row => SEVERITIES.indexOf(row.severity);

// The alerts of each incident, the oldest first.
export function incidentsOf(rows) {
  const incidents = new Map();
  for (const row of rows) incidents.set(row.incident, [...(incidents.get(row.incident) ?? []), row]);
  return [...incidents.values()].map(parts => [...parts].sort((a, b) => new Date(a.fired_at) - new Date(b.fired_at)));
}

// What needs somebody first: firing before over, the severest, the largest position, the newest.
export function worstFirst(incidents) {
  const key = parts => [Number(!parts.some(row => row.state === "firing")), Math.min(...parts.map(BADNESS)),
    -Math.max(0, ...(parts[0].exposure ?? []).map(one => Math.abs(one.exposure))), -Math.max(...parts.map(row => new Date(row.fired_at)))];
  return incidents.map(parts => [key(parts), parts]).sort(([a], [b]) => a.map((x, i) => x - b[i]).find(x => x) ?? 0).map(([, parts]) => parts);
}

// The alert that says most of an incident: the severest, and of equal ones an event, since it says what happened.
const leading = parts => [...parts].sort((a, b) => BADNESS(a) - BADNESS(b) || Number(b.kind === "event") - Number(a.kind === "event"))[0];

const sourcesOf = parts => new Set(parts.flatMap(row => row.evidence.event?.sources ?? (row.evidence.documents ?? []).map(document => document.source)));

// One incident in a few lines: what, how bad, since when, by how many sources, which words decided, and what is at stake.
function incidentHead(parts) {
  const lead = leading(parts), firing = parts.filter(row => row.state === "firing").length, sources = sourcesOf(parts).size;
  const words = [...new Set(parts.flatMap(row => (row.evidence.documents ?? []).flatMap(document => document.words ?? [])))].slice(0, 6);
  const began = parts.map(row => row.began_at).sort()[0], exposure = held(lead.exposure ?? []);
  return [el("p", { class: "big" }, headline(lead), " ", el("span", { class: `badge ${lead.severity}` }, lead.severity), " ", el("span", { class: "badge" }, firing ? "firing" : "over"), " ", el("span", { "data-line": lead.entity, "data-name": lead.name })),
    el("p", {}, "Since ", when(began), sources ? `; ${many(sources, "source")}` : "", words.length ? ["; deciding words: ", words.map((word, i) => [i ? ", " : "", el("mark", { class: lead.direction === "positive" ? "p2" : "n2" }, word)])] : "", "."),
    exposure ? el("p", {}, el("strong", {}, "Exposure: "), `${exposure}.`) : null,
    parts.length > 1 ? el("ol", { class: "parts" }, parts.map(row => el("li", {}, when(row.fired_at), ": ", el("a", { href: page(row) }, summary(row)), ` (${row.severity}, ${row.state})`))) : null];
}

// Draws the week's sentiment of companies, by company, beside the incidents about them.
export function drawLines(incidents, lines) {
  for (const place of incidents.flatMap(incident => [...incident.querySelectorAll("[data-line]")])) {
    const line = lines.get(place.dataset.line);
    if (line && line.times.length > 1) place.replaceChildren(sparkline(line, place.dataset.name));
  }
}

// The incidents of a list of alerts, each with its cards. With `brief`, the cards are folded up.
export function incidentCards(rows, again, { most = Infinity, brief = false, sort = false } = {}) {
  const incidents = sort ? worstFirst(incidentsOf(rows)) : incidentsOf(rows);
  return incidents.slice(0, most).map(parts => {
    const cards = parts.map(row => alertCard(row, again));
    if (!brief && parts.length === 1) return cards[0];
    return el("section", { class: "incident", "data-open": page(leading(parts)), "aria-label": `Incident at ${parts[0].name} since ${format(parts[0].fired_at)}: ${summary(leading(parts))}` }, incidentHead(parts),
      brief ? el("details", {}, el("summary", {}, parts.length === 1 ? "The alert, with its documents" : `The ${parts.length} alerts, with their documents`), cards) : cards);
  });
}

export function alertCard(row, again) {
  const known = row.acknowledged_by, evidence = row.evidence;
  const acknowledge = guarded(async () => { await ask(`/api/alerts/${encodeURIComponent(row.id)}/acknowledge`, { undo: Boolean(known) }); await again(); });
  const silence = guarded(async () => { await ask("/api/silences", { entity: row.entity, minutes: 120 }); await again(); });
  const waited = evidence.price_of_waiting;
  const documents = evidence.documents ?? [];
  const rising = evidence.topics ?? [];
  return el("article", { class: `card ${row.direction}`, "data-open": page(row), "aria-label": `Alert about ${row.name}` },
    el("p", { class: "big" }, headline(row), " ", el("span", { class: `badge ${row.severity}` }, row.severity), " ", el("span", { class: "badge" }, row.state)),
    change(row),
    row.exposure?.length ? el("p", {}, el("strong", {}, "Exposure: "), `${held(row.exposure)}.`) : null,
    row.escalated_at ? el("p", {}, `${row.severity[0].toUpperCase()}${row.severity.slice(1)} since `, when(row.escalated_at), ".") : null,
    el("p", {}, "Began ", when(row.began_at), "; told ", when(row.fired_at), waited ? `, ${many(waited.documents, "document")} and ${many(waited.hours, "hour")} later` : "", row.model_version ? `; model ${row.model_version}` : "", "."),
    documents.length ? el("p", { class: "label" }, row.kind === "event" ? "The first of the stories that tell of it, the deciding words marked" : "Why: the documents that moved it most, the deciding words marked") : null,
    documents.length ? el("ol", {}, documents.slice(0, 5).map(document => document_(document, row.direction))) : null,
    rising.length ? el("p", {}, "Topics that rose: ", rising.map(topic => (typeof topic === "string" ? topic : `${topic.topic ?? topic.name}`)).join(", ")) : null,
    el("p", { class: "next" }, asOf && !known ? null : [next(row, known), " "],
      asOf ? null : [el("button", { type: "button", click: acknowledge, "data-acknowledge": !known }, known ? "Reopen" : "Acknowledge"), " ",
        el("button", { type: "button", click: silence }, "Silence 2 hours"), " "],
      el("a", { href: page(row) }, "Link to this alert")),
    el("details", {}, el("summary", {}, "SQL and all evidence"), evidence.query ? el("pre", { tabindex: 0 }, evidence.query) : null,
      el("pre", { tabindex: 0 }, JSON.stringify(evidence, null, 1))));
}
