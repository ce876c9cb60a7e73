// The picture half of question three: consent gate, camera, photo, drag and drop.
import { byId } from "./dom.js";
import { cameraIsOn, capture, dropShot, fromFile, startCamera, stopCamera } from "./picture.js";

const consent = byId("consent");
const camera = byId("camera");
const photo = byId("photo");
const file = byId("file");
const stage = byId("drop");

let shot = null;
let ready = () => true;
let working = false;

/** The picture this tab holds: {frames, still} or null. */
export const currentShot = () => shot;

function show() {
  const live = cameraIsOn();
  byId("preview").hidden = !live;
  byId("still").hidden = live || !shot?.still;
  byId("stage-text").hidden = live || Boolean(shot?.still);
  byId("cancel").hidden = !live;
  photo.hidden = live;
  stage.classList.toggle("live", live);
  camera.textContent = live ? "Take the picture" : shot ? "Start the camera again" : "Start the camera";
}

function gate() {
  for (const button of [camera, photo]) {
    button.classList.toggle("waits", !consent.checked);
    if (consent.checked) button.removeAttribute("aria-describedby");
    else button.setAttribute("aria-describedby", "gate");
  }
  byId("gate").hidden = consent.checked;
}

// The buttons stay reachable without consent, so that they can say what they wait for.
function allowed() {
  if (consent.checked) return ready();
  const text = byId("gate");
  text.classList.remove("asked");
  void text.offsetWidth; // restarts the nudge
  text.classList.add("asked");
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

/**
 * Wire the half.
 * @param {object} hooks
 *   ready: () => boolean, asked before a picture is made (is the listener named?);
 *   onshot: (shot) => void; onproblem: (problem) => void; ondrop: () => void, when consent is taken back.
 */
export function openStage({ onshot, onproblem, ondrop, ...hooks }) {
  ready = hooks.ready;
  const attempt = async (work) => {
    if (working) return; // a second click while the camera opens must not open it twice
    working = true;
    try {
      await work();
    } catch (problem) {
      stopCamera();
      onproblem(problem);
    } finally {
      working = false;
      show();
    }
  };
  const take = (chosen) =>
    attempt(async () => {
      stopCamera();
      hold(await fromFile(chosen));
      onshot(shot);
    });
  camera.addEventListener(
    "click",
    () =>
      allowed() &&
      attempt(async () => {
        if (!cameraIsOn()) return startCamera();
        stage.classList.add("flash");
        hold(await capture());
        stage.classList.remove("flash");
        return onshot(shot);
      }),
  );
  byId("cancel").addEventListener("click", () => {
    stopCamera();
    show();
    camera.focus();
  });
  photo.addEventListener("click", () => allowed() && file.click());
  file.addEventListener("change", () => {
    const chosen = file.files[0];
    if (chosen && allowed()) take(chosen);
    file.value = "";
  });
  consent.addEventListener("change", () => {
    gate();
    if (consent.checked) return;
    stopCamera();
    hold(null);
    ondrop();
  });
  openDrop(take);
  addEventListener("pagehide", stopCamera);
  consent.checked = false; // some browsers restore a ticked box on reload; consent is asked anew
  gate();
  show();
}

function openDrop(take) {
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
