// The three parts of the page; the address says which is on show, so back and bookmarks work.
import { quiet } from "./dom.js";

const links = [...document.querySelectorAll(".bands a")];
const names = links.map((link) => link.dataset.view);
const hooks = [];
const about = document.title;

const wanted = () => location.hash.slice(1);
export const currentView = () => (names.includes(wanted()) ? wanted() : showing);
let showing = names[0];

/** Be told the name of each view that comes on show. */
export const onView = (hook) => hooks.push(hook);

/** Go to a view by its name. */
export const goTo = (name) => {
  location.hash = name;
};

function show(moved) {
  showing = currentView();
  for (const link of links) {
    const on = link.dataset.view === showing;
    document.getElementById(`view-${link.dataset.view}`).hidden = !on;
    if (on) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (on) document.title = showing === names[0] ? about : `Attune: ${link.textContent.toLowerCase()}`;
  }
  document.body.dataset.view = showing;
  hooks.forEach((hook) => hook(showing));
  if (!moved) return;
  quiet();
  const view = document.getElementById(`view-${showing}`);
  view.querySelector(".view-title")?.focus({ preventScroll: true });
  scrollTo({ top: 0, behavior: "instant" });
}

export function openViews() {
  addEventListener("hashchange", () => names.includes(wanted()) && show(true));
  show(false);
}
