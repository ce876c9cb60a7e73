// Building elements without markup strings: nothing of an answer can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** `el("p", {class: "note"}, "text", child)`; attributes that start with "on" are listeners. */
export const el = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

export const calmMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Bring an element into view, without a glide for those who asked for less motion. */
export const reveal = (node) =>
  node.scrollIntoView({ behavior: calmMotion() ? "auto" : "smooth", block: "start" });

let fading;
/** A short line at the foot of the window, read out politely. */
export function toast(text) {
  const node = byId("toast");
  node.textContent = text;
  node.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(quiet, 4500);
}

/** Take the line away. */
export const quiet = () => byId("toast").classList.remove("shown");

/** Hand a file to the browser to keep. */
export function keep(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser has begun by then
}
