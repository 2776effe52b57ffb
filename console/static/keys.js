// The keyboard: to the search, through lists, from page to page. Keys of letters alone would disturb who types or speaks
// to the browser, so they rest while a field has the focus, and a person can switch them off (WCAG 2.1.4).
import { el } from "/static/dom.js";

const WAIT_MS = 2000; // after g, for the letter of a page
const ITEMS = ".documents > li, .incident, .card:not(.incident .card), .heat a.tile, .map a.tile, tbody tr";
const OFF = "keys-off";
const links = [...document.querySelectorAll("nav a[data-keys]")];
const button = document.getElementById("keys");

export const typing = event => event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest("input, select, textarea, dialog") !== null;

// Documents, incidents, and companies: as tiles, or in rows of tables.
const items = () => [...document.querySelectorAll(ITEMS)].filter(item => item.checkVisibility() && (!item.matches("tr") || item.querySelector("a[href^='/entity/']")));
const current = () => document.activeElement.closest(ITEMS);

function stand(item, preventScroll = false) {
  if (!item) return;
  if (!item.matches("a")) item.tabIndex = -1;
  item.focus({ preventScroll });
}
// Whether one stands on an item, and not on a control within it.
export const stands = () => document.activeElement.matches(ITEMS);

function move(step) {
  const all = items(), at = all.indexOf(current());
  // Without a place yet, it begins with what is in sight.
  stand(at < 0 ? all.find(item => item.getBoundingClientRect().top >= 0) ?? all.at(-1) : all[at + step]);
}

// A page that is shown again has other nodes, and maybe new ones in front: who stood on an item stands on the same one.
const which = item => item?.dataset.open ?? item?.href ?? item?.querySelector("a[href*='similar='], a[href^='/entity/']")?.href;
export function keepPlace() {
  const all = items(), at = all.indexOf(current()), was = which(all[at]);
  return () => { const now = items(); if (was) stand(which(now[at]) === was ? now[at] : now.find(item => which(item) === was), true); };
}

function open(item) {
  if (item.dataset.open) location.assign(item.dataset.open);
  else (item.querySelector("[data-open]") ?? item.querySelector("a[href]"))?.click();
}

// That on which one stands, or on the page of one alert this one.
function acknowledge() {
  const all = items(), item = current() ?? (all.length === 1 ? all[0] : null);
  for (const each of item?.querySelectorAll("[data-acknowledge]") ?? []) each.click();
}

function toSearch() {
  const words = document.querySelector("form[role=search] input[type=search]");
  if (words) { words.focus(); words.select(); return; }
  const link = links.find(one => one.dataset.keys.includes("s"));
  if (link) location.assign(`${link.href}#words`);
}
export function arrive() {
  if (location.hash === "#words") { history.replaceState(null, "", location.pathname + location.search); toSearch(); }
}

const RULES = [
  [["/"], "to the search"],
  [["j", "k"], "to the next and the one before: documents, incidents, companies; then the arrow keys do the same"],
  [["Enter"], "opens the one on which you stand"],
  [["a"], "acknowledges the incident on which you stand"],
  [["?"], "shows these keys"],
];
const key = name => [el("kbd", {}, name), " "];

function help() {
  const off = el("input", { type: "checkbox", checked: localStorage.getItem(OFF) === null });
  off.addEventListener("change", () => { if (off.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "yes"); });
  const rows = [...RULES, ...links.map(link => [["g", ...link.dataset.keys], `to the page ${link.textContent}`]), [["1", "2", "3", "u"], "on the page Label: negative, neutral, positive, take back"]];
  const close = el("button", { type: "button", click: () => made.close() }, "Close");
  const made = el("dialog", { "aria-labelledby": "keys-title" }, el("h2", { id: "keys-title" }, "Keys"),
    el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Key"), el("th", { scope: "col" }, "What it does"))),
      el("tbody", {}, rows.map(([names, what]) => el("tr", {}, el("td", {}, names[0] === "g" ? [key("g"), "then ", names.slice(1).map((name, i) => [i ? "or " : "", key(name)])] : names.map(key)), el("td", {}, what))))),
    el("p", {}, el("label", {}, off, " Keys of one letter work")), close);
  made.addEventListener("close", () => made.remove());
  document.body.append(made);
  made.showModal(); // the browser keeps the focus within, and closes it with Escape
  close.focus();
}

let went = 0; // when g was pressed
function pressed(event) {
  if (typing(event) || localStorage.getItem(OFF) !== null) return;
  const after = Date.now() - went < WAIT_MS, on = current();
  went = 0;
  const page = after && event.key.length === 1 && links.find(link => link.dataset.keys.includes(event.key));
  const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (page) page.click();
  else if (event.key === "g") went = Date.now();
  else if (event.key === "/") toSearch();
  else if (event.key === "?") help();
  else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
  // Elsewhere they scroll, as the Enter on a link or a button within an item is its own.
  else if (arrow && on && on === document.activeElement) move(arrow);
  else if (event.key === "Enter" && on && on === document.activeElement && !on.matches("a")) open(on);
  else if (event.key === "a") acknowledge();
  else return;
  event.preventDefault();
}

if (button) {
  button.addEventListener("click", help);
  document.addEventListener("keydown", pressed);
}
