// The race: the same pictures, three ways to learn, side by side.
import { lineChart, make, swatch } from "course:widgets";
import { LANES } from "./lanes.js";
import { joined } from "./pictures.js";

const WORDS = {
  head: "a new head on the frozen net",
  "last stage": "head and last stage",
  scratch: "the same net from random weights",
};
const ORDER = Object.keys(LANES);

export function racing(root, { follow, data, pictures }) {
  const chart = lineChart({ x: "epoch", y: "test accuracy", label: "Test accuracy after each epoch of three ways to learn", height: 260 });
  chart.end(data.race.epochs);
  ORDER.forEach((lane) => chart.line(lane, data.looks[lane], WORDS[lane]));
  chart.line("guess", { color: "var(--live-ink)", dash: "2 3", marker: "." }, "guessing");
  chart.level("guess", data.looks.guess, 1 / data.race.classes.length);
  const status = make("p", { role: "status", class: "status" });
  const guess = make("select", {}, make("option", { value: "", textContent: "choose" }),
    ...ORDER.map((lane) => make("option", { value: lane, textContent: WORDS[lane] })));
  const start = make("button", { type: "button", class: "main", textContent: "Start the race", onclick: () => (stop ? halt() : run()) });
  const cells = Object.fromEntries(ORDER.map((lane) => [lane, ["-", "-", "-"].map((text) => make("td", { textContent: text }))]));
  const head = make("tr", {}, ...["way", "epochs", "test accuracy", "seconds"].map((text) => make("th", { scope: "col", textContent: text })));
  const rows = ORDER.map((lane) => make("tr", {}, make("th", { scope: "row" }, swatch(data.looks[lane]), ` ${WORDS[lane]}`), ...cells[lane]));
  const curves = Object.fromEntries(ORDER.map((lane) => [lane, []]));
  const numbers = make("div", { class: "wide", tabIndex: 0, role: "region" });
  numbers.setAttribute("aria-label", "Test accuracy after each epoch");
  tabulate();
  const caption = `${data.race.train.length} labelled pictures of ${data.race.classes.join(", ")}; tested on ${data.race.test.length} others.`;
  root.append(make("div", { class: "row" }, make("label", {}, "Which will win? ", guess), start), status, chart.element,
    make("table", {}, make("caption", { textContent: caption }), make("thead", {}, head), make("tbody", {}, ...rows)),
    make("details", {}, make("summary", { textContent: "The numbers of the chart" }), numbers));

  let stop = null;
  const task = {
    classes: data.race.classes.length,
    train: { pictures: joined(pictures.train), labels: data.race.train },
    test: { pictures: joined(pictures.test), labels: data.race.test },
  };

  /** The curves as a table: a row for each way, a column for each epoch. */
  function tabulate() {
    const epochs = Array.from({ length: data.race.epochs }, (_, i) => i + 1);
    const row = (lane) => make("tr", {}, make("th", { scope: "row", textContent: WORDS[lane] }),
      ...epochs.map((epoch) => make("td", { textContent: curves[lane][epoch - 1] ?? "-" })));
    numbers.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col", textContent: "epoch" }),
      ...epochs.map((epoch) => make("th", { scope: "col", textContent: epoch })))), make("tbody", {}, ...ORDER.map(row))));
  }

  async function run() {
    chart.clear();
    ORDER.forEach((lane) => (curves[lane] = []));
    tabulate();
    start.textContent = "Stop";
    const ends = {};
    for (const lane of ORDER) {
      status.textContent = `Racing: ${WORDS[lane]} …`;
      const seconds = await once(lane, ends);
      if (seconds === null) return;
    }
    const best = Math.max(...ORDER.map((lane) => ends[lane]));
    const said = !guess.value ? "" : ends[guess.value] === best ? " As you guessed." : " Not as you guessed.";
    const scores = ORDER.map((lane) => `${WORDS[lane]} ${percent(ends[lane])}`).join("; ");
    finish(`Finished: ${scores}.${said} The net from random weights saw nothing but these pictures: it cannot know yet what a shape is.`);
  }

  /** Runs a lane to its end; gives its seconds, or null when it was stopped or failed. */
  function once(lane, ends) {
    const begin = performance.now();
    return new Promise((resolve) => {
      const seconds = () => (performance.now() - begin) / 1000;
      const settings = { ...data.race, rates: data.race.rates[lane] };
      const end = follow("race", { lane, task, settings, seed: 0 }, (answer) => {
        if (answer.error) {
          finish(`It did not work: ${answer.error}`);
          resolve(null);
        } else if (answer.done) resolve(seconds());
        else if (answer.accuracy !== undefined) {
          ends[lane] = answer.accuracy;
          chart.append(lane, answer.epoch, answer.accuracy);
          curves[lane].push(percent(answer.accuracy));
          tabulate();
          [answer.epoch, percent(answer.accuracy), seconds().toFixed(1)].forEach((text, i) => (cells[lane][i].textContent = text));
        }
      });
      stop = () => {
        end();
        resolve(null);
      };
    });
  }

  function halt() {
    const ending = stop;
    finish("Stopped.");
    ending();
  }

  function finish(text) {
    stop = null;
    start.textContent = "Start the race";
    status.textContent = text;
  }
}

const percent = (share) => `${Math.round(100 * share)} %`;
