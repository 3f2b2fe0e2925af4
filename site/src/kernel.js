// What runs beside the page, in a worker: answers to messages, as Python would give them.
//
//   start   {weights, card}                 -> {backend}
//   look    {pictures}                      -> {logits, features}   float32, row by row
//   head    {features..., labels, classes}  -> {weight, bias, said}
//   race    {lane, task, settings, seed}    -> many {step, ...}, then {done}; stop ends it
import * as tf from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import wasm from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm";
import { leaveOneOut, trainHead } from "./head.js";
import { freshParameters, logits, parameters, pooled, prepare, runStages } from "./net.js";
import { race } from "./race.js";
import { Random } from "./random.js";
import { readSafetensors } from "./safetensors.js";

const CHUNK = 12288 * 25;
let net = null;
let random = null; // a net with random weights, made when it is first asked for
let card = null;

export async function start(message) {
  // One binary under all names that tfjs may ask for; a page from disk has no threads anyway.
  const names = ["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`);
  setWasmPaths(Object.fromEntries(names.map((name) => [name, wasm])));
  await tf.setBackend("wasm");
  await tf.ready();
  net = parameters(readSafetensors(message.weights));
  card = message.card;
  return { backend: tf.getBackend() };
}

/** What a net makes of uint8 pictures; of the random one, after its statistics fit these. */
export function look({ pictures, net: which = "worldnet" }) {
  const parts = { features: [], logits: [] };
  if (which === "random" && !random) random = freshParameters(new Random(0));
  for (let at = 0; at < pictures.length; at += CHUNK)
    tf.tidy(() => {
      const p = which === "random" ? random : net;
      const x = prepare(pictures.subarray(at, at + CHUNK), card);
      const batch = which === "random" ? new Map() : null;
      const features = pooled(runStages(x, p, { batch }));
      batch?.forEach(([mean, variance]) => [mean, variance].forEach((t) => t.dispose()));
      parts.features.push(features.dataSync());
      if (which !== "random") parts.logits.push(logits(features, p).dataSync());
    });
  return { features: joined(parts.features), logits: joined(parts.logits) };
}

function joined(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** features: numbers, row by row. said: each picture's class, by a head that never saw it. */
export function head({ features, labels, classes }) {
  const width = features.length / labels.length;
  const rows = labels.map((_, i) => features.subarray(i * width, (i + 1) * width));
  const { weight, bias } = trainHead(rows, labels, classes);
  return { weight: weight.map((row) => [...row]), bias: [...bias], said: leaveOneOut(rows, labels, classes) };
}

export const lanes = ({ lane, task, settings, seed }) => race(lane, net, { ...card, ...task }, settings, seed);

/** As a worker: one message after the other; a race lets others in between its steps. */
export function serve(scope) {
  const racing = new Map(); // id -> generator
  const answer = (id, found) => scope.postMessage({ id, ...found });
  const failed = (id, error) => answer(id, { error: String(error?.message ?? error) });
  const advance = (id) => {
    const steps = racing.get(id);
    if (!steps) return;
    try {
      const { value, done } = steps.next();
      if (done) racing.delete(id);
      if (done || value.step !== undefined) answer(id, done ? { done: true } : value);
      if (!done) setTimeout(advance, 0, id);
    } catch (error) {
      racing.delete(id);
      failed(id, error);
    }
  };
  scope.onmessage = async ({ data: { id, kind, ...message } }) => {
    try {
      if (kind === "race") {
        racing.set(id, lanes(message));
        advance(id);
      } else if (kind === "stop") {
        racing.get(message.of)?.return();
        racing.delete(message.of);
        answer(id, {});
      } else answer(id, await { start, look, head }[kind](message));
    } catch (error) {
      failed(id, error);
    }
  };
}

if (typeof WorkerGlobalScope !== "undefined" && globalThis instanceof WorkerGlobalScope) serve(globalThis);
