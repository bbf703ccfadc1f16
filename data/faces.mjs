// Draw faces: node faces.mjs COUNT FILE. Seeds 0, 1, ... of the "adventurer" style by Lisa Wischofsky (CC BY 4.0), rendered at 64x64 on
// white and averaged to 32x32, as an IDX file of COUNT x 32 x 32 x 3 bytes.
import { createAvatar } from '@dicebear/core';
import * as adventurer from '@dicebear/adventurer';
import { Resvg } from '@resvg/resvg-js';
import { closeSync, openSync, writeSync } from 'node:fs';

const [count, path] = [Number(process.argv[2]), process.argv[3]];
const side = 32;
const file = openSync(path, 'w');
const header = Buffer.alloc(20);
header.writeUInt32BE(0x0804, 0);
[count, side, side, 3].forEach((n, k) => header.writeUInt32BE(n, 4 + 4 * k));
writeSync(file, header);

for (let seed = 0; seed < count; seed++) {
  const svg = createAvatar(adventurer, { seed: String(seed), size: 2 * side }).toString();
  const image = new Resvg(svg, { background: 'white', fitTo: { mode: 'width', value: 2 * side } }).render();
  if (image.width !== 2 * side || image.height !== 2 * side) throw new Error(`seed ${seed}: ${image.width}x${image.height}`);
  const rgba = image.pixels;
  const face = Buffer.alloc(side * side * 3);
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++)
      for (let c = 0; c < 3; c++) {
        const at = (y, x) => rgba[((2 * i + y) * 2 * side + 2 * j + x) * 4 + c];
        face[(i * side + j) * 3 + c] = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) >> 2;
      }
  writeSync(file, face);
}
closeSync(file);
