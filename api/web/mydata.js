// What the service keeps about a listener: to read, to take along, to take back, to erase.
import { emotions, erase, exported, forgetEmotions, history, mutedArtists, unmute } from "./api.js";
import { byId, el, keep, toast } from "./dom.js";
import { listener, named, onListener } from "./listener.js";
import { explain } from "./problems.js";
import { clearTrouble, showTrouble } from "./trouble.js";
import { currentView, onView } from "./views.js";

const PAGE = 8; // events at a time
const SHOWN = 20; // remembered moods
const DID = {
  play: "Played",
  complete: "Heard to the end",
  skip: "Skipped",
  like: "Liked",
  dislike: "Never again",
  save: "Saved",
};

const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const when = (at) => el("time", { datetime: at }, day.format(new Date(at)));
const empty = (text) => el("p", { class: "hint" }, text);
let turn = 0;

// A song that has left the catalogue has only its id for a name.
const done = ({ song, title, artist, event, count, at }) =>
  el(
    "li",
    { tabindex: -1 },
    el("span", { class: "did" }, DID[event] ?? event, count > 1 && ` ${count} times`),
    el("span", { class: "what" }, title ?? song, artist && el("span", { class: "about" }, artist)),
    when(at),
  );

async function drawHistory(user, mine) {
  const host = byId("history");
  const list = el("ul", { class: "events" });
  const more = el("button", { type: "button", class: "plain", hidden: true }, "Earlier");
  let cursor = null;
  const page = async () => {
    const answer = await history(user, cursor, PAGE);
    if (mine !== turn) return null;
    const fresh = answer.items.map(done);
    list.append(...fresh);
    cursor = answer.next_cursor;
    more.hidden = !cursor;
    return fresh[0];
  };
  more.addEventListener("click", async () => {
    if (more.getAttribute("aria-busy")) return; // a second press would bring the same page twice
    more.setAttribute("aria-busy", "true");
    try {
      (await page())?.focus();
    } catch (error) {
      toast(`${explain(error).title}.`);
    }
    more.removeAttribute("aria-busy");
  });
  const first = await page();
  if (mine === turn) host.replaceChildren(...(first ? [list, more] : [empty("Nothing yet.")]));
}

async function drawMuted(user, mine) {
  const { items } = await mutedArtists(user);
  if (mine !== turn) return;
  const row = ({ artist }) =>
    el(
      "li",
      {},
      el("span", { class: "what" }, artist),
      el(
        "button",
        { type: "button", class: "act", onclick: () => allow(user, artist) },
        "Allow again",
        el("span", { class: "visually-hidden" }, `: ${artist}`),
      ),
    );
  byId("muted").replaceChildren(
    items.length
      ? el("ul", { class: "events" }, ...items.map(row))
      : empty("None. “Less of this artist” is behind “More” of every song."),
  );
}

async function allow(user, artist) {
  try {
    await unmute(user, artist);
  } catch (error) {
    return toast(`${explain(error).title}. ${artist} is still left out.`);
  }
  toast(`${artist} may come again`);
  await drawMuted(user, turn).catch((error) => toast(`${explain(error).title}.`));
  return (byId("muted").querySelector("button") ?? byId("muted-title")).focus();
}

async function drawEmotions(user, mine) {
  const { items, next_cursor: older } = await emotions(user, SHOWN);
  if (mine !== turn) return;
  const none = "None is kept. A mood is used for its answer and dropped.";
  const source = { selfie: "apparent expression", stated: "you said so" };
  const row = ({ label, source: from, at }) =>
    el(
      "li",
      {},
      el("span", { class: "what" }, label, el("span", { class: "about" }, source[from] ?? from)),
      when(at),
    );
  const forget = async () => {
    try {
      await forgetEmotions(user);
    } catch (error) {
      return toast(`${explain(error).title}. They are still kept.`);
    }
    toast("The remembered moods are erased.");
    byId("emotions").replaceChildren(empty(none));
    return byId("emotions-title").focus();
  };
  byId("emotions").replaceChildren(
    ...(items.length
      ? [
          el("ul", { class: "events" }, ...items.map(row)),
          older ? empty(`The newest ${SHOWN}. “Take it with me” has them all.`) : "",
          el("button", { type: "button", class: "plain", onclick: forget }, "Forget these"),
        ]
      : [empty(none)]),
  );
}

async function load() {
  const user = named();
  const mine = (turn += 1);
  clearTrouble();
  const parts = { history: drawHistory, muted: drawMuted, emotions: drawEmotions };
  if (!user) {
    for (const id of Object.keys(parts)) byId(id).replaceChildren(empty("Say who is listening, above."));
    return;
  }
  const failures = await Promise.all(
    Object.entries(parts).map(([id, draw]) =>
      draw(user, mine).catch((error) => {
        if (mine === turn) byId(id).replaceChildren(empty(`${explain(error).title}.`));
        return error;
      }),
    ),
  );
  if (mine !== turn) return;
  const grave = failures.find((error) => error && error.code !== "not_found");
  if (grave) showTrouble(grave, load);
  else byId("data-status").textContent = `What is kept about ${user} is shown.`;
}

async function takeAlong() {
  const user = listener();
  if (!user) return;
  try {
    const all = await exported(user);
    keep(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }), "attune-my-data.json");
    toast("Saved as attune-my-data.json");
  } catch (error) {
    showTrouble(error, takeAlong);
  }
}

// --- erasing ------------------------------------------------------------------------------

const dialog = byId("sure");

function askToErase() {
  const user = listener();
  if (!user) return;
  byId("sure-text").textContent =
    `Everything kept about ${user} goes: what you did with songs, muted artists, journeys, remembered moods, and keys that belong to you. Nobody can bring it back.`;
  dialog.showModal();
  byId("sure-no").focus();
}

async function eraseAll() {
  dialog.close();
  const user = named();
  clearTrouble();
  try {
    await erase(user);
  } catch (error) {
    return showTrouble(error, error.code === "unknown_user" ? null : eraseAll);
  }
  await load();
  byId("data-title").focus({ preventScroll: true });
  return toast(`Everything about ${user} is erased.`);
}

/** Tell the version of the notice that an answer came with. */
export function tellNotice(answer) {
  const { notice_url: url, notice_version: version } = answer;
  if (!url) return;
  byId("notice").replaceChildren(
    el("a", { href: url }, version ? `Privacy notice, version ${version}` : "Privacy notice"),
  );
}

export function openMyData() {
  byId("notice").append(el("a", { href: "privacy" }, "Privacy notice"));
  byId("export").addEventListener("click", takeAlong);
  byId("erase").addEventListener("click", askToErase);
  byId("sure-no").addEventListener("click", () => dialog.close());
  byId("sure-yes").addEventListener("click", eraseAll);
  byId("remember").checked = false; // some browsers restore a ticked box on reload
  onView((name) => name === "data" && load());
  onListener(() => currentView() === "data" && load());
}
