/**
 * Does it pay to join, to cut and to compare strings of the heap without decoding them?
 *
 *   node dist/bench/experiments/strings.js [--lengths 8,64,1024] [--rounds 9] [--json]
 *
 * Two ways in turns: on the words of the heap (`sharc/raw`), and by way of JavaScript's strings:
 * decoded, joined, encoded again. `cached`: the parts are in this thread's cache of decoded
 * strings, so that decoding costs a look; `new`: they are not. Like `referrers.js` it measures the
 * library itself. Exit code 1: the two came to different texts.
 */

import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Heap } from '../../src/index.ts';
import { type ObjectRef, type RawHeap, raw } from '../../src/raw.ts';
import { describeMachine } from '../harness/machine.ts';
import { medianOf } from '../harness/runner.ts';

const LENGTHS = [8, 32, 64, 256, 1024, 16_384, 262_144];
const ROUNDS = 9;
/** Strings that take turns: more than there are lines in the cache, so that `new` ones are new. */
const STRINGS = 16_384;
const CACHED = 64;
const BYTES = 1 << 22;

interface Figure {
  readonly operation: string;
  readonly length: number;
  readonly parts: 'cached' | 'new';
  /** Nanoseconds per operation. */
  readonly words: number;
  readonly decoded: number;
}

type Operation = (layer: RawHeap, a: ObjectRef, b: ObjectRef) => ObjectRef | number;

/** Each operation on words, and by way of JavaScript's strings. */
const OPERATIONS: Readonly<Record<string, readonly [Operation, Operation]>> = {
  concat: [
    (layer, a, b) => layer.concat(a, b),
    (layer, a, b) => layer.string(layer.textOf(a) + layer.textOf(b)),
  ],
  slice: [
    (layer, a) => layer.slice(a, 1, layer.lengthOf(a) - 1),
    (layer, a) => layer.string(layer.textOf(a).slice(1, -1)),
  ],
  compare: [
    (layer, a, b) => Math.sign(layer.compare(a, b)),
    (layer, a, b) => {
      const [left, right] = [layer.textOf(a), layer.textOf(b)];
      return left < right ? -1 : Number(left > right);
    },
  ],
};

/** Strings that differ only at their ends. */
function stringsOf(layer: RawHeap, count: number, length: number): ObjectRef[] {
  const start = 'x'.repeat(Math.max(0, length - 8));
  return Array.from({ length: count }, (_, i) =>
    layer.string(start + String(i).padStart(Math.min(8, length), '0')),
  );
}

function sample(layer: RawHeap, strings: readonly ObjectRef[], operate: Operation): number {
  const start = performance.now();
  for (let i = 0; i < strings.length; i++) {
    const a = strings[i] as ObjectRef;
    const b = strings[(i * 7 + 1) % strings.length] as ObjectRef;
    const result = operate(layer, a, b);
    if (result > 1) layer.decref(result as ObjectRef);
  }
  return ((performance.now() - start) * 1e6) / strings.length;
}

function check(layer: RawHeap, [a, b]: readonly ObjectRef[], name: string): void {
  const ways = OPERATIONS[name] as readonly [Operation, Operation];
  const [left, right] = ways.map((way) => way(layer, a as ObjectRef, b as ObjectRef));
  const isEqual =
    name === 'compare'
      ? left === right
      : layer.compare(left as ObjectRef, right as ObjectRef) === 0;
  if (!isEqual) throw new Error(`${name}: the two ways came to different texts`);
}

function measure(length: number, rounds: number): Figure[] {
  const heap = Heap.create({ maxBytes: 2 ** 31 });
  const layer = raw(heap);
  const figures = heap.run(() => {
    const many = Math.max(CACHED, Math.min(STRINGS, Math.floor(BYTES / length)));
    const strings = stringsOf(layer, many, length);
    return Object.keys(OPERATIONS).flatMap((operation) => {
      check(layer, strings, operation);
      return (['cached', 'new'] as const).map((parts) => {
        const used = parts === 'cached' ? strings.slice(0, CACHED) : strings;
        const [words, decoded] = OPERATIONS[operation] as readonly [Operation, Operation];
        const times: [number, number][] = [];
        for (let i = -2; i < rounds; i++) {
          const pair: [number, number] = [sample(layer, used, words), sample(layer, used, decoded)];
          if (i >= 0) times.push(pair);
        }
        return {
          operation,
          length,
          parts,
          words: medianOf(times.map(([time]) => time)),
          decoded: medianOf(times.map(([, time]) => time)),
        };
      });
    });
  });
  heap[Symbol.dispose]();
  return figures;
}

const { values } = parseArgs({
  options: {
    lengths: { type: 'string', default: LENGTHS.join(',') },
    rounds: { type: 'string', default: String(ROUNDS) },
    json: { type: 'boolean', default: false },
  },
});
const figures = values.lengths
  .split(',')
  .flatMap((length) => measure(Number(length), Number(values.rounds)));
if (values.json) console.log(JSON.stringify(figures, null, 2));
else {
  console.log(describeMachine());
  const table = new Table({
    head: ['operation', 'units', 'parts', 'words, ns', 'decoded, ns', 'decoded / words'],
  });
  for (const { operation, length, parts, words, decoded } of figures) {
    const ratio = (decoded / words).toFixed(1);
    table.push([operation, length, parts, words.toFixed(0), decoded.toFixed(0), ratio]);
  }
  console.log(table.toString());
}
