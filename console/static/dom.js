// Building blocks of the pages. All that comes from the feed is set as text, never as HTML.

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const token = document.querySelector("meta[name=csrf-token]").content;
const live = document.getElementById("live");

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "click" || name === "submit") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

export const signed = x => (x >= 0 ? "+" : "\u2212") + Math.abs(x).toFixed(2);
export const tone = x => (x >= 0 ? "positive-text" : "negative-text");
const long = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const inColour = x => el("span", { class: tone(x) }, signed(x));
// Entities that are no companies, by their type.
export const plurals = { currency: "Currencies", commodity: "Commodities", index: "Indices", country: "Countries", central_bank: "Central banks", person: "People" };
export const topicLink = topic => el("a", { class: "badge", href: `/topic/${encodeURIComponent(topic)}` }, topic);
export const format = time => long.format(new Date(time));
export const duration = seconds => (seconds < 120 ? `${Math.round(seconds)} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min`
  : seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400).toLocaleString()} days`);
export const many = (count, what) => `${count.toLocaleString()} ${what}${count === 1 ? "" : "s"}`;
export const when = text => el("time", { datetime: text, title: `${text} (${zone}: ${format(text)})` }, format(text));
export const company = row => el("a", { href: `/entity/${encodeURIComponent(row.entity)}` }, row.name && row.name !== row.entity ? `${row.name} (${row.entity})` : row.entity);

// The address, or the first page where it would lead to another site: browsers drop tabs and read "\\" as "/", so only
// the parsed address can tell.
export function ownPage(address) {
  try {
    const parsed = new URL(address, location.origin);
    return parsed.origin === location.origin ? parsed.href : "/";
  } catch { return "/"; }
}

// `keepalive`: the request outlives the page.
export async function ask(url, body, keepalive = false) {
  const options = body ? { method: "POST", keepalive, body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-CSRF-Token": token } } : {};
  const answer = await fetch(url, options);
  if (answer.status === 401 && !location.pathname.startsWith("/sign-in")) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  const found = await answer.json();
  if (!answer.ok) throw new Error(typeof found.detail === "string" ? found.detail : JSON.stringify(found.detail));
  return found;
}

export function say(text, bad = false) {
  live.className = bad ? "warning" : "";
  live.textContent = text;
}

export const guarded = work => async (...given) => {
  try { return await work(...given); } catch (error) { say(`Failed: ${error.message}`, true); }
};

export const sources = (url, sql) => el("details", { class: "sources" }, el("summary", {}, "SQL and CSV"),
  el("a", { href: `${url}${url.includes("?") ? "&" : "?"}format=csv` }, "Download CSV"), el("pre", { tabindex: 0 }, sql));

export function table(label, names, rows) {
  if (!rows.length) return el("p", { class: "quiet" }, `${label}: none yet.`);
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, el("table", {},
    el("thead", {}, el("tr", {}, names.map(name => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map(row => el("tr", {}, row.map(cell => el("td", {}, cell ?? "")))))));
}

export const shade = x => (Math.abs(x) < 0.1 ? "z" : (x > 0 ? "p" : "n") + (Math.abs(x) > 0.6 ? 3 : Math.abs(x) > 0.3 ? 2 : 1));

// One tile of the heat map: the colour is never alone in telling the sign.
export const tile = (row, label, href) => el("li", {}, el(href ? "a" : "div", { class: `tile ${shade(row.sentiment)}`, href, title: row.name ?? label },
  el("strong", {}, label), el("br"), `${row.sentiment >= 0 ? "\u25b2" : "\u25bc"} ${signed(row.sentiment)}`, el("br"),
  el("small", {}, `${row.documents} docs${row.buzz >= 2 ? `, ${row.buzz.toFixed(1)}\u00d7 usual` : ""}`)));

// The text of an explanation with the words that decided it coloured and, for who does not see colours, signed.
export function coloured(found) {
  const most = Math.max(...found.words.map(word => Math.abs(word.weight)), 0.001);
  const parts = [], points = [...found.text]; // the offsets count code points, and a string's index UTF-16 units
  let end = 0;
  for (const word of found.words) {
    const share = Math.abs(word.weight) / most;
    parts.push(points.slice(end, word.start).join(""));
    parts.push(share < 0.15 ? word.text : el("mark", { class: (word.weight > 0 ? "p" : "n") + Math.ceil(3 * share), title: `${word.text}: ${signed(word.weight)}` }, word.text));
    end = word.end;
  }
  return [...parts, points.slice(end).join("")];
}

// Words that are known to have moved an alert, marked where they stand in a document's text; a piece may have several words.
export function marked(text, words, direction) {
  const wanted = words.filter(word => word).sort((a, b) => b.length - a.length).map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (!wanted.length) return [text];
  // Within words nothing is marked, but between Chinese characters there is no other bound.
  const bound = "(?:(?<![\\p{L}\\p{N}])|(?<=\\p{Script=Han})|(?=\\p{Script=Han}))", end = "(?:(?![\\p{L}\\p{N}])|(?=\\p{Script=Han})|(?<=\\p{Script=Han}))";
  const parts = text.split(new RegExp(`${bound}(${wanted.join("|")})${end}`, "giu"));
  return parts.map((part, i) => (i % 2 ? el("mark", { class: direction === "positive" ? "p2" : "n2" }, part) : part));
}

// A small line of a week's sentiment from -1 to 1, drawn without axes; the numbers are on the company's page.
export function sparkline(line, name) {
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const times = line.times.map(time => new Date(time).getTime()), first = times[0], span = Math.max(times.at(-1) - first, 1);
  const points = times.map((time, i) => `${(2 + 116 * (time - first) / span).toFixed(1)},${(15 - 13 * line.tones[i]).toFixed(1)}`);
  const label = `Sentiment about ${name} over a week: from ${signed(line.tones[0])} to ${signed(line.tones.at(-1))}`;
  const drawn = make("svg", { viewBox: "0 0 120 30", width: 120, height: 30, class: "spark", role: "img", "aria-label": label });
  drawn.append(make("line", { x1: 0, x2: 120, y1: 15, y2: 15, class: "zero" }), make("polyline", { points: points.join(" "), class: line.tones.at(-1) >= 0 ? "up" : "down" }));
  return drawn;
}

// A number with the minus of the sentiments, which is as wide as a plus.
export const amount = (x, form) => new Intl.NumberFormat(undefined, form).format(x).replace("-", "\u2212");

// What the desks hold: "technology 12,500,000 USD".
export const held = rows => rows.map(row => `${row.desk} ${amount(Math.round(row.exposure))} ${row.currency}`.trim()).join(", ");
