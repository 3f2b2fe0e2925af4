// Above the fold: a picture, what the net says it is, and the next one.
import { make } from "course:widgets";
import { softmax } from "./head.js";
import { toCanvas } from "./pictures.js";

export async function first(root, { ask, data, pictures }) {
  const place = make("div", { class: "seen" });
  const words = make("p", { role: "status" });
  let at = -1;
  const next = make("button", { type: "button", textContent: "Another picture", onclick: show });
  root.replaceChildren(place, make("div", {}, words, next));
  await show();

  async function show() {
    at = (at + 1) % pictures.source.length;
    const { logits } = await ask("look", { pictures: pictures.source[at] });
    const chances = [...softmax([...logits])].map((chance, c) => [chance, data.card.classes[c]]);
    const [[most, name], ...others] = chances.sort((a, b) => b[0] - a[0]).slice(0, 3);
    const canvas = toCanvas(pictures.source[at], 2);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `A drawn picture: ${data.source[at]}`);
    place.replaceChildren(canvas);
    const rest = others.map(([chance, other]) => `${other} ${percent(chance)}`).join(", ");
    words.textContent = `The net says: ${name}, ${percent(most)} sure (then ${rest}). It is: ${data.source[at]}.`;
  }
}

const percent = (share) => `${Math.round(100 * share)} %`;
