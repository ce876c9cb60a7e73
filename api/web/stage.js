// The picture half of question three: consent gate, camera, photo, drag and drop.
import { byId } from "./dom.js";
import { cameraIsOn, capture, dropShot, fromFile, startCamera, stopCamera } from "./picture.js";

const consent = byId("consent");
const camera = byId("camera");
const photo = byId("photo");
const file = byId("file");
const stage = byId("drop");
const pips = byId("pips");
const text = byId("stage-text");

const WAITS = "The camera and the photo wait for your yes: tick the box above.";
const ANEW = "A new picture needs a new yes: tick the box above.";

let shot = null;
let hooks = {};
let working = false;

/** The picture this tab holds: {frames, still} or null. */
export const currentShot = () => shot;

function show() {
  const live = cameraIsOn();
  byId("preview").hidden = !live;
  byId("still").hidden = live || !shot?.still;
  text.hidden = Boolean(shot?.still) && !live;
  text.textContent = live ? "Ready when you are" : "Your face, for a second";
  pips.hidden = true;
  byId("cancel").hidden = !live;
  photo.hidden = live;
  stage.classList.toggle("live", live);
  camera.textContent = live ? "Take the picture" : shot ? "Take another" : "Start the camera";
  photo.textContent = shot ? "Another photo" : "Choose a photo";
}

function gate(words = WAITS) {
  for (const button of [camera, photo]) {
    button.classList.toggle("waits", !consent.checked);
    if (consent.checked) button.removeAttribute("aria-describedby");
    else button.setAttribute("aria-describedby", "gate");
  }
  byId("gate").textContent = words;
  byId("gate").classList.toggle("met", consent.checked); // keeps its room: nothing below jumps
}

// The buttons stay reachable without consent, so that they can say what they wait for.
function allowed() {
  if (shot) letGo(ANEW); // a yes is for one picture
  if (consent.checked) return hooks.ready();
  const words = byId("gate");
  words.classList.remove("asked");
  void words.offsetWidth; // restarts the nudge
  words.classList.add("asked");
  consent.focus();
  return false;
}

function hold(picture) {
  dropShot(shot);
  shot = picture;
  const still = byId("still");
  if (shot?.still) {
    still.src = shot.still.url;
    still.alt = "The picture to be read";
  } else still.removeAttribute("src");
  show();
}

function letGo(words) {
  consent.checked = false;
  stopCamera();
  hold(null);
  gate(words);
  hooks.ondrop();
}

/** Let the camera go, where it is out of sight. */
export function closeCamera() {
  if (!cameraIsOn()) return;
  stopCamera();
  show();
}

async function attempt(work) {
  if (working) return; // a second click while the camera opens must not open it twice
  working = true;
  try {
    await work();
  } catch (problem) {
    stopCamera();
    hooks.onproblem(problem);
  } finally {
    working = false;
    show();
  }
}

// The yes may have been taken back while the picture was being made.
function present(picture) {
  if (!consent.checked) return dropShot(picture);
  hold(picture);
  return hooks.onshot(shot);
}

const take = (chosen) =>
  attempt(async () => {
    stopCamera();
    present(await fromFile(chosen));
  });

// Likewise while the browser asked whether the camera may be opened.
async function open() {
  await startCamera();
  if (!consent.checked) stopCamera();
}

async function shoot() {
  if (!cameraIsOn()) return open();
  text.textContent = "Hold still";
  pips.hidden = false;
  const moment = await capture((n) =>
    [...pips.children].forEach((pip, i) => pip.classList.toggle("on", i < n)),
  );
  return moment && present(moment);
}

/**
 * Wire the half.
 * @param {object} given
 *   ready: () => boolean, asked before a picture is made (is the listener named?);
 *   onshot: (shot) => void; onproblem: (problem) => void; ondrop: () => void, when the picture is let go.
 */
export function openStage(given) {
  hooks = given;
  camera.addEventListener("click", () => (cameraIsOn() || allowed()) && attempt(shoot));
  byId("cancel").addEventListener("click", () => {
    closeCamera();
    camera.focus();
  });
  photo.addEventListener("click", () => allowed() && file.click());
  file.addEventListener("change", () => {
    const chosen = file.files[0];
    file.value = "";
    if (chosen && allowed()) take(chosen);
  });
  consent.addEventListener("change", () => (consent.checked ? gate() : letGo(WAITS)));
  openDrop();
  addEventListener("pagehide", stopCamera);
  consent.checked = false; // some browsers restore a ticked box on reload; consent is asked anew
  gate();
  show();
}

function openDrop() {
  const over = (on) => (event) => {
    event.preventDefault();
    stage.classList.toggle("over", on);
  };
  stage.addEventListener("dragover", over(true));
  stage.addEventListener("dragleave", over(false));
  stage.addEventListener("drop", (event) => {
    over(false)(event);
    const dropped = event.dataTransfer?.files[0];
    if (dropped && allowed()) take(dropped);
  });
  // A picture dropped beside the stage must not replace the page.
  for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
}
