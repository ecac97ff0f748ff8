// From a photo's pixels to the network's input, as OpenCV does it in Python.
//
// A browser's own scaling differs from OpenCV's by many grey levels, and boxes with it.

/**
 * Scale to fit, and pad to the network's size.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} photo RGBA.
 * @param {{input_shape: number[], preprocessing: object}} metadata The model's, of
 *     mmyolo_mnv1/deploy/metadata.py.
 * @returns {{input: Float32Array, scale: number[], offset: number[]}} input is
 *     (3, H, W); a point of the photo times scale plus offset, each as x and y, is the
 *     point in the input.
 */
export function letterbox(photo, metadata) {
  const [height, width] = metadata.input_shape;
  const { color, mean, std, pad_value, scale_up } = metadata.preprocessing;
  const small = fitInside(fit(photo, width, height), width, height, scale_up);
  const left = Math.floor((width - small.width) / 2);
  const top = Math.floor((height - small.height) / 2);
  const area = width * height;
  const input = new Float32Array(3 * area);
  for (let plane = 0; plane < 3; plane++) {
    const channel = color === "rgb" ? plane : 2 - plane;
    const values = Float32Array.from({ length: 256 }, (_, level) =>
      Math.fround((level - mean[plane]) / std[plane]),
    );
    const image = input.subarray(plane * area, (plane + 1) * area);
    image.fill((pad_value - mean[plane]) / std[plane]);
    for (let y = 0; y < small.height; y++) {
      let from = 4 * y * small.width + channel;
      let to = (top + y) * width + left;
      for (let x = 0; x < small.width; x++, from += 4, to++) {
        image[to] = values[small.data[from]];
      }
    }
  }
  return {
    input,
    scale: [small.width / photo.width, small.height / photo.height],
    offset: [left, top],
  };
}

/** MMYOLO's YOLOv5KeepRatioResize: long side to long side, whichever way it stands. */
function fit(photo, width, height) {
  const ratio = Math.min(
    Math.max(width, height) / Math.max(photo.width, photo.height),
    Math.min(width, height) / Math.min(photo.width, photo.height),
  );
  if (ratio === 1) return photo;
  const size = [photo.width, photo.height].map((side) =>
    Math.max(Math.trunc(side * ratio), 1),
  );
  return ratio < 1 ? shrink(photo, ...size) : interpolate(photo, ...size);
}

/** MMYOLO's LetterResize without its padding. */
function fitInside(photo, width, height, scaleUp) {
  let ratio = Math.min(height / photo.height, width / photo.width);
  if (!scaleUp) ratio = Math.min(ratio, 1);
  const size = [photo.width, photo.height].map((side) => roundHalfToEven(side * ratio));
  if (size[0] === photo.width && size[1] === photo.height) return photo;
  return interpolate(photo, ...size);
}

/** OpenCV's INTER_AREA: the mean of what a pixel covers. */
export function shrink(photo, width, height) {
  const columns = cover(photo.width, width);
  const rows = cover(photo.height, height);
  const data = new Uint8ClampedArray(4 * width * height);
  const sum = new Float32Array(4 * width);
  // OpenCV rounds halves to even, but up where it takes the mean of two by two.
  const halved = photo.width === 2 * width && photo.height === 2 * height;
  for (let y = 0; y < height; y++) {
    sum.fill(halved ? 1e-3 : 0);
    for (let j = rows.start[y]; j < rows.start[y + 1]; j++) {
      const line = 4 * photo.width * rows.source[j];
      const weight = rows.weight[j];
      for (let x = 0; x < width; x++) {
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let i = columns.start[x]; i < columns.start[x + 1]; i++) {
          const from = line + 4 * columns.source[i];
          red += photo.data[from] * columns.weight[i];
          green += photo.data[from + 1] * columns.weight[i];
          blue += photo.data[from + 2] * columns.weight[i];
        }
        sum[4 * x] += red * weight;
        sum[4 * x + 1] += green * weight;
        sum[4 * x + 2] += blue * weight;
      }
    }
    data.set(sum, 4 * width * y); // rounded to even
  }
  return { data, width, height };
}

/** Which pixels each pixel of a shorter side covers, and how much of each. */
function cover(from, to) {
  const scale = from / to;
  const start = [0];
  const source = [];
  const weight = [];
  for (let i = 0; i < to; i++) {
    const low = i * scale;
    const high = Math.min(low + scale, from);
    for (let j = Math.floor(low + 1e-3); j < high - 1e-3; j++) {
      source.push(j);
      weight.push((Math.min(j + 1, high) - Math.max(j, low)) / (high - low));
    }
    start.push(source.length);
  }
  return { start, source, weight: Float32Array.from(weight) };
}

const BITS = 11; // of OpenCV's weights

/** OpenCV's INTER_LINEAR, in its fixed-point arithmetic. */
export function interpolate(photo, width, height) {
  const columns = neighbours(photo.width, width);
  const rows = neighbours(photo.height, height);
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    const above = 4 * photo.width * rows.first[y];
    const below = 4 * photo.width * rows.second[y];
    for (let x = 0; x < width; x++) {
      const left = 4 * columns.first[x];
      const right = 4 * columns.second[x];
      const share = columns.share[x];
      const blend = (line, channel) =>
        photo.data[line + left + channel] * ((1 << BITS) - share) +
        photo.data[line + right + channel] * share;
      for (let channel = 0; channel < 3; channel++) {
        const upper = ((1 << BITS) - rows.share[y]) * (blend(above, channel) >> 4);
        const lower = rows.share[y] * (blend(below, channel) >> 4);
        data[4 * (width * y + x) + channel] = ((upper >> 16) + (lower >> 16) + 2) >> 2;
      }
    }
  }
  return { data, width, height };
}

/** The two pixels beside each point of a resized side, and the second one's share. */
function neighbours(from, to) {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Int32Array(to);
  for (let i = 0; i < to; i++) {
    const point = Math.fround(((i + 0.5) * from) / to - 0.5);
    const whole = Math.floor(point);
    first[i] = Math.min(Math.max(whole, 0), from - 1);
    second[i] = Math.min(Math.max(whole + 1, 0), from - 1);
    share[i] = roundHalfToEven(Math.fround(point - whole) * (1 << BITS));
  }
  return { first, second, share };
}

/** As Python and OpenCV round. */
function roundHalfToEven(value) {
  const whole = Math.floor(value);
  if (value - whole !== 0.5) return Math.round(value);
  return whole + (whole % 2);
}
