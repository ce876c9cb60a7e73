// Starts the page: the three parts, the theme, the key, and what holds for all of them.
import { storeKey, storedKey, welcome } from "./api.js";
import { drawDial } from "./dial.js";
import { byId, toast } from "./dom.js";
import { openJourney } from "./journey.js";
import { offerListeners } from "./listener.js";
import { openMyData } from "./mydata.js";
import { openNow, tellMood } from "./now.js";
import { openTrouble, showTrouble } from "./trouble.js";
import { goTo, openViews } from "./views.js";

async function greet() {
  try {
    const listeners = await welcome();
    byId("demo").hidden = !listeners.length;
    offerListeners(listeners);
  } catch (error) {
    // Without the welcome the page works; only a key is asked for at once.
    if (error.code === "unauthenticated") showTrouble(error);
  }
}

function wireTheme() {
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () =>
    (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const name = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} theme`);
  };
  button.addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    try {
      localStorage.setItem("attune.theme", chosen);
    } catch {
      /* kept for this visit only */
    }
    name();
  });
  dark.addEventListener("change", name);
  name();
}

function wireKey() {
  const settings = byId("settings");
  byId("key").value = storedKey();
  byId("key").addEventListener("input", (event) => storeKey(event.target.value.trim()));
  byId("key").addEventListener("change", greet); // with a key the listeners may be shown
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    settings.open = false;
    settings.querySelector("summary").focus();
    toast(storedKey() ? "The key is kept for this tab." : "No key is kept.");
  });
  settings.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    settings.open = false;
    settings.querySelector("summary").focus();
  });
  addEventListener("pointerdown", (event) => {
    if (!settings.contains(event.target)) settings.open = false;
  });
}

function wireConnection() {
  const tell = () => {
    byId("offline").hidden = navigator.onLine;
    byId("offline").textContent = navigator.onLine
      ? ""
      : "You are offline. What is on the page stays; new songs need a connection.";
  };
  addEventListener("offline", tell);
  addEventListener("online", tell);
  tell();
}

function tellInstead() {
  goTo("now");
  tellMood();
}

drawDial();
wireTheme();
wireKey();
wireConnection();
openTrouble({ onsay: tellInstead, onkey: greet });
openNow();
openJourney();
openMyData();
openViews();
greet();
