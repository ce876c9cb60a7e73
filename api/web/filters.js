// What songs may come at all: language, years, nothing explicit.
import { byId, el } from "./dom.js";

// The languages most lyrics are written in (ISO 639-1); the browser knows their names.
const LANGUAGES = "en es fr de it pt nl sv da no fi pl cs el ru uk tr ar he hi id ja ko zh".split(" ");

const fields = ["language", "year-from", "year-to", "clean"].map(byId);
const [language, from, to, clean] = fields;
const trouble = byId("narrow-problem");

const nameOf = (code) => new Intl.DisplayNames(["en"], { type: "language" }).of(code);

/** The query parameters of what is set; null while the years make no sense. */
export function filters() {
  if (!check()) return null;
  const set = { language: language.value, year_from: from.value, year_to: to.value };
  const kept = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== ""));
  return clean.checked ? { ...kept, explicit: "false" } : kept;
}

function check() {
  const odd = [from, to].find((field) => !field.validity.valid);
  const crossed = from.value && to.value && Number(from.value) > Number(to.value);
  const text = odd ? "A year has four digits." : crossed ? "The first year is after the last." : "";
  trouble.textContent = text;
  for (const field of [from, to])
    field.setAttribute("aria-invalid", String(field === odd || Boolean(crossed)));
  if (text) byId("narrow").open = true;
  return !text;
}

function told() {
  const years = [from.value, to.value];
  const span =
    years[0] && years[1] ? years.join("–") : years[0] ? `since ${years[0]}` : years[1] && `up to ${years[1]}`;
  return [language.value && nameOf(language.value), span, clean.checked && "nothing explicit"].filter(
    Boolean,
  );
}

/** Wire the fields; `onchange` is called when what they say has changed and makes sense. */
export function openFilters(onchange) {
  language.append(...LANGUAGES.map((code) => el("option", { value: code }, nameOf(code))));
  const changed = () => {
    const words = told();
    byId("narrowed").textContent = words.length ? `: ${words.join(", ")}` : "";
    byId("widen").hidden = !words.length;
    if (check()) onchange();
  };
  for (const field of fields) field.addEventListener("change", changed);
  byId("widen").addEventListener("click", () => {
    for (const field of fields) {
      if (field === clean) field.checked = false;
      else field.value = "";
    }
    language.focus();
    changed();
  });
  for (const field of [from, to])
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") field.dispatchEvent(new Event("change"));
    });
}
