/** `latency` and `mmu` in a heap: automatic collections as they come, with default thresholds. */

import { type Handle, Heap, type HeapArray } from '../../src/index.ts';
import { type ObjectRef, raw } from '../../src/raw.ts';
import { fillOf, MESSAGE_BYTES, Random, windowOf } from '../graphs.ts';
import type { BenchFactory, Cell, FiguresBench } from '../harness/types.ts';
import { measureChurn, timePushes } from './pushes.ts';
import { graphsIn } from './sharc-graphs.ts';

const GIB = 2 ** 30;
const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT;
const MESSAGE_WORDS = MESSAGE_BYTES / WORD_BYTES;

/** First slot of a message, and the only one of an entry. */
const ENTRY = 0;
const MESSAGE = 0;

/** A struct with a reference and a kibibyte of numbers, which are filled on the raw layer. */
function declareMessage(heap: Heap) {
  const words = Array.from({ length: MESSAGE_WORDS }, (_, i) => [`word${i}`, 'int32'] as const);
  return heap.struct('Message', { entry: 'ref', ...Object.fromEntries(words) });
}

function latency({ operations }: Cell, hasCycles: boolean): FiguresBench {
  const heap = Heap.create({ maxBytes: 2 * GIB });
  const { i32, kindOf, offsetOf, alloc, load, store, storeOwned, fromHandle, toHandle } = raw(heap);
  const Message = declareMessage(heap);
  const messageKind = kindOf(Message);
  const first = offsetOf(Message, 'word0');
  const entryKind = kindOf(heap.struct('Entry', { message: 'ref' }));
  const map = heap.map<number, Handle>();
  const window = windowOf(operations);

  let index = 0;
  const newMessage = (): ObjectRef => {
    const message = alloc(messageKind);
    const word = fillOf(index) * 0x01010101;
    i32.fill(word, message + first, message + first + MESSAGE_WORDS);
    if (!hasCycles) return message;
    const entry = alloc(entryKind);
    store(message, ENTRY, entry);
    storeOwned(entry, MESSAGE, message);
    return entry;
  };
  const section = () => {
    map.set(index, toHandle(newMessage()));
    if (index >= window) map.delete(index - window);
  };
  const push = (at: number) => {
    index = at;
    heap.run(section);
  };
  const byteOf = (at: number): number =>
    heap.run(() => {
      const value = fromHandle(map.get(at) as Handle);
      const message = hasCycles ? load(value, MESSAGE) : value;
      return i32[message + first + MESSAGE_WORDS - 1] & 0xff;
    });
  const measureAll = async () => {
    const figures = timePushes(operations, push);
    const checksum = map.size * 65536 + byteOf(operations - window) * 256 + byteOf(operations - 1);
    return { figures, checksum };
  };
  return { measureAll };
}

/** Rings counted in one scope. */
const COUNTED_AT_ONCE = 1000;

function mmu({ operations: milliseconds, size }: Cell): FiguresBench {
  const heap = Heap.create({ maxBytes: 2 * GIB });
  const { toHandle, decref } = raw(heap);
  const { allocRing, ringLength } = graphsIn(heap);
  const rings: HeapArray<Handle> = heap.array();
  const count = size! / 2;
  for (let done = 0; done < count; done += COUNTED_AT_ONCE) {
    heap.run(() => {
      const end = Math.min(count, done + COUNTED_AT_ONCE);
      for (let i = done; i < end; i++) rings.push(toHandle(allocRing(2)));
    });
  }
  const random = new Random(1);
  let steps = 0;
  const section = () => {
    const ring = allocRing(2);
    if ((steps++ & 1) === 0) rings.set(random.below(count), toHandle(ring));
    else decref(ring);
  };
  const step = () => heap.run(section);
  const countLive = () => {
    let live = 0;
    for (let done = 0; done < count; done += COUNTED_AT_ONCE) {
      heap.run(() => {
        const end = Math.min(count, done + COUNTED_AT_ONCE);
        for (let i = done; i < end; i++) live += ringLength(rings.at(i) as Handle);
      });
    }
    return live;
  };
  return { measureAll: async () => measureChurn({ step, countLive }, milliseconds) };
}

export const pushBenches: Readonly<Record<string, BenchFactory>> = {
  latency: (cell) => latency(cell, false),
  'latency-cycles': (cell) => latency(cell, true),
  mmu,
};
