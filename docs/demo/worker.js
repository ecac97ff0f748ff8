// Runs the model beside the page, which stays responsive.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { letterbox } from "./letterbox.js";
import { postprocess } from "./postprocess.js";

const MODEL = "./model.onnx";
const METADATA = "./model.json";

// More threads need a page that is isolated from other origins (see README.md).
ort.env.wasm.numThreads = self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;

let model;

/** Load the model; returns what the page shows of it. */
async function load() {
  const metadata = await (await get(METADATA)).json();
  for (const name of ["names", "input_shape", "preprocessing", "nms"]) {
    metadata[name] = JSON.parse(metadata[name]); // strings, as in the ONNX file
  }
  const bytes = await (await get(MODEL)).arrayBuffer();
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
  });
  model = { metadata, session };
  const [height, width] = metadata.input_shape;
  const data = new Uint8ClampedArray(4 * width * height);
  await detect({ photo: { data, width, height } }); // the first run is slower
  return { metadata, threads: ort.env.wasm.numThreads };
}

/** Detect objects in RGBA pixels; times are in milliseconds. */
async function detect({ photo }) {
  const { metadata, session } = model;
  const begin = performance.now();
  const placed = letterbox(photo, metadata);
  const images = new ort.Tensor("float32", placed.input, [1, 3, ...metadata.input_shape]);
  const letterboxed = performance.now();
  const { boxes, scores } = await session.run({ images });
  const computed = performance.now();
  const detections = postprocess(boxes.data, scores.data, metadata, placed, photo);
  const end = performance.now();
  return {
    detections,
    times: {
      letterbox: letterboxed - begin,
      network: computed - letterboxed,
      boxes: end - computed,
      total: end - begin,
    },
  };
}

async function get(path) {
  const response = await fetch(new URL(path, import.meta.url));
  if (!response.ok) throw new Error(`${path} is missing (HTTP ${response.status})`);
  return response;
}

const tasks = { load, detect };

self.onmessage = async ({ data: { task, ...args } }) => {
  try {
    self.postMessage({ result: await tasks[task](args) });
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};
