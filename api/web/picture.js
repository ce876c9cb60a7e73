// The camera and the photo: pictures are made here, in memory, and only with the consent box ticked.
import { Problem } from "./api.js";
import { byId } from "./dom.js";

const LONGEST = 1280; // pixels of a photo, where the face may be small
const CAMERA_LONGEST = 800; // pixels of a frame: the face is near, and five uploads stay small
export const FRAMES = 5;
const PAUSE = 220; // milliseconds between two frames: five take about a second
const QUALITY = 0.9;

const CAMERA_PROBLEMS = {
  NotAllowedError: "camera_denied",
  SecurityError: "camera_denied",
  NotFoundError: "camera_missing",
  OverconstrainedError: "camera_missing",
  NotReadableError: "camera_busy",
  AbortError: "camera_busy",
};

let stream = null;

export const cameraIsOn = () => stream !== null;

/** Open the camera and show its picture, mirrored as people know themselves. */
export async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Problem("camera_insecure");
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } },
    });
  } catch (error) {
    throw new Problem(CAMERA_PROBLEMS[error.name] ?? "camera_busy", error.message);
  }
  const video = byId("preview");
  video.srcObject = stream;
  await video.play();
}

export function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  byId("preview").srcObject = null;
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Draw a video frame or bitmap at most so many pixels wide or high; a canvas keeps no EXIF, so no place or time travels. */
function toJpeg(source, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => {
        if (blob) resolve({ blob, width: canvas.width, height: canvas.height });
        else reject(new Problem("unreadable_image"));
      },
      "image/jpeg",
      QUALITY,
    );
  });
}

/** Take the frames of one moment and let the camera go; `ontaken(n)` is called after each. */
export async function capture(ontaken) {
  const video = byId("preview");
  const frames = [];
  for (let i = 0; i < FRAMES; i += 1) {
    if (i) await wait(PAUSE);
    if (!stream) return null; // stopped, or consent was taken back, in the middle
    frames.push(await toJpeg(video, video.videoWidth, video.videoHeight, CAMERA_LONGEST));
    ontaken(i + 1);
  }
  stopCamera();
  return shot(frames);
}

/** Prepare a photo file; one the browser cannot read goes as it is, and the service says why not. */
export async function fromFile(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { frames: [file], still: null };
  }
  const frame = await toJpeg(bitmap, bitmap.width, bitmap.height, LONGEST);
  bitmap.close();
  return shot([frame]);
}

// The service frames the face in the last picture, so that one is shown.
function shot(frames) {
  const last = frames.at(-1);
  return {
    frames: frames.map((frame) => frame.blob),
    still: { url: URL.createObjectURL(last.blob), width: last.width, height: last.height },
  };
}

/** Let a picture go: nothing of it stays in this tab. */
export function dropShot(picture) {
  if (picture?.still) URL.revokeObjectURL(picture.still.url);
}
