// Bundles the compiled library into one module, with the constants of the memory map inlined.
// A constant that is imported from another module is a load and a type check at each use: the
// bundle allocates in a third of the time of the separate modules (see src/README.md).

import { existsSync, readdirSync, rmSync } from 'node:fs';

const OUT = 'dist';
const ENTRIES = ['src/index', 'src/raw', 'src/testing', 'workers/collector', 'workers/scanner'];
const PRESENT = ENTRIES.filter((entry) => existsSync(`${OUT}/${entry}.js`));
const BUNDLED = new Set(['src/core', ...PRESENT].map((entry) => `${entry}.js`));

/** All of `src` but what only tests of users' programs need. */
const isCore = (id) => /dist[\\/]src[\\/](?!testing)/.test(id);

export default {
  input: Object.fromEntries(PRESENT.map((entry) => [entry, `${OUT}/${entry}.js`])),
  platform: 'node',
  external: [/^node:/, 'piscina'],
  optimization: { inlineConst: { mode: 'all', pass: 3 } },
  output: {
    dir: OUT,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'src/[name].js',
    codeSplitting: { groups: [{ name: 'core', test: isCore }] },
  },
  plugins: [
    {
      name: 'remove-separate-modules',
      // `+ 0` is what remains of an offset of 0. It does nothing, but it counts against what the
      // compiler may inline, and the path of an allocation and a death fills that.
      renderChunk: (code) => code.replaceAll(' + 0]', ']'),
      closeBundle() {
        for (const folder of ['src', 'workers']) {
          for (const name of readdirSync(`${OUT}/${folder}`, { recursive: true })) {
            const file = `${folder}/${name}`;
            if (file.endsWith('.js') && !BUNDLED.has(file)) rmSync(`${OUT}/${file}`);
          }
        }
      },
    },
  ],
};
