// WorldNet, as course_lib/backbones/worldnet.py has it, on tfjs. Pictures are NHWC here.
//
// tfjs's wasm backend has no gradient of a convolution's weights and none of max pooling, so both
// are written out: the first as matrix products, the second as comparisons.
import * as tf from "@tensorflow/tfjs-core";

export const STAGES = ["stem", "layer1", "layer2", "layer3", "layer4"];
const WIDTHS = { stem: 32, layer1: 32, layer2: 64, layer3: 128, layer4: 256 };
const EPS = 1e-5;

/** What each place of a kernel sees: (rows * columns of the output, height * width * inputs). */
function patches(x, [, rows, columns], [height, width, inputs], stride, pad) {
  const padded = pad ? tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]]) : x;
  const places = [];
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) {
      const end = [x.shape[0], i + stride * (rows - 1) + 1, j + stride * (columns - 1) + 1, inputs];
      places.push(tf.stridedSlice(padded, [0, i, j, 0], end, [1, stride, stride, 1]));
    }
  return tf.reshape(tf.concat(places, 3), [-1, height * width * inputs]);
}

// Products are of plain matrices: with tfjs's own flags for transposed ones they are many times slower.
function weightGradient(x, dy, shape, stride, pad) {
  const seen = tf.transpose(patches(x, dy.shape, shape, stride, pad));
  return tf.reshape(tf.matMul(seen, tf.reshape(dy, [-1, shape[3]])), shape);
}

/** A convolution of dy with the kernel turned round, between zeros where the stride skipped. */
function inputGradient(dy, w, [, height, width], stride, pad) {
  const around = w.shape[0] - 1 - pad;
  const wide = stride === 1 ? dy : spread(dy);
  const missing = [height, width].map((size, k) => size - (wide.shape[k + 1] + 2 * around - w.shape[0] + 1));
  const padded = tf.pad(wide, [[0, 0], [around, around + missing[0]], [around, around + missing[1]], [0, 0]]);
  return tf.conv2d(padded, tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]), 1, 0);
}

/** Rows and columns of zeros between those of x: (n, 2 rows - 1, 2 columns - 1, channels). */
function spread(x) {
  const [n, rows, columns, channels] = x.shape;
  const across = tf.reshape(tf.stack([x, tf.zerosLike(x)], 3), [n, rows, 2 * columns, channels]);
  const both = tf.reshape(tf.stack([across, tf.zerosLike(across)], 2), [n, 2 * rows, 2 * columns, channels]);
  return tf.slice(both, [0, 0, 0, 0], [n, 2 * rows - 1, 2 * columns - 1, channels]);
}

/** Convolution. inner: whether x has a gradient, too: pictures and frozen features have none. */
export function conv(x, weight, stride, pad, inner = true) {
  const value = (x, w) => tf.conv2d(x, w, stride, pad, "NHWC", 1, "floor");
  if (!inner)
    return tf.customGrad((w, save) => {
      save([w]);
      return { value: value(x, w), gradFunc: (dy) => weightGradient(x, dy, w.shape, stride, pad) };
    })(weight);
  return tf.customGrad((x, w, save) => {
    save([x, w]);
    return {
      value: value(x, w),
      gradFunc: (dy, [x, w]) => [
        inputGradient(dy, w, x.shape, stride, pad),
        weightGradient(x, dy, w.shape, stride, pad),
      ],
    };
  })(x, weight);
}

/** 3x3 windows, stride 2, padding 1; of equal values in a window the first gets the gradient. */
export function maxPool(x) {
  const run = tf.customGrad((x, save) => {
    const value = tf.maxPool(x, 3, 2, 1, "floor");
    save([x, value]);
    return { value, gradFunc: (dy, [x, y]) => poolGradient(x, y, dy) };
  });
  return run(x);
}

function poolGradient(x, y, dy) {
  const [n, height, width, channels] = x.shape;
  const [, rows, columns] = y.shape;
  const padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], -1e30);
  let open = tf.onesLike(y);
  let total = tf.zeros([n, height + 2, width + 2, channels]);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) {
      const end = [n, i + 2 * (rows - 1) + 1, j + 2 * (columns - 1) + 1, channels];
      const seen = tf.stridedSlice(padded, [0, i, j, 0], end, [1, 2, 2, 1]);
      const here = tf.mul(tf.cast(tf.equal(seen, y), "float32"), open);
      open = tf.sub(open, here);
      // Back to the places that this corner of the windows looked at: every second one.
      const back = spread(tf.mul(here, dy));
      const [, high, long] = back.shape;
      const placed = tf.pad(back, [[0, 0], [i, height + 2 - i - high], [j, width + 2 - j - long], [0, 0]]);
      total = tf.add(total, placed);
    }
  return tf.slice(total, [0, 1, 1, 0], x.shape);
}

/** batch: null for the stored statistics, else a Map that receives those of this batch. */
function norm(x, p, name, batch) {
  let mean = p[`${name}.running_mean`];
  let variance = p[`${name}.running_var`];
  if (batch) {
    ({ mean, variance } = tf.moments(x, [0, 1, 2]));
    batch.set(name, [tf.keep(tf.clone(mean)), tf.keep(tf.clone(variance)), x.size / x.shape[3]]);
  }
  const scale = tf.mul(p[`${name}.weight`], tf.rsqrt(tf.add(variance, EPS)));
  return tf.add(tf.mul(x, scale), tf.sub(p[`${name}.bias`], tf.mul(mean, scale)));
}

function block(x, p, name, stride, batch, inner) {
  const down = `${name}.downsample`;
  const shortcut = p[`${down}.0.weight`]
    ? norm(conv(x, p[`${down}.0.weight`], stride, 0, inner), p, `${down}.1`, batch)
    : x;
  const first = tf.relu(norm(conv(x, p[`${name}.conv1.weight`], stride, 1, inner), p, `${name}.bn1`, batch));
  const second = norm(conv(first, p[`${name}.conv2.weight`], 1, 1), p, `${name}.bn2`, batch);
  return tf.relu(tf.add(second, shortcut));
}

/** The stages from the one named `begin` up to, without, `end`. x: what `begin` takes. */
export function runStages(x, p, { begin = "stem", end = null, batch = null } = {}) {
  const last = end ? STAGES.indexOf(end) : STAGES.length;
  for (const stage of STAGES.slice(STAGES.indexOf(begin), last)) {
    if (stage === "stem") {
      x = maxPool(tf.relu(norm(conv(x, p["conv1.weight"], 2, 3, false), p, "bn1", batch)));
    } else {
      x = block(x, p, `${stage}.0`, stage === "layer1" ? 1 : 2, batch, stage !== begin);
      x = block(x, p, `${stage}.1`, 1, batch, true);
    }
  }
  return x;
}

export const pooled = (x) => tf.mean(x, [1, 2]);

export const logits = (features, p) =>
  tf.add(tf.matMul(features, p["fc.weight"], false, true), p["fc.bias"]);

/** uint8 pictures (n, 64, 64, 3), one after the other, as the net takes them. */
export function prepare(pictures, { mean, std }) {
  return tf.tidy(() => {
    const x = tf.tensor(Float32Array.from(pictures), [pictures.length / 12288, 64, 64, 3]);
    return tf.div(tf.sub(tf.div(x, 255), tf.tensor1d(mean)), tf.tensor1d(std));
  });
}

/** Tensors by name, convolutions as (height, width, in, out), of arrays by name (PyTorch's order). */
export function parameters(arrays) {
  const found = {};
  for (const [name, { shape, values }] of Object.entries(arrays)) {
    if (name.endsWith("num_batches_tracked")) continue;
    const tensor = tf.tensor(values, shape);
    found[name] = shape.length === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
    if (found[name] !== tensor) tensor.dispose();
  }
  return found;
}

/** WorldNet with random weights, drawn as PyTorch's WorldNet draws them (He, fan out). */
export function freshParameters(random) {
  const arrays = {};
  const conv = (name, out, inputs, size) => {
    const deviation = Math.sqrt(2 / (out * size * size));
    const values = Float32Array.from({ length: out * inputs * size * size }, () => deviation * random.normal());
    arrays[`${name}.weight`] = { shape: [out, inputs, size, size], values };
  };
  const bn = (name, width) => {
    const filled = (value) => ({ shape: [width], values: new Float32Array(width).fill(value) });
    arrays[`${name}.weight`] = filled(1);
    arrays[`${name}.bias`] = filled(0);
    arrays[`${name}.running_mean`] = filled(0);
    arrays[`${name}.running_var`] = filled(1);
  };
  conv("conv1", 32, 3, 7);
  bn("bn1", 32);
  let inputs = 32;
  for (const stage of STAGES.slice(1)) {
    const width = WIDTHS[stage];
    for (const [index, from] of [inputs, width].entries()) {
      const name = `${stage}.${index}`;
      conv(`${name}.conv1`, width, from, 3);
      bn(`${name}.bn1`, width);
      conv(`${name}.conv2`, width, width, 3);
      bn(`${name}.bn2`, width);
      if (from !== width) {
        conv(`${name}.downsample.0`, width, from, 1);
        bn(`${name}.downsample.1`, width);
      }
    }
    inputs = width;
  }
  return parameters(arrays);
}
