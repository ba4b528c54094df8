// Bundles the compiled library into one module, with the constants of the memory map inlined.
// A constant that is imported from another module is a load and a type check at each use: the
// bundle allocates in a third of the time of the separate modules (see src/README.md).
//
// Each worker is a module of its own that needs no other: what only the collector's threads run is
// no part of what programs load, and shares no chunk with it.

import { existsSync, readdirSync, rmSync } from 'node:fs';

const OUT = 'dist';
const SURFACES = ['src/index', 'src/raw', 'src/testing', 'src/comlink', 'src/piscina'];
const WORKERS = ['workers/collector', 'workers/scanner'];
const isPresent = (entry) => existsSync(`${OUT}/${entry}.js`);
const CHUNKS = ['src/core', 'src/passing'];
const BUNDLED = new Set([...CHUNKS, ...SURFACES, ...WORKERS].map((entry) => `${entry}.js`));

/** All of `src` but what only some programs need: those of tests, of comlink, of piscina. */
const isCore = (id) => /dist[\\/]src[\\/](?!testing|comlink|piscina|passing)/.test(id);

const COMMON = {
  platform: 'node',
  external: [/^node:/, 'piscina', /^comlink/],
  optimization: { inlineConst: { mode: 'all', pass: 3 } },
};
const OUTPUT = { dir: OUT, format: 'esm', entryFileNames: '[name].js' };

// `+ 0` is what remains of an offset of 0. It does nothing, but it counts against what the
// compiler may inline, and the path of an allocation and a death fills that.
const removeZeroOffsets = {
  name: 'remove-zero-offsets',
  renderChunk: (code) => code.replaceAll(' + 0]', ']'),
};

const removeSeparateModules = {
  name: 'remove-separate-modules',
  closeBundle() {
    for (const folder of ['src', 'workers']) {
      for (const name of readdirSync(`${OUT}/${folder}`, { recursive: true })) {
        const file = `${folder}/${name}`;
        if (file.endsWith('.js') && !BUNDLED.has(file)) rmSync(`${OUT}/${file}`);
      }
    }
  },
};

const worker = (entry) => ({
  ...COMMON,
  input: { [entry]: `${OUT}/${entry}.js` },
  output: OUTPUT,
  plugins: [removeZeroOffsets],
});

// The last removes the modules that all are made of.
export default [
  ...WORKERS.filter(isPresent).map(worker),
  {
    ...COMMON,
    input: Object.fromEntries(SURFACES.filter(isPresent).map((e) => [e, `${OUT}/${e}.js`])),
    output: {
      ...OUTPUT,
      chunkFileNames: 'src/[name].js',
      codeSplitting: { groups: [{ name: 'core', test: isCore }] },
    },
    plugins: [removeZeroOffsets, removeSeparateModules],
  },
];
