/** Collections of ordinary objects: V8's own, in the one thread that these objects have. */

import { fillOf, MESSAGE_BYTES, windowOf } from '../graphs.ts';
import type { BenchFactory, Cell, FiguresBench } from '../harness/types.ts';
import { timePushes } from './pushes.ts';
import { mmu } from './v8-churn.ts';
import { explicitBenches } from './v8-explicit.ts';
import type { GraphNode, Make } from './v8-graphs.ts';

class Node implements GraphNode {
  a: GraphNode | null = null;
  b: GraphNode | null = null;
  c: GraphNode | null = null;
  d: GraphNode | null = null;
}

const make: Make = () => new Node();
const makeArray = (length: number, value: unknown) => new Array<unknown>(length).fill(value);

class Message {
  readonly bytes: Uint8Array;
  /** Only in the variant with cycles. */
  entry: Entry | null = null;
  constructor(index: number) {
    this.bytes = new Uint8Array(MESSAGE_BYTES).fill(fillOf(index));
  }
}

class Entry {
  readonly message: Message;
  constructor(message: Message) {
    this.message = message;
    message.entry = this;
  }
}

/** A map of so many messages, whichever way they stand in it. */
function latency<T>(
  { operations }: Cell,
  wrap: (message: Message) => T,
  messageOf: (value: T) => Message,
): FiguresBench {
  const map = new Map<number, T>();
  const window = windowOf(operations);
  const push = (index: number) => {
    map.set(index, wrap(new Message(index)));
    if (index >= window) map.delete(index - window);
  };
  const byteOf = (index: number) => messageOf(map.get(index)!).bytes[MESSAGE_BYTES - 1]!;
  const measureAll = async () => {
    const figures = timePushes(operations, push);
    const checksum = map.size * 65536 + byteOf(operations - window) * 256 + byteOf(operations - 1);
    return { figures, checksum };
  };
  return { measureAll };
}

export const collectionBenches: Readonly<Record<string, BenchFactory>> = {
  ...explicitBenches(make, makeArray),
  latency: (cell) =>
    latency(
      cell,
      (message) => message,
      (message) => message,
    ),
  'latency-cycles': (cell) =>
    latency(
      cell,
      (message) => new Entry(message),
      (entry) => entry.message,
    ),
  mmu: (cell) => mmu(make, cell),
};
