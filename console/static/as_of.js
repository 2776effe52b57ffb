// The moment that the pages show: `as_of` in their address. Without it they show the present.
import { el, when } from "/static/dom.js";

export const asOf = new URLSearchParams(location.search).get("as_of") ?? "";
export const moment = asOf ? `as_of=${encodeURIComponent(asOf)}` : ""; // for addresses of the API

const isTime = text => !Number.isNaN(new Date(text).getTime());

function address(change) {
  const url = new URL(location.href);
  url.searchParams.delete("page");
  url.hash = "";
  change(url.searchParams);
  return url.href;
}

// What is wanted is entered, and the address is in UTC, so that it means the same to whoever it is sent to. The time has
// a field of text: browsers write times in their own language, some with AM and PM.
export function pick(form) {
  const { date, time } = form.elements, shown = new Date(asOf);
  if (isTime(asOf)) [date.value, time.value] = new Date(shown - shown.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).split("T");
  form.addEventListener("submit", event => {
    event.preventDefault();
    const chosen = new Date(`${date.value}T${time.value}`).toISOString().replace(".000Z", "Z");
    location.assign(address(parameters => parameters.set("as_of", chosen)));
  });
}

// Pages with the picker can show the past; of the others there is only the present.
export function banner() {
  const time = isTime(asOf) ? when(asOf) : asOf;
  return el("p", { id: "banner", class: "warning" },
    !isTime(asOf) ? `The address asks for the moment "${asOf}", which is none. One is 2024-01-31T12:00:00Z.` : document.getElementById("as-of") ? ["As of ", time, document.getElementById("page")?.dataset.page === "health" ? ", by what was stored until then. No live updates." : ", by what was published until then and is stored today, and by the present scores. No live updates."]
      : ["This page shows the present: what it shows is not kept as of a moment. Market, for you, companies, sectors, topics, compare, alerts, documents to label, search and health are as of ", time, "."],
    " ", el("a", { href: address(parameters => parameters.delete("as_of")), "data-now": true }, "Back to now"));
}

// Links to other pages keep the moment.
export function keepMoment() {
  if (!asOf) return;
  for (const link of document.querySelectorAll("a[href^='/']:not([data-now])")) {
    const url = new URL(link.href);
    if (url.pathname.startsWith("/api/")) continue;
    url.searchParams.set("as_of", asOf);
    link.href = url.href;
  }
}
