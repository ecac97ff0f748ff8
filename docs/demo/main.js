// The page: what the user chooses, what they see.

import { Detector } from "./detector.js";
import { openCamera, readFile, readPixels } from "./sources.js";
import { draw, list } from "./view.js";

const EXAMPLE = "./photo.jpg";
const find = (id) => document.getElementById(id);
const [file, camera, example, threshold] = [
  "file",
  "camera",
  "example",
  "threshold",
].map(find);
const [error, summary, timing, view] = ["error", "summary", "timing", "view"].map(find);

const detector = new Detector();
let shown = null; // { photo, detections, times }
let current = 0; // counts sources; an older one's results are not shown
let stream = null; // of the camera

/** Show what is above the threshold. */
function render() {
  find("threshold-value").value = Number(threshold.value).toFixed(2);
  if (!shown) return;
  const { photo, detections, times } = shown;
  const found = detections.filter(({ score }) => score >= Number(threshold.value));
  draw(view, photo, found);
  list(find("detections").tBodies[0], found);
  timing.textContent =
    `${times.total.toFixed(1)} ms a frame: letterbox ${times.letterbox.toFixed(1)}, ` +
    `network ${times.network.toFixed(1)}, boxes ${times.boxes.toFixed(1)}`;
  view.setAttribute("aria-label", `${photo.width} by ${photo.height} pixels, ${count(found)}`);
  if (!stream) summary.textContent = count(found);
}

function count({ length }) {
  return length === 1 ? "1 detection" : `${length || "no"} detections`;
}

/** Detect on a photo, unless another source has been chosen since. */
async function detect(photo, source) {
  const result = await detector.detect(readPixels(photo));
  if (source !== current) return photo.close();
  shown?.photo.close();
  shown = { photo, ...result };
  render();
}

/** Choose a source; what goes wrong is said on the page. */
async function choose(use) {
  const source = ++current;
  closeCamera();
  error.textContent = "";
  try {
    await use(source);
  } catch ({ message }) {
    if (source === current) fail(message);
  }
}

function fail(message) {
  closeCamera();
  summary.textContent = "";
  error.textContent = message;
}

function usePhoto(blob, name) {
  return choose(async (source) => {
    summary.textContent = `Looking at ${name}…`;
    await detect(await readFile(blob, name), source);
  });
}

function useExample() {
  return choose(async (source) => {
    const response = await fetch(EXAMPLE);
    if (!response.ok) throw new Error(`${EXAMPLE} is missing: build the page again`);
    await detect(await readFile(await response.blob(), "the example"), source);
  });
}

function useCamera() {
  return choose(async (source) => {
    summary.textContent = "Waiting for the camera…";
    const opened = await openCamera();
    if (source !== current) return opened.close();
    stream = opened;
    camera.setAttribute("aria-pressed", "true");
    camera.textContent = "Stop the camera";
    summary.textContent = "The camera is on.";
    while (source === current && stream) {
      await detect(await stream.frame(), source);
    }
  });
}

function closeCamera() {
  stream?.close();
  stream = null;
  camera.setAttribute("aria-pressed", "false");
  camera.textContent = "Use the camera";
}

file.addEventListener("change", () => {
  const [photo] = file.files;
  if (photo) usePhoto(photo, photo.name);
  file.value = ""; // the same photo may be chosen again
});
camera.addEventListener("click", () => {
  if (!stream) return useCamera();
  current++;
  closeCamera();
  render();
});
example.addEventListener("click", useExample);
threshold.addEventListener("input", render);
window.addEventListener("resize", render);
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dragging", type === "dragover");
    const photo = type === "drop" && event.dataTransfer.files[0];
    if (photo && !file.disabled) usePhoto(photo, photo.name);
  });
}

/** Load the model, then show the example. */
async function start() {
  const inputs = [file, camera, example, threshold];
  inputs.forEach((input) => (input.disabled = true));
  summary.textContent = "Loading the model…";
  try {
    const { metadata, threads } = await detector.load();
    const [height, width] = metadata.input_shape;
    const classes = metadata.names.length;
    find("model").textContent =
      `Input ${width} × ${height} px, ${classes} ${classes === 1 ? "class" : "classes"}, ` +
      `${threads} ${threads === 1 ? "thread" : "threads"}. Photos stay on this device.`;
    inputs.forEach((input) => (input.disabled = false));
  } catch ({ message }) {
    return fail(`The model cannot be loaded: ${message}. Build the page again.`);
  }
  await useExample();
}

start();
