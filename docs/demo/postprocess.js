// From the network's outputs to detections, as Python does it.

/**
 * Filter by score, suppress overlapping boxes class by class, go back to the photo.
 *
 * @param {Float32Array} boxes (priors, 4) as x1, y1, x2, y2 in pixels of the input.
 * @param {Float32Array} scores (priors, classes).
 * @param {{names: string[], nms: object}} metadata The model's.
 * @param {{scale: number[], offset: number[]}} placed What letterbox() returns.
 * @param {{width: number, height: number}} photo Its size, to which boxes are cut.
 * @returns {{box: number[], score: number, label: number, name: string}[]} Best first;
 *     box is x1, y1, x2, y2 in pixels of the photo.
 */
export function postprocess(boxes, scores, metadata, placed, photo) {
  const { iou_threshold, max_detections } = metadata.nms;
  const classes = metadata.names.length;
  const kept = metadata.names.map(() => []);
  const detections = [];
  for (const candidate of select(scores, classes, metadata.nms)) {
    if (detections.length === max_detections) break;
    const label = candidate % classes;
    const prior = (candidate - label) / classes;
    const box = boxes.subarray(4 * prior, 4 * prior + 4);
    if (kept[label].some((better) => iou(better, box) > iou_threshold)) continue;
    kept[label].push(box);
    detections.push({
      box: toPhoto(box, placed, photo),
      score: scores[candidate],
      label,
      name: metadata.names[label],
    });
  }
  return detections;
}

/** Indices into the scores of those that are high enough, best first. */
function select(scores, classes, { score_threshold, multi_label, max_candidates }) {
  const found = [];
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > score_threshold) found.push(i);
  }
  found.sort((a, b) => scores[b] - scores[a]);
  if (multi_label) return found.slice(0, max_candidates);
  const taken = new Set(); // a prior's best class comes first
  return found
    .filter((i) => {
      const prior = Math.floor(i / classes);
      return !taken.has(prior) && taken.add(prior);
    })
    .slice(0, max_candidates);
}

/** Intersection over union of two boxes. */
function iou(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return shared / (area(a) + area(b) - shared);
}

/** A box of the input in pixels of the photo, cut to it. */
function toPhoto(box, { scale, offset }, photo) {
  const limits = [photo.width, photo.height];
  return Array.from(box, (value, i) => {
    const point = (value - offset[i % 2]) / scale[i % 2];
    return Math.min(Math.max(point, 0), limits[i % 2]);
  });
}
