// A head of one's own: logistic regression on features, by Nesterov's gradient descent.
//
// n pictures are few and features many, so the weights are kept as sums of pictures: one number
// for each picture and class. Then leaving one picture out is a matter of not adding it.
export const STEPS = 300;
export const PULL = 1e-3; // weight decay
const RATE = 1;

/** Mean and spread of each feature; a feature that never changes gets spread 1. */
export function scaling(features) {
  const n = features.length;
  const width = features[0].length;
  const mean = new Float64Array(width);
  const spread = new Float64Array(width);
  for (const row of features) row.forEach((value, k) => (mean[k] += value / n));
  for (const row of features) row.forEach((value, k) => (spread[k] += (value - mean[k]) ** 2 / n));
  return { mean, spread: spread.map((value) => (value > 1e-12 ? Math.sqrt(value) : 1)) };
}

/** Every picture with every picture: the product of their scaled features, and 1 for the bias. */
function products(features, { mean, spread }) {
  const width = mean.length;
  const rows = features.map((row) =>
    Float64Array.from(row, (value, k) => (value - mean[k]) / spread[k] / Math.sqrt(width)));
  return rows.map((a) => Float64Array.from(rows, (b) => {
    let sum = 1;
    for (let k = 0; k < width; k++) sum += a[k] * b[k];
    return sum;
  }));
}

/**
 * One number for each picture and class; pictures in `left` teach nothing. Every class weighs the
 * same, however many pictures it has: else the class of the one that is left out would be the rarer
 * one, and a net that knows nothing would always guess the other.
 */
function shares(kernel, labels, classes, left = new Set()) {
  const n = labels.length;
  const counts = new Array(classes).fill(0);
  labels.forEach((label, i) => (counts[label] += !left.has(i)));
  const present = counts.filter(Boolean).length;
  let now = new Float64Array(n * classes);
  let ahead = now.slice();
  for (let step = 0; step < STEPS; step++) {
    const next = ahead.map((value) => value * (1 - RATE * PULL));
    for (let i = 0; i < n; i++) {
      if (left.has(i)) continue;
      const chances = softmax(scores(kernel[i], ahead, classes));
      for (let c = 0; c < classes; c++)
        next[i * classes + c] -= (RATE / (present * counts[labels[i]])) * (chances[c] - (labels[i] === c));
    }
    const momentum = step / (step + 3);
    ahead = next.map((value, k) => value + momentum * (value - now[k]));
    now = next;
  }
  return now;
}

function scores(similar, weights, classes) {
  const sums = new Float64Array(classes);
  for (let j = 0; j < similar.length; j++)
    for (let c = 0; c < classes; c++) sums[c] += similar[j] * weights[j * classes + c];
  return sums;
}

export function softmax(values) {
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

const best = (values) => values.indexOf(Math.max(...values));

/**
 * A trained head. features: rows of numbers; labels: 0 to classes - 1.
 * Gives weight (classes, width) and bias (classes) for the features as they are, unscaled.
 */
export function trainHead(features, labels, classes) {
  const scale = scaling(features);
  const found = shares(products(features, scale), labels, classes);
  const width = features[0].length;
  const weight = Array.from({ length: classes }, () => new Float64Array(width));
  const bias = new Float64Array(classes);
  features.forEach((row, i) => {
    for (let c = 0; c < classes; c++) {
      const share = found[i * classes + c];
      bias[c] += share;
      for (let k = 0; k < width; k++)
        weight[c][k] += (share * (row[k] - scale.mean[k])) / scale.spread[k] / Math.sqrt(width);
    }
  });
  for (let c = 0; c < classes; c++)
    for (let k = 0; k < width; k++) {
      weight[c][k] /= scale.spread[k] * Math.sqrt(width);
      bias[c] -= weight[c][k] * scale.mean[k];
    }
  return { weight, bias };
}

export function predict({ weight, bias }, row) {
  return softmax(Float64Array.from(bias, (b, c) => row.reduce((sum, x, k) => sum + x * weight[c][k], b)));
}

/**
 * For each picture, the class that a head says which learnt from all others. With more than `most`
 * pictures they are left out in `most` groups instead of one by one.
 */
export function leaveOneOut(features, labels, classes, most = 60) {
  const kernel = products(features, scaling(features));
  const groups = Math.min(most, labels.length);
  const said = new Array(labels.length);
  for (let group = 0; group < groups; group++) {
    const left = new Set(labels.map((_, i) => i).filter((i) => i % groups === group));
    const found = shares(kernel, labels, classes, left);
    for (const i of left) said[i] = best([...scores(kernel[i], found, classes)]);
  }
  return said;
}
