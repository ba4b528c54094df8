/**
 * The graphs that collections are measured on, the same in every subject: each object has the four
 * reference slots `a` .. `d`.
 *
 *   a, b   edges to random objects of the same graph, seeded: `edgesOf`
 *   c      the object before it; the first one closes the ring. So one reference from outside
 *          holds all objects, and when it is dropped none dies by its count: all are left to the
 *          collector
 *   d      empty: for the mutators that run beside a collection
 *
 * Builders hold all objects in a list while they build, and take the checksum `walkOf` of it.
 */

/** Objects that mutators beside a collection work on: all of a graph, up to so many. */
export const MUTATOR_POOL = 100_000;

/** pyperformance's gc_collect: so many rings of so many objects. */
export const GC_COLLECT_RINGS = 100;
export const GC_COLLECT_RING = 21;

/** pyperformance's gc_traversal: array k of so many holds k references to array k - 1. */
export const GC_TRAVERSAL_ARRAYS = 1000;

/** Objects in each ring of `rings-garbage`. */
export const SMALL_RING = 20;

/** `young-live`: objects of the old generation that the young ones refer to. */
export const OLD_OBJECTS = 100_000;

/** `latency`: bytes of a message, and the share of all messages that stays in the map. */
export const MESSAGE_BYTES = 1024;
export const windowOf = (messages: number): number => Math.floor(messages / 5);
/** The byte that message `index` is filled with. */
export const fillOf = (index: number): number => index & 0xff;

/** `mmu`: windows for which the utilisation of the mutator is reported, in milliseconds. */
export const MMU_WINDOWS = [1, 5, 10, 50, 100] as const;

const SEED = 0x5eed;

/** Marsaglia's xorshift32: the same numbers everywhere, without a package. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
}

/** Edge `2 * i` and the one after it: indices of the objects that `a` and `b` of object i hold. */
export function edgesOf(objects: number): Int32Array {
  const random = new Random(SEED + objects);
  const edges = new Int32Array(2 * objects);
  for (let i = 0; i < edges.length; i++) edges[i] = random.below(objects);
  return edges;
}

/**
 * `young-live`: the same for a chain of young objects. `a` holds one that is older in the chain (or
 * itself, the first), so that the chain dies by its counts; `b` one of the old generation.
 */
export function youngEdgesOf(objects: number): Int32Array {
  const random = new Random(SEED + objects);
  const edges = new Int32Array(2 * objects);
  for (let i = 0; i < objects; i++) {
    edges[2 * i] = random.below(Math.max(1, i));
    edges[2 * i + 1] = random.below(OLD_OBJECTS);
  }
  return edges;
}

/** Steps of `walkOf`: enough that a graph with other edges leads elsewhere. */
export const WALK_STEPS = 64;

/**
 * The index at which a walk ends that begins at the last object and goes through `a` and `b` in
 * turn. Every subject takes it on its own objects.
 */
export function walkOf(edges: Int32Array): number {
  let index = edges.length / 2 - 1;
  for (let step = 0; step < WALK_STEPS; step++) index = edges[2 * index + (step & 1)];
  return index;
}

/** The same walk over objects of a subject: where it ends, as an object. */
export function walkObjects<T>(last: T, a: (node: T) => T, b: (node: T) => T): T {
  let node = last;
  for (let step = 0; step < WALK_STEPS; step++) node = (step & 1) === 0 ? a(node) : b(node);
  return node;
}

/** One number of what a subject found: the walk, what lives, and what was collected. */
export function collectionChecksum(found: {
  readonly walk: number;
  readonly live: number;
  readonly collected: number;
}): number {
  return (Math.imul(found.walk, 31) + Math.imul(found.live, 7) + found.collected) | 0;
}
