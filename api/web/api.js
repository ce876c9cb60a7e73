// The service's HTTP interface. Every failure becomes a Problem with a stable code.

const KEY = "attune.key";

export class Problem extends Error {
  constructor(code, detail = "", retryAfter = null) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }
}

export function storedKey() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function storeKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Without session storage the key cannot be kept; requests go without it.
  }
}

async function problemOf(response) {
  const retry = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const body = await response.json().catch(() => ({}));
  const detail = typeof body.detail === "string" ? body.detail : "";
  return new Problem(body.code ?? `http_${response.status}`, detail, Number.isNaN(retry) ? null : retry);
}

async function call(path, { headers = {}, ...options } = {}) {
  const key = storedKey();
  const auth = key ? { Authorization: `Bearer ${key}` } : {};
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options, headers: { ...headers, ...auth } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("network");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The catalogue's kind ("demo" or null) and, of a demo, some listeners to try. */
export async function welcome() {
  const page = await call("./");
  if (page.headers.get("X-Attune-Catalogue") !== "demo") return { demo: false, listeners: [] };
  const listeners = await call("demo/listeners")
    .then((r) => r.json())
    .catch(() => []);
  return { demo: true, listeners: Array.isArray(listeners) ? listeners : [] };
}

/**
 * Ask for songs.
 * @param {{user: string, strategy: string, offset: number, n: number, source: object}} question
 *   source: {kind: "frames", frames: Blob[]} | {kind: "mood", mood} |
 *   {kind: "words", words: string} | {kind: "none"}
 */
export async function recommend({ user, strategy, offset, n, source }, signal) {
  const query = new URLSearchParams({ user, n, offset, strategy });
  let body;
  if (source.kind === "mood") {
    query.set("mood", `${source.mood.valence.toFixed(2)},${source.mood.arousal.toFixed(2)}`);
  } else if (source.kind === "words") {
    query.set("query", source.words);
  } else if (source.kind === "frames") {
    query.set("consent", "true");
    body = new FormData();
    source.frames.forEach((frame, i) => body.append("selfie", frame, frame.name ?? `frame-${i}.jpg`));
  }
  const response = await call(`recommend?${query}`, { method: "POST", body, signal });
  return { answer: await response.json(), demo: response.headers.get("X-Attune-Catalogue") === "demo" };
}

// crypto.randomUUID exists only on https and localhost; a plain-http intranet needs this form.
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** What a song's words and tags say of its mood. */
export const songMood = (song) =>
  call(`songs/${encodeURIComponent(song)}/mood`).then((response) => response.json());

/** Record one event of a listener with a song. */
export const feedback = (user, song, event) =>
  call("feedback", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": uuid() },
    body: JSON.stringify({ user, song, event }),
  });
