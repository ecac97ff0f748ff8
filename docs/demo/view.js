// Draws a photo with its detections, and lists them.

// Ten colours that stay apart in most kinds of colour blindness, then again.
const COLOURS = [
  "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
  "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
];
const LARGEST = 2; // CSS pixels to a pixel of the photo
const TALLEST = 0.75; // of the window
const LINE = 2; // CSS pixels, as the next two
const FONT = 14;
const GAP = 4;

/**
 * Draw a photo as large as the canvas's parent allows, at the screen's resolution.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasImageSource} photo With width and height.
 * @param {object[]} detections As postprocess() returns them.
 */
export function draw(canvas, photo, detections) {
  const { paddingLeft, paddingRight } = getComputedStyle(canvas.parentElement);
  const room =
    canvas.parentElement.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  const zoom = Math.min(
    LARGEST,
    room / photo.width,
    (TALLEST * window.innerHeight) / photo.height,
  );
  const width = photo.width * zoom;
  const height = photo.height * zoom;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * window.devicePixelRatio);
  canvas.height = Math.round(height * window.devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(canvas.width / width, canvas.height / height);
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, width, height);
  context.font = `600 ${FONT}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const detection of [...detections].reverse()) {
    drawBox(context, detection, zoom, width); // the best ones last, on top
  }
}

function drawBox(context, { box, label, name, score }, zoom, width) {
  const [x1, y1, x2, y2] = box.map((value) => value * zoom);
  context.strokeStyle = context.fillStyle = colour(label);
  context.lineWidth = LINE;
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  const text = `${name} ${score.toFixed(2)}`;
  const tag = { width: context.measureText(text).width + 2 * GAP, height: FONT + GAP };
  const left = Math.max(Math.min(x1 - LINE / 2, width - tag.width), 0);
  const top = y1 < tag.height ? y1 : y1 - tag.height;
  context.fillRect(left, top, tag.width, tag.height);
  context.fillStyle = ink(label);
  context.fillText(text, left + GAP, top + tag.height / 2);
}

/**
 * List detections in a table's body.
 *
 * @param {HTMLTableSectionElement} body
 * @param {object[]} detections As postprocess() returns them.
 */
export function list(body, detections) {
  body.replaceChildren(
    ...detections.map(({ box, label, name, score }) => {
      const row = document.createElement("tr");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = colour(label);
      row.insertCell().append(swatch, name);
      row.insertCell().append(score.toFixed(3));
      row.insertCell().append(box.map((value) => value.toFixed(1)).join(", "));
      return row;
    }),
  );
}

function colour(label) {
  return COLOURS[label % COLOURS.length];
}

/** Black or white, whichever is easier to read on a class's colour (WCAG 2). */
function ink(label) {
  const [red, green, blue] = [1, 3, 5].map((i) => {
    const value = parseInt(colour(label).slice(i, i + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}
