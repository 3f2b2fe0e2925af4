// Your own classes: pictures in, a head trained, what it says of pictures that it never saw.
import { make } from "course:widgets";
import { predict } from "./head.js";
import { fromFile, joined, pixelFeatures, toBytes, toCanvas } from "./pictures.js";

const MOST_CLASSES = 6;
const MOST_PICTURES = 120;
const percent = (share) => `${Math.round(100 * share)} %`;
const tell = (name, [right, all]) => `${name} ${right} of ${all}`;

export function own(root, { ask, data, pictures }) {
  const classes = [];
  const list = make("div", { class: "classes" });
  const status = make("p", { role: "status", class: "status" });
  const result = make("div", { class: "result" });
  const trying = make("div", { class: "trying", hidden: true });
  const train = make("button", { type: "button", class: "main", textContent: "Train a head", onclick: learn });
  const add = make("button", { type: "button", textContent: "Add a class", onclick: () => addClass() });
  const sample = make("button", { type: "button", textContent: "Fill with drawn pictures", onclick: fill });
  root.append(list, make("div", { class: "row" }, sample, add, train), status, result, trying);
  addClass();
  addClass();

  let head = null;
  let names = [];
  return { teach };

  /** All at once: drawn pictures, a head on them, and the reader led to what came out. */
  async function teach() {
    document.getElementById("own-title").focus();
    fill();
    await learn();
    result.scrollIntoView({ block: "nearest" });
  }

  function addClass(name = "") {
    if (classes.length >= MOST_CLASSES) return say(`At most ${MOST_CLASSES} classes.`);
    const number = classes.length + 1;
    const one = { pictures: [], name: make("input", { type: "text", value: name || `class ${number}`, maxLength: 40 }) };
    const thumbs = make("div", { class: "thumbs" });
    const count = make("span", { class: "count" });
    const files = make("input", { type: "file", accept: "image/*", multiple: true });
    files.setAttribute("aria-label", `Pictures of class ${number}`);
    files.onchange = async () => {
      await take([...files.files]);
      files.value = "";
    };
    const camera = make("button", { type: "button", textContent: "Camera", onclick: () => film(one) });
    camera.setAttribute("aria-label", `Take pictures of class ${number} with the camera`);
    const box = make("fieldset", {}, make("legend", { textContent: `Class ${number}` }),
      make("label", {}, "Name ", one.name), make("div", { class: "row" }, files, camera, count), thumbs);
    box.ondragover = (event) => event.preventDefault();
    box.ondrop = (event) => {
      event.preventDefault();
      take([...event.dataTransfer.files]);
    };
    one.show = () => {
      count.textContent = `${one.pictures.length} picture${one.pictures.length === 1 ? "" : "s"}`;
      thumbs.replaceChildren(...one.pictures.map((picture, i) => {
        const button = make("button", { type: "button", class: "thumb", onclick: () => remove(one, i) }, toCanvas(picture, 0.75));
        button.setAttribute("aria-label", `Remove picture ${i + 1} of ${one.name.value}`);
        return button;
      }));
    };
    one.box = box;
    classes.push(one);
    list.append(box);
    one.show();
    return one;

    async function take(chosen) {
      const before = one.pictures.length;
      for (const file of chosen)
        try {
          one.pictures.push(await fromFile(file));
        } catch {
          say(`${file.name} is no picture that this browser can read.`);
        }
      one.show();
      if (one.pictures.length > before) say(`${one.name.value}: ${one.pictures.length} pictures.`);
    }
  }

  function remove(one, i) {
    one.pictures.splice(i, 1);
    one.show();
    const rest = one.box.querySelectorAll(".thumb");
    (rest[Math.min(i, rest.length - 1)] ?? one.name).focus();
    say(`${one.name.value}: ${one.pictures.length} pictures.`);
  }

  function fill() {
    const kinds = [0, 2]; // of the race's pictures: two held-out shapes
    while (classes.length < kinds.length) addClass();
    kinds.forEach((kind, i) => {
      const one = classes[i];
      one.name.value = data.race.classes[kind];
      one.pictures = data.race.train.map((label, k) => [label, k]).filter(([label]) => label === kind).slice(0, 20)
        .map(([, k]) => pictures.train[k]);
      one.show();
    });
    say("Drawn pictures of two shapes that the net has never seen. Train a head on them.");
  }

  async function film(one) {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640 } });
    } catch (error) {
      return say(`No camera: ${error.message}. Choose picture files instead.`);
    }
    const video = make("video", { autoplay: true, muted: true, playsInline: true, srcObject: stream });
    const shoot = make("button", { type: "button", textContent: "Take a picture", onclick: () => {
      one.pictures.push(toBytes(video, video.videoWidth, video.videoHeight));
      one.show();
      say(`${one.name.value}: ${one.pictures.length} pictures.`);
    } });
    const close = make("button", { type: "button", textContent: "Close the camera", onclick: () => {
      stream.getTracks().forEach((track) => track.stop());
      stage.remove();
      one.name.focus();
    } });
    const stage = make("div", { class: "camera" }, video, make("div", { class: "row" }, shoot, close));
    one.box.append(stage);
    shoot.focus();
  }

  function say(text) {
    status.textContent = text;
  }

  async function learn() {
    const used = classes.filter((one) => one.pictures.length);
    const all = used.flatMap((one) => one.pictures);
    if (used.length < 2 || used.some((one) => one.pictures.length < 2))
      return say("Give at least two classes at least two pictures each.");
    if (all.length > MOST_PICTURES) return say(`At most ${MOST_PICTURES} pictures: there are ${all.length}.`);
    names = used.map((one) => one.name.value.trim() || "nameless");
    const labels = used.flatMap((one, c) => one.pictures.map(() => c));
    say("Training …");
    train.setAttribute("aria-busy", "true");
    try {
      const bytes = joined(all);
      const rivals = [
        ["WorldNet's features", (await ask("look", { pictures: bytes })).features],
        ["a net with random weights", (await ask("look", { pictures: bytes, net: "random" })).features],
        ["pixels", Float32Array.from(all.flatMap((picture) => [...pixelFeatures(picture)]))],
      ];
      const rows = [];
      for (const [name, features] of rivals) {
        const found = await ask("head", { features, labels, classes: used.length });
        if (!rows.length) head = found;
        rows.push([name, [found.said.filter((c, i) => c === labels[i]).length, labels.length]]);
      }
      const commonest = Math.max(...used.map((one) => one.pictures.length));
      rows.push(["always the commonest class", [commonest, labels.length]]);
      show(rows);
    } catch (error) {
      say(`It did not work: ${error.message}`);
    } finally {
      train.removeAttribute("aria-busy");
    }
  }

  function show(rows) {
    say(`Trained. Right of pictures that were left out: ${rows.map(([name, found]) => tell(name, found)).join("; ")}.`);
    const body = rows.map(([name, [right, all]]) => {
      const bar = make("span", { class: "bar" });
      bar.style.width = `${(100 * right) / all}%`;
      return make("tr", {}, make("th", { scope: "row", textContent: name }),
        make("td", { class: "bars" }, bar), make("td", { textContent: `${right} of ${all}` }));
    });
    const caption = "Each picture was left out once, and a head trained on all others said what it is. " +
      "Features that tell nothing do worse than guessing there: the class of the picture that is left out is the one with fewer left.";
    const table = make("table", {}, make("caption", { textContent: caption }),
      make("tbody", {}, ...body));
    result.replaceChildren(table);
    const file = make("input", { type: "file", accept: "image/*" });
    const output = make("div", { class: "chances", role: "status" });
    file.onchange = async () => {
      if (file.files.length) await judge(await fromFile(file.files[0]), output);
    };
    const other = make("button", { type: "button", textContent: "Try a drawn picture", onclick: () =>
      judge(drawn(), output) });
    const code = make("pre", { tabIndex: 0, textContent: PYTHON });
    trying.replaceChildren(make("h3", { textContent: "Try it" }),
      make("div", { class: "row" }, make("label", {}, "A new picture ", file), other), output,
      make("h3", { textContent: "Take it with you" }),
      make("button", { type: "button", textContent: "Download the head", onclick: download }),
      make("details", {}, make("summary", { textContent: "Use it in Python" }), code));
    trying.hidden = false;
  }

  /** A test picture of one of the classes that were trained, when they are drawn ones. */
  function drawn() {
    const fitting = pictures.test.filter((_, i) => names.includes(data.race.classes[data.race.test[i]]));
    const some = fitting.length ? fitting : pictures.test;
    return some[Math.floor(Math.random() * some.length)];
  }

  async function judge(picture, output) {
    const { features } = await ask("look", { pictures: picture });
    const chances = [...predict(head, [...features])];
    const rows = chances.map((chance, c) => [chance, names[c]]).sort((a, b) => b[0] - a[0]);
    output.replaceChildren(toCanvas(picture, 1.5),
      make("p", { textContent: rows.map(([chance, name]) => `${name} ${percent(chance)}`).join(", ") }));
  }

  function download() {
    const text = JSON.stringify({ classes: names, weight: head.weight, bias: head.bias });
    const link = make("a", { download: "head.json", href: URL.createObjectURL(new Blob([text], { type: "application/json" })) });
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

// As tests/browser/test_site_experiments.py runs it.
export const PYTHON = `from course_lib import Task, predict
from course_lib.serving import load_head

model = load_head("head.json")
print(model.source_classes)

# pictures: uint8, (n, 3, height, width), such as Task.from_folder("my_pictures").test.pictures
chances = predict(model, pictures).softmax(1)
`;
