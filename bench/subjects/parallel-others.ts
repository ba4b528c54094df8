/**
 * `parallel-read` without a heap: V8's shared structs; ordinary objects, of which each thread has
 * copies of its own; and bare words of a SharedArrayBuffer, which tell how far this machine scales.
 */

import type { Bench, Cell } from '../harness/types.ts';
import type { Member } from './crew.ts';
import { parallelRead, walkerOf } from './parallel-read.ts';

/** The words of a node, as large as in a heap; address 0 is null. */
const NODE_WORDS = 4;
const NODE_NEXT = 2;
const NODE_VALUE = 3;

interface ChainNode {
  next: ChainNode | null | undefined;
  value: number;
}

type Chain =
  | { readonly kind: 'words'; readonly words: Int32Array }
  | { readonly kind: 'objects'; readonly head: ChainNode }
  | { readonly kind: 'copies'; readonly length: number };

function wordsOf(length: number): Int32Array {
  const bytes = (length + 1) * NODE_WORDS * Int32Array.BYTES_PER_ELEMENT;
  const words = new Int32Array(new SharedArrayBuffer(bytes));
  for (let i = 1; i <= length; i++) {
    words[i * NODE_WORDS + NODE_NEXT] = (i - 1) * NODE_WORDS;
    words[i * NODE_WORDS + NODE_VALUE] = i - 1;
  }
  return words;
}

/** The value of a node is its distance from the end. */
function objectsOf(length: number, newNode: () => ChainNode): ChainNode {
  let head = newNode();
  head.value = 0;
  for (let value = 1; value < length; value++) {
    const node = newNode();
    node.next = head;
    node.value = value;
    head = node;
  }
  return head;
}

function walkOf(head: ChainNode): () => number {
  return () => {
    let sum = 0;
    for (let node: ChainNode | null | undefined = head; node != null; node = node.next) {
      sum = (sum + node.value) | 0;
    }
    return sum;
  };
}

function walkOfWords(words: Int32Array): () => number {
  const head = words.length - NODE_WORDS;
  return () => {
    let sum = 0;
    for (let node = head; node !== 0; node = words[node + NODE_NEXT]!) {
      sum = (sum + words[node + NODE_VALUE]!) | 0;
    }
    return sum;
  };
}

export function memberOf(_workload: string, shared: unknown): Member {
  const chain = shared as Chain;
  if (chain.kind === 'words') return walkerOf(walkOfWords(chain.words));
  if (chain.kind === 'objects') return walkerOf(walkOf(chain.head));
  return walkerOf(walkOf(objectsOf(chain.length, () => ({ next: null, value: 0 }))));
}

const bench = (cell: Cell, shared: Chain): Bench =>
  parallelRead(cell, { module: import.meta.url, shared });

export const readWords = (cell: Cell): Bench =>
  bench(cell, { kind: 'words', words: wordsOf(cell.size!) });

export const readCopies = (cell: Cell): Bench =>
  bench(cell, { kind: 'copies', length: cell.size! });

/** Of shared structs, which `newNode` makes. */
export const readObjects = (cell: Cell, newNode: () => ChainNode): Bench =>
  bench(cell, { kind: 'objects', head: objectsOf(cell.size!, newNode) });
