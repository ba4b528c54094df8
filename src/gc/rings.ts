/**
 * Rings: how scanners send each other words, without an atomic per word.
 *
 * Each pair of scanners has a ring for each direction: one writes, one reads (Lamport, 1977). Words
 * are written plainly and published in batches by one atomic store of the head. A sender that finds
 * a ring full receives what has come for itself and tries again, so rings never lock each other.
 *
 *   ring (from, to):  head, on a cache line of its own   atomic, written by the sender
 *                     tail, on a cache line of its own   atomic, written by the receiver
 *                     RING_LENGTH words
 */

import type { Memory } from '../memory/memory.ts';

const LINE = 16;
const RING_SHIFT = 8;
/** Words in a ring. */
const RING_LENGTH = 1 << RING_SHIFT;
const RING_MASK = RING_LENGTH - 1;
const RING_WORDS = RING_LENGTH + 2 * LINE;
/** Words are published at the latest when there are so many. */
const BATCH = 16;

/** Words that the rings of `scanners` scanners take. */
export const ringsWords = (scanners: number): number => scanners * scanners * RING_WORDS;

/** Empties all rings. Before anybody uses them. */
export function clearRings(mem: Memory, at: number, scanners: number): void {
  for (let ring = 0; ring < scanners * scanners; ring++) {
    mem.i32.fill(0, at + ring * RING_WORDS, at + ring * RING_WORDS + 2 * LINE);
  }
}

/** The rings of one scanner. */
export class Rings {
  declare private readonly i32: Int32Array;
  declare private readonly at: number;
  declare private readonly me: number;
  declare private readonly scanners: number;
  /** Per receiver: words written, words published, and how many it had read when last looked. */
  declare private readonly heads: Int32Array;
  declare private readonly published: Int32Array;
  declare private readonly tails: Int32Array;

  constructor(mem: Memory, at: number, me: number, scanners: number) {
    this.i32 = mem.i32;
    this.at = at;
    this.me = me;
    this.scanners = scanners;
    this.heads = new Int32Array(scanners);
    this.published = new Int32Array(scanners);
    this.tails = new Int32Array(scanners);
  }

  private ring(from: number, to: number): number {
    return this.at + (from * this.scanners + to) * RING_WORDS;
  }

  /** Whether there is room for a word to scanner `to`. */
  hasRoom(to: number): boolean {
    if (this.heads[to] - this.tails[to] < RING_LENGTH) return true;
    this.publish(to);
    this.tails[to] = Atomics.load(this.i32, this.ring(this.me, to) + LINE);
    return this.heads[to] - this.tails[to] < RING_LENGTH;
  }

  /** Sends a word; there is room. */
  send(to: number, word: number): void {
    const head = this.heads[to];
    this.i32[this.ring(this.me, to) + 2 * LINE + (head & RING_MASK)] = word;
    this.heads[to] = head + 1;
    if (head + 1 - this.published[to] >= BATCH) this.publish(to);
  }

  private publish(to: number): void {
    if (this.heads[to] === this.published[to]) return;
    this.published[to] = this.heads[to];
    Atomics.store(this.i32, this.ring(this.me, to), this.heads[to]);
  }

  /** Publishes all that was sent. */
  publishAll(): void {
    for (let to = 0; to < this.scanners; to++) this.publish(to);
  }

  /** Calls `receive` with every word that has come. Returns how many. */
  receiveAll(receive: (word: number) => void): number {
    const { i32, me, scanners } = this;
    let received = 0;
    for (let from = 0; from < scanners; from++) {
      if (from === me) continue;
      const ring = this.ring(from, me);
      const head = Atomics.load(i32, ring);
      let tail = i32[ring + LINE]; // written by this scanner only
      if (tail === head) continue;
      received += head - tail;
      for (; tail !== head; tail++) receive(i32[ring + 2 * LINE + (tail & RING_MASK)]);
      Atomics.store(i32, ring + LINE, tail);
    }
    return received;
  }
}
