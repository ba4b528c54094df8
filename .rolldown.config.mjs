// Bundles the compiled library into one module, with the constants of the memory map inlined.
// A constant that is imported from another module is a load and a type check at each use: the
// bundle allocates in a third of the time of the separate modules (see src/README.md).

import { readdirSync, rmSync } from 'node:fs';

const OUT = 'dist/src';
const BUNDLED = new Set(['index.js', 'raw.js', 'core.js']);

export default {
  input: { index: `${OUT}/index.js`, raw: `${OUT}/raw.js` },
  platform: 'node',
  external: [/^node:/],
  optimization: { inlineConst: { mode: 'all', pass: 3 } },
  output: {
    dir: OUT,
    format: 'esm',
    chunkFileNames: '[name].js',
    codeSplitting: { groups: [{ name: 'core', test: /src/ }] },
  },
  plugins: [
    {
      name: 'remove-separate-modules',
      closeBundle() {
        for (const file of readdirSync(OUT, { recursive: true })) {
          if (file.endsWith('.js') && !BUNDLED.has(file)) rmSync(`${OUT}/${file}`);
        }
      },
    },
  ],
};
