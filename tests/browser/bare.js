// What bare.py does within the page: window.bare has
//   draw(code, traits)  shows a widget, with a stand-in for anywidget's model
//   contrast()          [{ text, ratio, need }] of all text that can be seen
//   targets()           [{ name, width, height }] of what can be pressed or moved

(() => {
  // Traits and messages go to the widget in the test's process, and its answers come back.
  async function draw(code, traits) {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const widget = (await import(url)).default;
    const heard = {}, changed = new Set();
    const tell = (event, value) => (heard[event] || []).slice().forEach((callback) => callback(value));
    const take = ({ traits: news, messages }) => {
      for (const [name, value] of Object.entries(news)) {
        traits[name] = value;
        tell(`change:${name}`);
      }
      messages.forEach((message) => tell("msg:custom", message));
    };
    const model = {
      get: (name) => traits[name],
      set: (name, value) => {
        traits[name] = value;
        changed.add(name);
        tell(`change:${name}`);
      },
      save_changes: () => {
        const news = Object.fromEntries([...changed].map((name) => [name, traits[name]]));
        changed.clear();
        window.toKernel({ traits: news }).then(take);
      },
      on: (event, callback) => { (heard[event] = heard[event] || []).push(callback); },
      off: (event, callback) => { heard[event] = (heard[event] || []).filter((one) => one !== callback); },
      send: (message) => { window.toKernel({ message }).then(take); },
    };
    widget.render({ model, el: document.querySelector("main") });
  }

  // ---- contrast, by WCAG 2.2

  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  function rgba(colour) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  function luminance(rgb) {
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function ratio(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }
  function opacity(node) {
    let all = 1;
    for (let at = node; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity);
    return all;
  }
  const faded = ([r, g, b, a], by) => [r, g, b, a * by];

  // What an element paints behind text: one colour, or several for a gradient, any of which may lie there.
  function paints(node) {
    const style = getComputedStyle(node);
    if (node instanceof SVGElement) {
      if (["svg", "text", "g", "title"].includes(node.tagName) || style.fill === "none") return [];
      return [faded(rgba(style.fill), Number(style.fillOpacity) * opacity(node))];
    }
    const stops = style.backgroundImage.match(/(?:rgba?|color)\([^()]*\)|transparent/g) || [];
    return [style.backgroundColor, ...stops].map((colour) => faded(rgba(colour), opacity(node)));
  }
  function ancestors(node) {
    const all = [];
    for (let at = node; at; at = at.parentElement) all.push(at);
    return all;
  }
  function grounds(parent, box) {
    const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const beneath = stack.includes(parent) ? stack.slice(stack.indexOf(parent)) : ancestors(parent);
    const dark = getComputedStyle(document.body).colorScheme === "dark";
    let found = [dark ? [18, 18, 18] : [255, 255, 255]];
    for (const node of beneath.reverse()) {
      const layers = paints(node);
      if (layers.length) found = found.flatMap((ground) => layers.map((layer) => over(layer, ground)));
    }
    return found;
  }
  function contrast() {
    const found = [];
    const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode, parent = node.parentElement;
      if (!node.textContent.trim() || ["STYLE", "SCRIPT", "title", "OPTION"].includes(parent.tagName)) continue;
      if (!parent.checkVisibility({ visibilityProperty: true })) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      const style = getComputedStyle(parent);
      const ink = faded(rgba(parent instanceof SVGElement ? style.fill : style.color), opacity(parent));
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      found.push({
        text: node.textContent.trim().slice(0, 40),
        ratio: Math.min(...grounds(parent, box).map((ground) => ratio(over(ink, ground), ground))),
        need: large ? 3 : 4.5,
      });
    }
    return found;
  }

  // A label belongs to its control: pressing it does the same.
  function targets() {
    const controls = [...document.querySelectorAll("main input, main button, main select")];
    return controls.filter((node) => node.checkVisibility()).map((node) => {
      const label = node.closest("label");
      const boxes = [node, ...(label ? [label] : [])].map((one) => one.getBoundingClientRect());
      return {
        name: node.getAttribute("aria-label") || node.textContent || node.id || node.type,
        width: Math.max(...boxes.map((box) => box.width)),
        height: Math.max(...boxes.map((box) => box.height)),
      };
    });
  }

  window.bare = { draw, contrast, targets };
})();
