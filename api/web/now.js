// Songs for now: the questions, and what asks for a list.
import { tune } from "./dial.js";
import { byId, reveal } from "./dom.js";
import { filters, openFilters } from "./filters.js";
import { ask, askMore, forgetPicture, listOnShow } from "./list.js";
import { listener } from "./listener.js";
import { MoodPad } from "./moodpad.js";
import { closeCamera, openStage } from "./stage.js";
import { showTrouble } from "./trouble.js";
import { onView } from "./views.js";

const REST = 350; // milliseconds a choice has to rest before it is asked for

let pad;
let pending;

const strategy = () => document.querySelector("input[name=strategy]:checked").value;

// Remembering is the listener's wish; not every service keeps moods.
const question = (user, source) => ({
  user,
  source,
  strategy: strategy(),
  filters: filters(),
  remember: byId("remember").checked,
});

function askFor(source) {
  const user = listener();
  const asked = user && question(user, source);
  if (asked?.filters) ask(asked);
}

// Another strategy or filter, or what was done with the songs: the same listener and mood again.
function askAgain(quietly) {
  const shown = listOnShow();
  const asked = shown && question(shown.user, shown.source);
  if (asked?.filters) ask(asked, quietly);
}

function tellOfWords(text) {
  byId("query-problem").textContent = text;
  byId("query").setAttribute("aria-invalid", String(Boolean(text)));
}

function askInWords(event) {
  event.preventDefault();
  const words = byId("query").value.trim();
  tellOfWords(words ? "" : "Say what you are after first, a word or two will do.");
  if (words) askFor({ kind: "words", words });
  else byId("query").focus();
}

// On a phone one way to tell is on show at a time.
function showWay(way) {
  if (way !== "look") closeCamera();
  byId("feeling").dataset.way = way;
  for (const button of document.querySelectorAll(".ways-switch button"))
    button.setAttribute("aria-pressed", String(button.dataset.way === way));
}

/** Bring the mood pad up: the way that needs neither camera nor key words. */
export function tellMood() {
  showWay("say");
  reveal(byId("say-title"));
  pad.focus();
}

export function openNow() {
  pad = new MoodPad(byId("pad"), { name: "say", onchange: tune });
  byId("say").addEventListener("click", () => askFor({ kind: "mood", mood: pad.mood }));
  byId("none").addEventListener("click", () => askFor({ kind: "none" }));
  byId("words").addEventListener("submit", askInWords);
  byId("query").addEventListener("input", () => tellOfWords(""));
  byId("more").addEventListener("click", askMore);
  byId("fresh").addEventListener("click", () => askAgain(false));
  document
    .querySelector(".ways-switch")
    .addEventListener("click", ({ target }) => target.dataset.way && showWay(target.dataset.way));
  // Arrow keys pass through the strategies one by one: ask only when the choice rests.
  const soon = () => {
    clearTimeout(pending);
    pending = setTimeout(askAgain, REST, true);
  };
  byId("strategies").addEventListener("change", soon);
  openFilters(soon);
  openStage({
    ready: () => Boolean(listener()),
    onshot: ({ frames }) => askFor({ kind: "frames", frames }),
    onproblem: (error) => showTrouble(error),
    ondrop: forgetPicture,
  });
  onView((name) => name !== "now" && closeCamera());
}
