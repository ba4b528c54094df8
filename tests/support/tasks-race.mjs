/**
 * Tasks for mutators that race with collections: they link and cut one graph that all of them see,
 * and look whether what they meet is what was stored.
 */

/** @typedef {import('./threads.ts').Context} Context */

/** A stream of whole numbers below `limit`, the same for the same seed (mulberry32). */
function createRandom(/** @type {number} */ seed) {
  let state = seed;
  return (/** @type {number} */ limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

const FIELDS = { id: 'int32', check: 'int32', left: 'ref', right: 'ref', any: 'any' };
/** Sections between two renewals of the graph, on the average. */
const RENEWAL = 200;
const checkOf = (/** @type {number} */ id) => Math.imul(id, 0x9e3779b1);

/**
 * Does random work on the array `world`, several operations to a section, until the first signal
 * says so. Returns how many objects it has looked at.
 * @param {Context} context @param {number} seed
 */
function race({ heap, signals }, seed) {
  const random = createRandom(seed);
  const Node = /** @type {any} */ (heap).struct('Racer', FIELDS);
  const world = /** @type {any} */ (heap.root.get('world'));
  let next = (seed << 20) >>> 0;
  let looks = 0;
  /** @param {any} node */
  const look = (node) => {
    if (node === null || node === undefined) return;
    looks++;
    if (node.check !== checkOf(node.id)) throw new Error(`node ${node.id} is not what it was`);
  };
  const create = () => new Node({ id: ++next | 0, check: checkOf(next | 0) });
  const place = () => random(world.length);
  const some = () => {
    const node = world.at(place());
    look(node);
    return node;
  };
  const operations = [
    () => world.set(place(), create()),
    () => {
      const [from, to] = [some(), some()];
      if (random(2) === 0) from.left = to;
      else from.right = to;
    },
    () => {
      const from = some();
      from.right = null;
      look(from.left);
      look(from.left?.left);
    },
    () => {
      // A ring that is garbage when the section ends, unless it found a place.
      const ring = Array.from({ length: 1 + random(8) }, create);
      ring.forEach((node, i) => {
        node.left = ring[(i + 1) % ring.length];
        if (random(4) === 0) node.right = some();
      });
      if (random(3) === 0) world.set(place(), ring[0]);
    },
    () => {
      const array = heap.array();
      for (let i = random(30); i > 0; i--) array.push(random(2) === 0 ? some() : `text ${i}`);
      const from = some();
      from.any = array;
      if (random(2) === 0) array.push(from);
    },
    () => {
      const map = heap.map();
      for (let i = random(20); i > 0; i--) map.set(random(3) === 0 ? some() : i, some());
      map.set('map', map);
      some().any = map;
    },
    () => {
      const set = heap.set();
      for (let i = random(20); i > 0; i--) set.add(random(3) === 0 ? `text ${i}` : some());
      if (random(2) === 0) set.add(set);
      some().any = set;
    },
    () => {
      // A tuple in a cycle, through an array, or through the node that holds it.
      const array = heap.array();
      const from = some();
      const tuple = heap.tuple(array, some(), `text ${random(30)}`, from, new Date(random(9)));
      array.push(tuple);
      from.any = random(3) === 0 ? heap.tuple(tuple, heap.bytes(random(50))) : tuple;
    },
    () => {
      const { any } = some();
      if (any === undefined || any === null) return;
      if (typeof any.push === 'function') any.push(some());
      else if (typeof any.set === 'function') any.set(some(), create());
      else if (typeof any.add === 'function') {
        any.add(some());
        for (const element of any) {
          if (random(2) === 0) break;
          any.delete(element);
        }
      } else if (typeof any.at === 'function') {
        for (const part of any) if (part?.check !== undefined) look(part);
      }
    },
    () => {
      some().any = random(2) === 0 ? null : 'a text that is too long to be interned by anybody';
    },
  ];
  // What was replaced stays reachable from what replaced it: now and then all begins anew, or the
  // graph would grow until the heap is full.
  const renew = () => {
    for (let i = 0; i < world.length; i++) world.set(i, create());
  };
  while (Atomics.load(signals, 0) === 0) {
    if (random(RENEWAL) === 0) heap.run(() => heap.scope(renew));
    const count = random(10) === 0 ? 100 : 1 + random(10);
    heap.run(() => {
      for (let i = 0; i < count; i++) {
        heap.scope(() => void operations[random(operations.length)]?.());
        if (random(20) === 0) heap.safepoint();
      }
    });
  }
  return looks;
}

/** Lets go of what this thread has kept. @param {Context} context */
function forget({ heap }) {
  /** @type {any} */ (heap).root.get('world').release();
}

export const tasks = { race, forget };
