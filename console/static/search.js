// The page "Search": documents by what is asked for, the searches that a person saved, and the rules that these would make.
import { asOf, moment } from "/static/as_of.js";
import { documentItem, pager } from "/static/documents.js";
import { ask, el, guarded, plurals, say, sources } from "/static/dom.js";

const parameters = new URLSearchParams(location.search);
const PARTS = { q: "Words", entity: "Company (ticker)", desk: "Desk", topic: "Topic", tone: "Tone", entity_type: "Naming" };
const TONES = ["negative", "neutral", "positive"];

// `of` has the parts by their names in the address; those that are empty are left out.
const address = (of, more = {}) => `${new URLSearchParams([...Object.keys(PARTS).map(part => [part, of[part] ?? ""]), ...Object.entries(more)].filter(([, value]) => value !== ""))}`;
const called = type => `a ${type.replace("_", " ")}`;
const described = row => Object.entries(PARTS).map(([part, name]) => [name, part === "q" ? row.words : row[part]]).filter(([, value]) => value).map(([name, value]) => `${name.toLowerCase()}: ${value}`).join(", ");

function choice(part, values, chosen, name = value => value) {
  const known = chosen && !values.includes(chosen) ? [chosen, ...values] : values; // such as a desk that is no more
  return el("select", { name: part }, ["", ...known].map(value => el("option", { value, selected: value === chosen }, value ? name(value) : "any")));
}

function formOf(given, desks, topics) {
  const fields = {
    q: el("input", { name: "q", value: given.q, type: "search", maxlength: 200 }),
    entity: el("input", { name: "entity", value: given.entity, size: 10, maxlength: 100, placeholder: "AAPL" }),
    desk: choice("desk", desks, given.desk), topic: choice("topic", topics, given.topic), tone: choice("tone", TONES, given.tone),
    entity_type: choice("entity_type", ["company", ...Object.keys(plurals)], given.entity_type, called),
  };
  const form = el("form", { role: "search", action: "/search" }, Object.entries(PARTS).map(([part, name]) => [el("label", {}, `${name} `, fields[part]), " "]),
    asOf ? el("input", { type: "hidden", name: "as_of", value: asOf }) : null, el("button", {}, "Search"));
  form.addEventListener("formdata", event => { for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name); });
  return form;
}

// The rule is only shown: whoever looks after the rules' file decides where it goes, and who is told.
function ruleOf(found) {
  const text = el("pre", { tabindex: 0, "aria-label": "The rule" }, found.rule);
  const copy = guarded(async () => {
    if (navigator.clipboard) { await navigator.clipboard.writeText(found.rule); return say("Copied."); }
    getSelection().selectAllChildren(text); // without TLS, browsers let no page write to the clipboard
    return say("Selected: copy it with Ctrl-C.");
  });
  return [found.left_out.length ? [el("p", {}, found.rule ? "Not in the rule:" : "No rule can say any of this search:"), el("ul", {}, found.left_out.map(one => el("li", {}, one)))] : null,
    ...(found.rule ? [text, el("p", {}, el("button", { type: "button", click: copy }, "Copy the rule")),
      el("p", { class: "quiet" }, "Nothing is stored or sent by this. Put it under \"rules:\" in the file that ALERT_RULES names, and try that with ", el("code", {}, "finsent alerts check rules.yaml"), ".")] : [])];
}

function savedItem(row, again) {
  const shown = el("div", { class: "why", "aria-live": "polite" });
  const rule = guarded(async () => { shown.replaceChildren(...ruleOf(await ask("/api/searches/rule", { name: row.name })).flat().filter(part => part)); });
  const remove = guarded(async () => { await ask("/api/searches/delete", { name: row.name }); await again(); say(`Deleted: ${row.name}.`); });
  return el("li", {}, el("a", { href: `/search?${address({ ...row, q: row.words })}` }, row.name), " ", el("span", { class: "quiet" }, described(row)), " ",
    el("button", { type: "button", "aria-label": `Make ${row.name} a rule`, click: rule }, "Make it a rule"), " ",
    el("button", { type: "button", "aria-label": `Delete ${row.name}`, click: remove }, "Delete"), shown);
}

function saving(given, again) {
  const { q: words, ...parts } = given;
  const submit = guarded(async event => {
    event.preventDefault();
    const name = new FormData(event.target).get("name");
    await ask("/api/searches", { name, words, ...parts });
    await again();
    say(`Saved: ${name}.`);
  });
  return el("form", { submit }, el("label", {}, "Name ", el("input", { name: "name", required: true, maxlength: 100 })), " ", el("button", {}, "Save this search"));
}

export async function search(page, again) {
  const given = Object.fromEntries(Object.keys(PARTS).map(part => [part, parameters.get(part) ?? ""]));
  const similar = parameters.get("similar"), number = Number(parameters.get("page")) || 0, wanted = address(given);
  const url = similar ? `/api/similar?document=${encodeURIComponent(similar)}&${moment}` : `/api/search?${wanted}&page=${number}&${moment}`;
  const [saved, found] = await Promise.all([ask("/api/searches"), similar || wanted ? ask(url) : null]);
  return [formOf(given, saved.desks, saved.topics),
    ...(found ? [el("h2", {}, similar ? "Most similar" : "Newest first"), found.rows.length ? el("ul", { class: "documents" }, found.rows.map(row => documentItem(row, given.entity || (row.entities[0] ?? "")))) : el("p", { class: "quiet" }, "No document."),
      similar ? null : pager(number, found.rows.length === 20, n => `/search?${address(given, { page: n })}`), sources(url, found.sql)] : []),
    el("h2", {}, "Saved searches"), wanted && !similar ? saving(given, again) : null,
    saved.rows.length ? el("ul", { class: "documents saved" }, saved.rows.map(row => savedItem(row, again)))
      : el("p", { class: "quiet" }, "None yet: search for something, and give the search a name. Nobody else sees it.")];
}
