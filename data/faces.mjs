// Draw faces: node faces.mjs SIDE COUNT FILE [SIDE COUNT FILE]..., each SIDE 64 or 32. Seeds 0, 1, ... of the "adventurer" style by
// Lisa Wischofsky (CC BY 4.0), rendered at 64x64 on white, for SIDE 32 averaged to 32x32, as an IDX file of COUNT x SIDE x SIDE x 3
// bytes. Each seed is rendered once, for all files.
import { createAvatar } from '@dicebear/core';
import * as adventurer from '@dicebear/adventurer';
import { Resvg } from '@resvg/resvg-js';
import { closeSync, openSync, writeSync } from 'node:fs';

const rendered = 64;
const outputs = [];
for (let k = 2; k + 2 < process.argv.length; k += 3) {
  const [side, count, path] = [Number(process.argv[k]), Number(process.argv[k + 1]), process.argv[k + 2]];
  if (side !== rendered && side !== rendered / 2) throw new Error(`side ${side}`);
  const header = Buffer.alloc(20);
  header.writeUInt32BE(0x0804, 0);
  [count, side, side, 3].forEach((n, axis) => header.writeUInt32BE(n, 4 + 4 * axis));
  const file = openSync(path, 'w');
  writeSync(file, header);
  outputs.push({ side, count, file });
}

function render(seed) {
  const svg = createAvatar(adventurer, { seed: String(seed), size: rendered }).toString();
  const image = new Resvg(svg, { background: 'white', fitTo: { mode: 'width', value: rendered } }).render();
  if (image.width !== rendered || image.height !== rendered) throw new Error(`seed ${seed}: ${image.width}x${image.height}`);
  return image.pixels; // red, green, blue, alpha
}

// The mean of 1 x 1 or 2 x 2 pixels, rounded.
function face(rgba, side) {
  const block = rendered / side;
  const bytes = Buffer.alloc(side * side * 3);
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let y = 0; y < block; y++)
          for (let x = 0; x < block; x++) sum += rgba[((block * i + y) * rendered + block * j + x) * 4 + c];
        bytes[(i * side + j) * 3 + c] = Math.floor(sum / block ** 2 + 0.5);
      }
  return bytes;
}

const most = Math.max(...outputs.map((output) => output.count));
for (let seed = 0; seed < most; seed++) {
  const rgba = render(seed);
  for (const { side, count, file } of outputs) if (seed < count) writeSync(file, face(rgba, side));
}
outputs.forEach(({ file }) => closeSync(file));
