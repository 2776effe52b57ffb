// Pages about several companies: a sector, those that a topic is about, and some side by side.
import { asOf, moment } from "/static/as_of.js";
import { linesChart, sentimentChart, topicsChart } from "/static/charts.js";
import { documentItem, pager } from "/static/documents.js";
import { ask, company, el, inColour, signed, sources, table, tile, tone, topicLink, when } from "/static/dom.js";

const parameters = new URLSearchParams(location.search);
const AT_ONCE = 6; // companies of a sector that one link compares

const numbers = rows => el("details", {}, el("summary", {}, "As a table"), table("Sentiment", ["Start", "Sentiment", "Low", "High", "Documents"], rows.map(row => [when(row.start), signed(row.sentiment), signed(row.low), signed(row.high), row.documents])));
const named = entities => entities.map(entity => `entity=${encodeURIComponent(entity)}`).join("&");
const event = row => el("span", { class: row.polarity ? tone(row.polarity) : "" }, row.type.replaceAll("_", " "));

export const groups = {
  async sector(page, again, early) {
    const base = `/api/sectors/${encodeURIComponent(page.dataset.entity)}`;
    const companies = await ask(`${base}/companies?${moment}`);
    const list = [el("h2", {}, "Companies, the most spoken of first"), el("ul", { class: "heat" }, companies.rows.map(row => tile(row, row.entity, `/entity/${encodeURIComponent(row.entity)}`))),
      companies.rows.length > 1 ? el("p", {}, el("a", { href: `/compare?${named(companies.rows.slice(0, AT_ONCE).map(row => row.entity))}` }, "Compare them")) : null, sources(`${base}/companies?${moment}`, companies.sql)];
    if (companies.rows.length) early(...list);
    const [tones, events] = await Promise.all(["sentiment", "events"].map(what => ask(`${base}/${what}?${moment}`)));
    if (!companies.rows.length && !tones.rows.length) return [el("p", { class: "quiet" }, "Nothing was said of a company of this sector in the last 7 days before ", when(companies.moment), ".")];
    return [...list,
      el("h2", {}, "Sentiment"), tones.rows.length ? sentimentChart(page.dataset.entity, tones.rows, [], [], tones.moment) : null, numbers(tones.rows), sources(`${base}/sentiment?${moment}`, tones.sql),
      el("h2", {}, "What happened in 7 days, the most severe first"), table("Events", ["When", "Company", "What", "State", "Severity", "Stories", "Source", "Text"], events.rows.map(row => [when(row.published_at), company(row), event(row), row.state, row.severity, row.stories, row.source, row.title || row.text])), sources(`${base}/events?${moment}`, events.sql)];
  },

  async topic(page) {
    const topic = page.dataset.entity, base = `/api/topics/${encodeURIComponent(topic)}`, number = Number(parameters.get("page")) || 0;
    const [companies, days, documents] = await Promise.all([...["companies", "days"].map(what => ask(`${base}/${what}?${moment}`)), ask(`${base}/documents?page=${number}&${moment}`)]);
    if (!days.rows.length && !documents.rows.length) return [el("p", { class: "quiet" }, "No document on this topic in the 7 days before ", when(days.moment), ".")];
    return [el("h2", {}, "Companies, 24 hours against 7 days"),
      table("Companies", ["Company", "Documents", "In the 7 days before", "Share of its documents", "Change of the share", "Sentiment"], companies.rows.map(row => [company(row), row.documents, row.documents_before, `${(100 * row.share).toFixed(0)} %`, `${row.change < 0 ? "\u2212" : "+"}${Math.abs(100 * row.change).toFixed(0)} points`, inColour(row.sentiment)])), sources(`${base}/companies?${moment}`, companies.sql),
      el("h2", {}, "Documents a day"), days.rows.length ? topicsChart(topic, days.rows, days.moment) : null,
      table("Documents a day", ["Day", "Documents", "Sentiment"], days.rows.map(row => [when(row.day), row.documents, inColour(row.sentiment)])), sources(`${base}/days?${moment}`, days.sql),
      el("h2", {}, "Documents"), el("ul", { class: "documents" }, documents.rows.map(row => documentItem(row, row.entities[0] ?? ""))), pager(number, documents.rows.length === 20, n => `/topic/${encodeURIComponent(topic)}?page=${n}`), sources(`${base}/documents?page=${number}&${moment}`, documents.sql)];
  },

  async compare() {
    const wanted = [...new Set(parameters.getAll("entity").flatMap(text => text.split(/[\s,;]+/)).filter(text => text))];
    const form = el("form", { action: "/compare" }, el("label", {}, "Tickers ", el("input", { name: "entity", value: wanted.join(", "), size: 40, placeholder: "AAPL, MSFT, NVDA" })), " ",
      asOf ? el("input", { type: "hidden", name: "as_of", value: asOf }) : null, el("button", {}, "Compare"));
    if (!wanted.length) return [form, el("p", { class: "quiet" }, "Up to 8 companies side by side: their week of sentiment, volume, topics and worst event.")];
    const asked = [named(wanted), moment].filter(part => part).join("&");
    const [compared, lines] = await Promise.all([ask(`/api/compared?${asked}`), ask(`/api/lines?${asked}`)]);
    const silent = wanted.filter(entity => !compared.rows.some(row => row.entity === entity));
    return [form, silent.length ? el("p", { class: "quiet" }, `Nothing was said of ${silent.join(", ")} in the last 4 days before `, when(compared.moment), ", or no such ticker is watched.") : null,
      lines.rows.length ? linesChart(lines.rows, lines.moment) : null, sources(`/api/lines?${asked}`, lines.sql),
      el("h2", {}, "Side by side"),
      table("Side by side", ["Company", "Sector", "Sentiment", "Change, 24 hours against 7 days", "Standard errors", "Negative", "Documents in 24 hours", "Usual", "Topics", "Worst event of the week"], compared.rows.map(row => [company(row), row.sector ? el("a", { href: `/sector/${encodeURIComponent(row.sector)}` }, row.sector) : "", inColour(row.sentiment), row.moved ? inColour(row.change) : "too few", row.moved ? row.z.toFixed(1) : "", `${(100 * row.negative_share).toFixed(0)} %`, row.documents, row.usual.toFixed(1), row.topics.map(topic => [topicLink(topic), " "]), row.worst.replaceAll("_", " ")])),
      sources(`/api/compared?${asked}`, compared.sql)];
  },
};
