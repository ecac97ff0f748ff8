// Where photos come from: files and the camera.

const MOST_PIXELS = 2 ** 24; // what every browser can read from a canvas

/**
 * Decode an image file as OpenCV does: turned as EXIF says, colours as they stand.
 *
 * @param {Blob} blob
 * @param {string} name For the message.
 * @returns {Promise<ImageBitmap>} Scaled down if no canvas could hold it.
 */
export async function readFile(blob, name) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  try {
    const photo = await createImageBitmap(blob, options);
    const ratio = Math.sqrt(MOST_PIXELS / (photo.width * photo.height));
    if (ratio >= 1) return photo;
    return await createImageBitmap(photo, {
      resizeWidth: Math.floor(photo.width * ratio),
      resizeHeight: Math.floor(photo.height * ratio),
      resizeQuality: "high",
    });
  } catch {
    throw new Error(`${name} is no image that this browser reads: choose a JPEG or PNG.`);
  }
}

/**
 * A photo's pixels.
 *
 * @param {ImageBitmap} photo
 * @returns {ImageData} RGBA.
 */
export function readPixels(photo) {
  const canvas = document.createElement("canvas");
  canvas.width = photo.width;
  canvas.height = photo.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(photo, 0, 0);
  return context.getImageData(0, 0, photo.width, photo.height);
}

const REASONS = {
  NotAllowedError: "its use was refused: allow it in the browser's address bar",
  NotFoundError: "there is none: connect one, or choose a photo",
  NotReadableError: "another program uses it: close that",
};

/**
 * Open the camera, on a phone the one at its back.
 *
 * @returns {Promise<{frame: function(): Promise<ImageBitmap>, close: function()}>}
 */
export async function openCamera() {
  if (!navigator.mediaDevices) {
    throw new Error("No camera: browsers give it only to pages of https or localhost.");
  }
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
    await video.play();
  } catch ({ name, message }) {
    throw new Error(`No camera: ${REASONS[name] ?? message}.`);
  }
  const [track] = video.srcObject.getVideoTracks();
  return {
    async frame() {
      await new Promise(requestAnimationFrame);
      if (track.readyState === "ended") throw new Error("The camera has gone.");
      return createImageBitmap(video);
    },
    close: () => track.stop(),
  };
}
