// Error codes in plain words, each with what to do next.

const SAY = "say"; // tell the mood instead
const RETRY = "retry";
const KEY = "key";
const NONE = "none";

const SMALLER = ["That picture is too big", "Choose a smaller one, or let the camera take it.", SAY];
const ELSEWHERE = ["That is not here any more", "It may have been taken out in the meantime.", NONE];
const MISUNDERSTOOD = [
  "The service did not understand this page",
  "Reload the page; it may be older than the service.",
  NONE,
];

const TEXTS = {
  // the picture
  no_face: [
    "We could not find a face",
    "Try again with your face in the middle, looking ahead, with light from the front. Or tell us your mood instead.",
    SAY,
  ],
  multiple_faces: [
    "There is more than one face",
    "Take a picture with only you in it, or tell us your mood instead.",
    SAY,
  ],
  image_too_large: SMALLER,
  body_too_large: SMALLER,
  unsupported_image: ["That file is not a picture we can read", "Choose a JPEG, PNG or WebP photo.", SAY],
  unreadable_image: [
    "That picture seems to be damaged",
    "Choose another photo, or let the camera take one.",
    SAY,
  ],
  consent_required: [
    "We need your yes first",
    "Tick the box under the picture to let us read it once. Nothing is stored.",
    SAY,
  ],
  // who may ask, and how often
  unauthenticated: [
    "This service asks for a key",
    "Whoever runs the service can give you one. It stays in this tab and is gone when you close it.",
    KEY,
  ],
  forbidden: [
    "Your key does not allow this",
    "It may belong to another listener, or may not go that far. Check the listener id, or use another key.",
    KEY,
  ],
  rate_limited: ["That was a bit fast", "Nothing is lost: after a short break it goes on.", RETRY],
  overloaded: ["Many people are asking right now", "Nothing is wrong on your side.", RETRY],
  // the service
  not_ready: ["The service is still waking up", "It loads its models first.", RETRY],
  unavailable: [
    "A part of the service is not there",
    "It should come back by itself. If only the picture fails, telling your mood still works.",
    RETRY,
  ],
  internal: ["Something went wrong on our side", "Nothing you did. Please try again in a moment.", RETRY],
  network: [
    "We cannot reach the service",
    "Check your connection. If you run Attune yourself, see that it is started.",
    RETRY,
  ],
  offline: ["You are offline", "What is on the page stays. New songs need a connection.", RETRY],
  timeout: ["The answer took too long", "The service may be busy.", RETRY],
  request_timeout: ["The answer took too long", "The connection may be slow.", RETRY],
  // what was asked
  unknown_song: ELSEWHERE,
  unknown_artist: ELSEWHERE,
  unknown_playlist: ["This journey is not kept any more", "Make it anew: it takes a second.", NONE],
  unknown_user: [
    "Nothing is kept about this listener",
    "There is nothing to show, to take along or to erase.",
    NONE,
  ],
  not_found: ["This service does not offer that", "It may be an older version.", NONE],
  method_not_allowed: MISUNDERSTOOD,
  not_acceptable: MISUNDERSTOOD,
  bad_request: MISUNDERSTOOD,
  idempotency_conflict: [
    "This was sent before with something else in it",
    "Reload the page and try once more.",
    NONE,
  ],
  // the camera
  camera_denied: [
    "The browser blocked the camera",
    "Allow it in the address bar if you like, choose a photo, or tell us your mood. All work equally well.",
    SAY,
  ],
  camera_missing: ["No camera was found", "Choose a photo or tell us your mood instead.", SAY],
  camera_busy: [
    "The camera is in use",
    "Another program seems to hold it. Close that one and try again, or tell us your mood.",
    SAY,
  ],
  camera_insecure: [
    "The camera needs a safe connection",
    "Browsers open a camera only on https or on your own machine. Choose a photo or tell us your mood.",
    SAY,
  ],
};

/** Whether a code has words of its own. */
export const isTold = (code) => Object.hasOwn(TEXTS, code) || code === "invalid_parameter";

/** @returns {{title: string, text: string, action: "say"|"retry"|"key"|"none"}} */
export function explain(problem) {
  if (problem.code === "invalid_parameter")
    return { title: "Something in the question does not fit", text: sentence(problem.detail), action: NONE };
  const known = TEXTS[problem.code];
  if (known) return { title: known[0], text: known[1], action: known[2] };
  return {
    title: "That did not work",
    text: sentence(problem.detail) || "The service could not answer. Please try again in a moment.",
    action: RETRY,
  };
}

const sentence = (text) =>
  text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "";

const FALLBACKS = {
  cold_user:
    "We do not know you yet, so these are songs many people like, chosen for your mood where you gave one. Like or skip a few, and the next list will be more yours.",
  no_history:
    "We have nothing you listened to yet, so these songs lean on your mood and on what many people like. Every like helps.",
  no_model: "The taste model is not ready yet, so these are simply songs many people like.",
  few_moods: "Too few songs have a known mood for a way, so this is a list by taste.",
};

export const explainFallback = (fallback) => FALLBACKS[fallback] ?? null;
