// Error codes in plain words, each with what to do next.

const SAY = "say";
const RETRY = "retry";
const KEY = "key";

const TEXTS = {
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
  image_too_large: ["That picture is too big", "Choose a smaller one, or let the camera take it.", SAY],
  body_too_large: ["That picture is too big", "Choose a smaller one, or let the camera take it.", SAY],
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
  overloaded: ["Many people are asking right now", "Nothing is wrong on your side.", RETRY],
  rate_limited: ["That was a bit fast", "The service asks for a short break.", RETRY],
  unauthenticated: [
    "This service asks for a key",
    "Open the settings and paste your API key. Whoever runs the service can give you one.",
    KEY,
  ],
  forbidden: [
    "Your key does not allow this",
    "It may belong to another listener. Check the listener id, or paste another key in the settings.",
    KEY,
  ],
  not_ready: ["The service is still waking up", "It loads its models first.", RETRY],
  unavailable: ["A part of the service is not there", "Songs for a mood you tell may still work.", SAY],
  internal: ["Something went wrong on our side", "Nothing you did. Please try again in a moment.", RETRY],
  network: [
    "We cannot reach the service",
    "Check your connection. If you run Attune yourself, see that it is started.",
    RETRY,
  ],
  timeout: ["The answer took too long", "The service may be busy.", RETRY],
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

/** @returns {{title: string, text: string, action: "say"|"retry"|"key"}} */
export function explain(problem) {
  const known = TEXTS[problem.code];
  if (!known) {
    return {
      title: "That did not work",
      text: problem.detail || "The service could not answer. Please try again in a moment.",
      action: RETRY,
    };
  }
  const [title, text, action] = known;
  if (action !== RETRY || !problem.retryAfter) return { title, text, action };
  const seconds = problem.retryAfter === 1 ? "a second" : `${problem.retryAfter} seconds`;
  return { title, text: `${text} Try again in ${seconds}.`, action };
}

const FALLBACKS = {
  cold_user:
    "We do not know you yet, so these are songs many people like, chosen for your mood where you gave one. Like or skip a few, and the next list will be more yours.",
  no_history:
    "We have nothing you listened to yet, so these songs lean on your mood and on what many people like. Every like helps.",
  no_model: "The taste model is not ready yet, so these are simply songs many people like.",
};

export const explainFallback = (fallback) => FALLBACKS[fallback] ?? null;
