// Three ways to learn from the same pictures, step by step: a new head, the last stage too, or a
// net that starts from random weights. Batches, rates and schedule are those of `fit`.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { LANES } from "./lanes.js";
import { freshParameters, logits, pooled, prepare, runStages } from "./net.js";
import { Random } from "./random.js";

const EPS = 1e-8;
const BETAS = [0.9, 0.999];
const MOMENTUM = 0.1; // of running statistics

const stageOf = (name) => (name.startsWith("layer") ? name.split(".")[0] : name.startsWith("fc") ? "head" : "stem");

/** Share of the peak rate at moment `at` of a run, 0 to 1: up in a line, down in half a cosine. */
export function share(at, warmup) {
  if (at < warmup) return at / warmup;
  return 0.5 * (1 + Math.cos((Math.PI * (at - warmup)) / (1 - warmup)));
}

class AdamW {
  constructor(variables, { decay, decayVectors }) {
    this.variables = variables;
    this.decay = decay; // decoupled
    this.vectors = decayVectors; // whether it reaches biases and norms, too
    this.steps = 0;
    this.moments = Object.fromEntries(
      Object.entries(variables).map(([name, v]) => [name, [tf.variable(tf.zerosLike(v)), tf.variable(tf.zerosLike(v))]]));
  }

  apply(gradients, rateOf) {
    this.steps++;
    const [correct1, correct2] = BETAS.map((beta) => 1 - beta ** this.steps);
    for (const [name, gradient] of Object.entries(gradients)) {
      const rate = rateOf(name);
      const [variable, [first, second]] = [this.variables[name], this.moments[name]];
      tf.tidy(() => {
        first.assign(tf.add(tf.mul(first, BETAS[0]), tf.mul(gradient, 1 - BETAS[0])));
        second.assign(tf.add(tf.mul(second, BETAS[1]), tf.mul(tf.square(gradient), 1 - BETAS[1])));
        const step = tf.div(tf.div(first, correct1), tf.add(tf.sqrt(tf.div(second, correct2)), EPS));
        const kept = this.vectors || variable.shape.length > 1 ? tf.mul(variable, 1 - rate * this.decay) : variable;
        variable.assign(tf.sub(kept, tf.mul(step, rate)));
      });
    }
  }

  dispose() {
    Object.values(this.moments).flat().forEach((moment) => moment.dispose());
  }
}

/**
 * One lane as a generator: after each step {step, steps, epoch, loss}, after each epoch also
 * {accuracy} on the test pictures.
 *
 * task: {train, test: {pictures, labels}, classes, mean, std}. settings: {epochs, batch, warmup,
 * decay, decayVectors, rates: {stage or "head": peak rate}}, those that Python uses.
 */
export function* race(lane, source, task, settings, seed) {
  const random = new Random(seed);
  const begin = LANES[lane];
  const scratch = lane === "scratch";
  const all = scratch ? freshParameters(random) : { ...source };
  const bound = 1 / Math.sqrt(256);
  const draw = () => bound * (2 * random.uniform() - 1);
  all["fc.weight"] = tf.tensor2d(Float32Array.from({ length: 256 * task.classes }, draw), [task.classes, 256]);
  all["fc.bias"] = tf.tensor1d(Float32Array.from({ length: task.classes }, draw));
  const learning = {};
  const from = begin ? ["stem", "layer1", "layer2", "layer3", "layer4"].indexOf(begin) : 9;
  for (const [name, value] of Object.entries(all)) {
    const stage = stageOf(name);
    const at = ["stem", "layer1", "layer2", "layer3", "layer4", "head"].indexOf(stage);
    if ((stage === "head" || at >= from) && !name.includes("running"))
      learning[name] = all[name] = tf.variable(value);
  }
  // What the frozen stages make of the pictures does not change: computed once.
  const frozen = (pictures) => tf.tidy(() => {
    const parts = [];
    for (let at = 0; at < pictures.length; at += 12288 * 25) {
      const x = prepare(pictures.subarray(at, at + 12288 * 25), task);
      const out = begin === "stem" ? x : runStages(x, all, { end: begin });
      parts.push(begin ? out : pooled(out));
    }
    return tf.concat(parts);
  });
  const train = frozen(task.train.pictures);
  yield { step: 0, epoch: 0 };
  const test = frozen(task.test.pictures);
  const rest = (x, batch) => logits(begin ? pooled(runStages(x, all, { begin, batch })) : x, all);
  const optimizer = new AdamW(learning, settings);
  const n = task.train.labels.length;
  const batches = Math.ceil(n / settings.batch);
  const steps = batches * settings.epochs;
  let step = 0;
  try {
    for (let epoch = 1; epoch <= settings.epochs; epoch++) {
      const order = random.order(n);
      for (let b = 0; b < batches; b++) {
        const rows = order.slice(Math.floor((b * n) / batches), Math.floor(((b + 1) * n) / batches));
        const statistics = scratch ? new Map() : null;
        const loss = tf.tidy(() => {
          const x = tf.gather(train, tf.tensor1d(rows, "int32"));
          const wanted = tf.oneHot(tf.tensor1d(rows.map((row) => task.train.labels[row]), "int32"), task.classes);
          const { value, grads } = tf.variableGrads(
            () => tf.neg(tf.mean(tf.sum(tf.mul(tf.cast(wanted, "float32"), tf.logSoftmax(rest(x, statistics))), 1))),
            Object.values(learning));
          const byName = Object.fromEntries(
            Object.entries(learning).map(([name, variable]) => [name, grads[variable.name]]));
          const part = share((step + 0.5) / steps, settings.warmup);
          optimizer.apply(byName, (name) => part * settings.rates[stageOf(name)]);
          return value.dataSync()[0];
        });
        statistics?.forEach(([mean, variance, count], name) => remember(all, name, mean, variance, count));
        step++;
        yield { step, steps, epoch, loss };
      }
      yield { step, steps, epoch, accuracy: yield* accuracy(test, task.test.labels, rest) };
    }
  } finally {
    optimizer.dispose();
    [train, test, ...Object.values(scratch ? all : learning)].forEach((tensor) => tensor.dispose());
  }
}

function remember(all, name, mean, variance, count) {
  for (const [kind, seen] of [["mean", mean], ["var", tf.mul(variance, count / (count - 1))]]) {
    const key = `${name}.running_${kind}`;
    const next = tf.tidy(() => tf.add(tf.mul(all[key], 1 - MOMENTUM), tf.mul(seen, MOMENTUM)));
    all[key].dispose();
    all[key] = next;
    seen.dispose();
  }
  if (!variance.isDisposed) variance.dispose();
}

function* accuracy(inputs, labels, rest) {
  let right = 0;
  for (let at = 0; at < labels.length; at += 25) {
    const some = Math.min(25, labels.length - at);
    const said = tf.tidy(() => tf.argMax(rest(tf.slice(inputs, at, some), null), 1).dataSync());
    said.forEach((c, i) => (right += c === labels[at + i]));
    yield {};
  }
  return right / labels.length;
}
