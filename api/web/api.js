// The service's HTTP interface. Every failure becomes a Problem with a stable code.

const KEY = "attune.key";
const PATIENCE = 30_000; // milliseconds until a silent service is given up on

export class Problem extends Error {
  constructor(code, detail = "", retryAfter = null, parameter = null) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds
    this.parameter = parameter; // the one that does not fit, if the service named one
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
  const wait = Number.isNaN(retry) ? null : retry;
  return new Problem(body.code ?? `http_${response.status}`, detail, wait, body.parameter ?? null);
}

/**
 * Ask the service, and `read` what it answers: an answer that breaks off is a failure, too.
 * @throws {Problem} with the service's code, or `network`, `offline` or `timeout`.
 * @throws {DOMException} AbortError, when the caller's own `signal` says so.
 */
async function call(path, { headers = {}, signal, ...options } = {}, read = () => null) {
  const key = storedKey();
  const auth = key ? { Authorization: `Bearer ${key}` } : {};
  const late = AbortSignal.timeout(PATIENCE);
  const both = signal ? AbortSignal.any([signal, late]) : late;
  let response;
  try {
    response = await fetch(path, {
      cache: "no-store",
      ...options,
      signal: both,
      headers: { ...headers, ...auth },
    });
    if (response.ok) return await read(response);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(late.aborted ? "timeout" : navigator.onLine ? "network" : "offline");
  }
  throw await problemOf(response);
}

const json = (path, options) => call(path, options, (response) => response.json());
const of = (user) => `users/${encodeURIComponent(user)}`;
const sending = (body, key) => ({
  method: "POST",
  headers: { "Content-Type": "application/json", ...(key ? { "Idempotency-Key": key } : {}) },
  body: JSON.stringify(body),
});

/** `valence,arousal` with two decimals, as the service takes a stated mood. */
export const moodText = (mood) => `${mood.valence.toFixed(2)},${mood.arousal.toFixed(2)}`;

/**
 * Some simulated listeners to try; none where the catalogue is not the demo.
 * @throws {Problem} `unauthenticated` where the service asks for a key.
 */
export async function welcome() {
  const listeners = await json("demo/listeners");
  return Array.isArray(listeners) ? listeners : [];
}

/**
 * Ask for songs.
 * @param {{user: string, strategy: string, offset: number, n: number, source: object,
 *   filters: object, remember: boolean, session: string|null}} question
 *   source: {kind: "frames", frames: Blob[]} | {kind: "mood", mood} |
 *   {kind: "words", words: string} | {kind: "none"}; filters: query parameters;
 *   remember: keep the mood of this answer; session: the token of the answer whose next page this is.
 */
export async function recommend({ user, strategy, offset, n, source, filters, remember, session }, signal) {
  const query = new URLSearchParams({ user, n, offset, strategy, ...filters });
  if (remember) query.set("remember", "true");
  if (session) query.set("session", session);
  let body;
  if (source.kind === "mood") {
    query.set("mood", moodText(source.mood));
  } else if (source.kind === "words") {
    query.set("query", source.words);
  } else if (source.kind === "frames") {
    query.set("consent", "true");
    body = new FormData();
    source.frames.forEach((frame, i) => body.append("selfie", frame, frame.name ?? `frame-${i}.jpg`));
  }
  return json(`recommend?${query}`, { method: "POST", body, signal });
}

/** A key that makes repeated sending of one thing count once. */
export function newKey() {
  // crypto.randomUUID exists only on https and localhost; a plain-http intranet needs this form.
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** What a song's words and tags say of its mood. */
export const songMood = (song) => json(`songs/${encodeURIComponent(song)}/mood`);

/** Record one event of a listener with a song; the same `key` again changes nothing. */
export const feedback = (user, song, event, key) => json("feedback", sending({ user, song, event }, key));

const artistPath = (user, artist) => `${of(user)}/muted-artists?${new URLSearchParams({ artist })}`;
export const mute = (user, artist) => call(artistPath(user, artist), { method: "PUT" });
export const unmute = (user, artist) => call(artistPath(user, artist), { method: "DELETE" });
export const mutedArtists = (user) => json(`${of(user)}/muted-artists`);

/** Make a journey: {user, from, to, length | minutes, exclude}. */
export const makeJourney = (body, key) => json("playlists", sending(body, key));

/** A file of the service, with the key that a plain link could not send; relative, as all paths here. */
export const file = (path) => call(path.replace(/^\//, ""), {}, (response) => response.blob());

export const history = (user, cursor, n) =>
  json(`${of(user)}/history?${new URLSearchParams({ n, ...(cursor ? { cursor } : {}) })}`);
export const exported = (user) => json(`${of(user)}/export`);
export const erase = (user) => call(of(user), { method: "DELETE" });
export const emotions = (user, n) => json(`${of(user)}/emotions?${new URLSearchParams({ n })}`);
export const forgetEmotions = (user) => call(`${of(user)}/emotions`, { method: "DELETE" });
