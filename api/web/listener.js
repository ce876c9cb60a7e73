// Question one: who is listening. Every part of the page asks here.
import { byId, el } from "./dom.js";

const field = byId("user");
const trouble = byId("user-problem");
const hooks = [];

/** The listener's id, or "" after the field has said that it is missing. */
export function listener() {
  const id = field.value.trim();
  tell(id ? "" : "Say who is listening first. Any name will do.");
  if (!id) field.focus();
  return id;
}

/** The id as it stands, without asking for it. */
export const named = () => field.value.trim();

/** Be told when another listener was named. */
export const onListener = (hook) => hooks.push(hook);

function tell(text) {
  trouble.textContent = text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function name(id) {
  field.value = id;
  tell("");
  hooks.forEach((hook) => hook(id));
}

/** Offer some listeners of the demo. */
export function offerListeners(ids) {
  byId("listeners").replaceChildren(...ids.slice(0, 60).map((id) => el("option", { value: id })));
  const chip = (id, text) => el("button", { type: "button", class: "chip", onclick: () => name(id) }, text);
  byId("samples").replaceChildren(
    el("span", {}, "Try"),
    ...ids.slice(0, 3).map((id) => chip(id, id)),
    chip("newcomer", "someone new"),
  );
  byId("samples").hidden = !ids.length;
}

field.addEventListener("input", () => tell(""));
field.addEventListener("change", () => hooks.forEach((hook) => hook(named())));
field.value = new URLSearchParams(location.search).get("user") ?? "";
