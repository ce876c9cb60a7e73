// The notice that says what went wrong, and the way out of it: wait, tell, or give a key.
import { storeKey, storedKey } from "./api.js";
import { byId, el, reveal } from "./dom.js";
import { explain } from "./problems.js";

const panels = [...document.querySelectorAll(".problem[role=alert]")];
const shown = () => panels.find((panel) => !panel.closest(".view").hidden) ?? panels[0];
let ticking;
let onsay = () => {};
let onkey = () => {};

/** Say what "tell your mood instead" does, and what is to happen when a key was given. */
export function openTrouble(hooks) {
  ({ onsay, onkey } = hooks);
}

export function clearTrouble() {
  clearInterval(ticking);
  for (const panel of panels) panel.hidden = true;
}

/** Keep a key for this tab: in the settings, too. */
export function giveKey(key) {
  storeKey(key);
  byId("key").value = key;
  onkey();
}

/**
 * Show a problem in the view on show.
 * @param {Problem} error
 * @param {(() => void)|null} retry - what "Try again" does.
 */
export function showTrouble(error, retry = null) {
  clearTrouble();
  const told = explain(error);
  const panel = shown();
  const ways = {
    say: () => [
      el("button", { type: "button", class: "plain", onclick: tellInstead }, "Tell us your mood instead"),
    ],
    retry: () => (retry ? [again(retry, error.retryAfter)] : []),
    key: () => [keyForm(retry)],
    none: () => [],
  };
  panel.replaceChildren(el("h2", {}, told.title), el("p", {}, told.text), ...ways[told.action]());
  panel.hidden = false;
  reveal(panel);
  panel.focus({ preventScroll: true });
}

function tellInstead() {
  clearTrouble();
  onsay();
}

// Counted down in view; read out only when the wait is over, not every second.
function again(retry, seconds) {
  const left = el("span", { "aria-hidden": true });
  const button = el("button", { type: "button", class: "plain" }, "Try again", left);
  const told = el("p", { class: "visually-hidden", role: "status" });
  let open = !seconds;
  const until = Date.now() + 1000 * (seconds ?? 0);
  const tick = () => {
    const rest = Math.ceil((until - Date.now()) / 1000);
    open = rest <= 0;
    left.textContent = open ? "" : ` in ${rest} s`;
    button.setAttribute("aria-disabled", String(!open));
    if (!open) return;
    clearInterval(ticking);
    if (seconds) told.textContent = "You can try again now.";
  };
  tick();
  if (!open) ticking = setInterval(tick, 250);
  button.addEventListener("click", () => {
    if (!open) return;
    clearTrouble();
    retry();
  });
  const wait = seconds
    ? `The service asks to wait ${seconds === 1 ? "a second" : `${seconds} seconds`}.`
    : null;
  return el("div", {}, wait && el("p", {}, wait), button, told);
}

function keyForm(retry) {
  const field = el("input", { id: "key-now", type: "password", autocomplete: "off", spellcheck: "false" });
  field.value = storedKey();
  return el(
    "form",
    {
      class: "key-form",
      onsubmit: (event) => {
        event.preventDefault();
        const key = field.value.trim();
        if (!key) return field.focus();
        clearTrouble();
        giveKey(key);
        retry?.();
      },
    },
    el("label", { for: "key-now" }, "API key"),
    field,
    el("button", { type: "submit", class: "primary" }, "Use this key"),
  );
}
