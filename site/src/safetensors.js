// Arrays by name out of a safetensors file: its header's length, the header as JSON, the numbers.
export function readSafetensors(buffer) {
  const view = new DataView(buffer);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = {};
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    if (name === "__metadata__" || dtype === "I64") continue;
    const part = buffer.slice(8 + length + begin, 8 + length + end);
    if (dtype !== "F16" && dtype !== "F32") throw new Error(`${name}: numbers of kind ${dtype}`);
    const values = dtype === "F32" ? new Float32Array(part) : Float32Array.from(new Uint16Array(part), half);
    arrays[name] = { shape, values };
  }
  return arrays;
}

/** A 16-bit float, given by its bits. */
export function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
