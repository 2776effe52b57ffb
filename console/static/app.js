// The frame of every page: theme, freshness, and showing the page again when something new was stored.
import { asOf, banner, keepMoment, pick } from "/static/as_of.js";
import { ask, duration, el, format, say, zone } from "/static/dom.js";
import { arrive, keepPlace, stands } from "/static/keys.js";
import { LIVE, pages } from "/static/pages.js";

const page = document.getElementById("page");
document.getElementById("zone").textContent = `Times in ${zone}.`;

const theme = name => { document.documentElement.dataset.theme = name; };
theme(localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  theme(next);
  show(); // a chart's colours are drawn, not styled
});
document.getElementById("sign-out")?.addEventListener("click", async () => { await ask("/api/sign-out", {}); location.assign("/sign-in"); });

// Shows `parts`. Nodes that are there already are not moved, so who reads, stands or has opened something there keeps it.
function settle(parts) {
  const standAgain = keepPlace(), kept = new Set(parts);
  for (const child of [...page.childNodes]) if (!kept.has(child)) child.remove();
  let at = page.firstChild;
  for (const part of parts) {
    if (part === at) at = at.nextSibling;
    else page.insertBefore(part, at);
  }
  keepMoment();
  if (!page.contains(document.activeElement)) standAgain();
  else requestAnimationFrame(() => document.activeElement.scrollIntoView({ block: "nearest" })); // the charts are drawn then
}

let runs = 0, running = 0;
async function show() {
  if (!page) return;
  const mine = ++runs; // somebody may ask for the page again before it is whole: the last one counts
  running++;
  try { await put(mine); } finally { running--; }
}

async function put(mine) {
  // What a page knows first is shown while it waits for the rest; once it has been whole, the old page stays instead.
  const waiting = el("p", { class: "quiet" }, "Reading the rest ...");
  const early = (...parts) => { if (mine === runs && !page.dataset.ready) settle([...parts.filter(part => part), waiting]); };
  try {
    const parts = await pages[page.dataset.page](page, show, early);
    if (mine !== runs) return;
    settle(parts.filter(part => part));
    arrive();
  } catch (error) {
    if (mine !== runs) return;
    const told = el("p", { role: "alert" }, `This cannot be shown: ${error.message}`);
    if (waiting.isConnected) waiting.replaceWith(told);
    else page.replaceChildren(told);
  }
  page.dataset.ready = "yes";
  page.removeAttribute("aria-busy");
}
addEventListener("hashchange", () => { if (page?.dataset.page === "entity") show(); });

let seen = "";
function follow() {
  const events = new EventSource("/api/events");
  events.addEventListener("state", event => {
    const state = JSON.parse(event.data), age = Math.max(0, (new Date(state.now) - new Date(state.stored_at)) / 1000);
    const old = state.live ? "" : ` The newest document is of ${format(state.published_at)}: shown as of then.`;
    if (page?.dataset.page !== "label") say(state.records ? `Last record stored ${duration(age)} ago.${old}` : "Nothing is stored yet.", !state.live || age >= 900);
    else if (!seen) say("");
    const key = `${state.records} ${state.alerts} ${state.actions}`;
    if (seen && seen !== key && running) return; // with the next event: a feed that runs must not put off a slow page for ever
    // What a person has opened, or is typing or labelling, stays as it is.
    if (seen && seen !== key && LIVE.includes(page?.dataset.page) && !page.querySelector("details[open]") && (stands() || !page.contains(document.activeElement))) show();
    seen = key;
  });
  events.addEventListener("away", () => say("ClickHouse does not answer; what is shown may be old.", true));
  // The console ends each request for events within a minute, so that a page that hangs keeps no place there.
  events.addEventListener("again", () => { events.close(); follow(); });
  events.onerror = () => {
    say("Connection to the console lost; what is shown may be old.", true);
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 30_000); // refused: the browser does not ask again by itself
  };
}
const picker = document.getElementById("as-of");
if (picker) pick(picker);
if (page?.dataset.page === "signin") say("");
else if (asOf) {
  page?.before(banner());
  say("Not live.");
  keepMoment();
} else follow();
show();
