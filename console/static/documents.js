// Documents in lists, each with the words that decided, and the pages of a long list.
import { asOf } from "/static/as_of.js";
import { ask, coloured, el, guarded, signed, tone, topicLink, when } from "/static/dom.js";

async function why(row, entity, shown) {
  const found = await ask(`/api/explain?document=${encodeURIComponent(row.document_id)}&entity=${encodeURIComponent(entity)}`);
  if (found.reason) return `No words: ${found.reason}.`;
  shown.replaceChildren(...coloured(found));
  return `Green speaks for positive, red for negative; ${found.model_version} now says ${signed(found.sentiment)}.`;
}

// What a person opens orders their own page "For you", and nothing else.
export const remember = (document_id, entity) => { if (!asOf) ask("/api/opened", { document_id, entity }, true).catch(() => {}); };

export function documentItem(row, entity, ...more) {
  const text = row.title || row.text, shown = el("span", {}, text), told = el("div", { class: "why", "aria-live": "polite" });
  const explain = guarded(async () => {
    remember(row.document_id, entity);
    told.replaceChildren("Reading the model, a few seconds at the first time ...");
    told.replaceChildren(await why(row, entity, shown));
  });
  return el("li", {}, el("span", { class: "source" }, row.source), " ", when(row.published_at), " ", el("strong", { class: tone(row.sentiment) }, signed(row.sentiment)), " ",
    row.lang_quality === "experimental" ? el("span", { class: "badge", title: "No test set says how good the model is in this language." }, `${row.lang}: experimental`) : "", " ",
    shown, " ", row.deciding ? el("q", { title: row.cut ? "The sentence of this long text that decided; not all of the text was read." : "The sentence of this long text that decided." }, row.deciding) : "", " ",
    (row.topics ?? []).map(topic => [topicLink(topic), " "]),
    el("button", { type: "button", "aria-label": `Why: ${text}`, click: explain, "data-open": true }, "Why"), " ",
    el("a", { href: `/search?similar=${encodeURIComponent(row.document_id)}`, "aria-label": `Similar to: ${text}`, click: () => remember(row.document_id, entity) }, "Similar"), more, told);
}

// The deciding words of the newest documents are coloured by themselves, one after the other; of the others on request.
const COLOURED = 5;
export async function colour(rows, items, entity) {
  for (let i = 0; i < Math.min(COLOURED, rows.length); i++) {
    try { await why(rows[i], entity, items[i].querySelector("span:not(.source)")); } catch { return; }
  }
}

// At the bottom of a long list; `url` makes the address of a page.
export const pager = (number, more, url) => el("nav", { "aria-label": "Pages of the list" },
  number > 0 ? el("a", { href: url(number - 1) }, "Newer") : null, number > 0 && more ? " \u00b7 " : null, more ? el("a", { href: url(number + 1) }, "Older") : null);
