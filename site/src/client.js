// Messages to the worker and back: a promise for one answer, a callback for many.
export function connect(source) {
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data }) => waiting.get(data.id)?.(data);
  worker.onerror = (event) => waiting.forEach((take) => take({ error: event.message || "the worker stopped" }));
  const send = (kind, message, take) => {
    const id = ++last;
    waiting.set(id, take);
    worker.postMessage({ id, kind, ...message });
    return id;
  };
  const ask = (kind, message = {}) =>
    new Promise((resolve, reject) => {
      const id = send(kind, message, (answer) => {
        waiting.delete(id);
        if (answer.error) reject(new Error(answer.error));
        else resolve(answer);
      });
    });
  /** take: called with each answer; the last has `done` or `error`. Gives a function that stops it. */
  const follow = (kind, message, take) => {
    const id = send(kind, message, (answer) => {
      if (answer.done || answer.error) waiting.delete(id);
      take(answer);
    });
    return () => {
      waiting.delete(id);
      return ask("stop", { of: id });
    };
  };
  return { ask, follow };
}
