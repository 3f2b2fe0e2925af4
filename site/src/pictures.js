// Pictures as the net takes them: 64 x 64, RGB, one byte each, row by row.
export const SIDE = 64;
export const BYTES = SIDE * SIDE * 3;

/** Anything that can be drawn, cut to a square from its middle. */
export function toBytes(source, width = source.width, height = source.height) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // behind what is transparent
  context.fillRect(0, 0, SIDE, SIDE);
  const side = Math.min(width, height);
  context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return withoutAlpha(context.getImageData(0, 0, SIDE, SIDE).data);
}

const withoutAlpha = (rgba) => Uint8Array.from({ length: (rgba.length / 4) * 3 }, (_, i) => rgba[Math.floor(i / 3) * 4 + (i % 3)]);

export function toCanvas(bytes, scale = 1) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) image.data.set([...bytes.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  context.putImageData(image, 0, 0);
  canvas.style.width = canvas.style.height = `${SIDE * scale}px`;
  return canvas;
}

/** The pictures of a sheet, an image of tiles, in reading order. */
export async function fromSheet(url, count) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const columns = image.width / SIDE;
  return Array.from({ length: count }, (_, i) =>
    withoutAlpha(context.getImageData((i % columns) * SIDE, Math.floor(i / columns) * SIDE, SIDE, SIDE).data));
}

export async function fromFile(file) {
  const bitmap = await createImageBitmap(file);
  try {
    return toBytes(bitmap);
  } finally {
    bitmap.close();
  }
}

export function joined(pictures) {
  const all = new Uint8Array(pictures.length * BYTES);
  pictures.forEach((picture, i) => all.set(picture, i * BYTES));
  return all;
}

/** Mean colours of 8 x 8 squares, 192 numbers: what a classifier of pixels reads. */
export function pixelFeatures(bytes) {
  const cells = new Float32Array(8 * 8 * 3);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      for (let c = 0; c < 3; c++) cells[((y >> 3) * 8 + (x >> 3)) * 3 + c] += bytes[(y * SIDE + x) * 3 + c] / (64 * 255);
  return cells;
}
