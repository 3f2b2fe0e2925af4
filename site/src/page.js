// The page: unpacks what it carries, starts the worker, then the experiments one by one.
import { STYLE, make } from "course:widgets";
import { connect } from "./client.js";
import { first } from "./first.js";
import { own } from "./own.js";
import { fromSheet } from "./pictures.js";
import { racing } from "./racing.js";

const text = (id) => document.getElementById(id).textContent;
const bytes = (base64) => Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));

async function main() {
  document.head.append(make("style", { textContent: STYLE }));
  const data = JSON.parse(text("data"));
  const { ask, follow } = connect(text("kernel"));
  const weights = bytes(text("weights")).buffer;
  const started = ask("start", { weights, card: data.card });
  const sizes = Object.entries(data.sheets);
  const pictures = Object.fromEntries(await Promise.all(
    sizes.map(async ([name, count]) => [name, await fromSheet(`data:image/webp;base64,${text(name).trim()}`, count)])));
  await started;
  const context = { ask, follow, data, pictures };
  await first(document.getElementById("first"), context);
  const { teach } = own(document.getElementById("own"), context);
  document.getElementById("teach").onclick = teach;
  racing(document.getElementById("race"), context);
  document.body.dataset.ready = "true";
}

main().catch((error) => {
  document.getElementById("first").textContent = `The experiments cannot run in this browser: ${error.message}`;
});
