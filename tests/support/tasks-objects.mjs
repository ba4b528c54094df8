/** Tasks of the tests on objects that threads share: `threads-structs`, `threads-objects`. */

const PERSON = { name: 'string', age: 'int32', friend: 'ref' };

/** @param {any} heap */
const declarePerson = (heap) => heap.struct('Person', PERSON);

/** @param {any} heap */
const declareItem = (heap) => heap.struct('Item', { text: 'string', value: 'any', next: 'ref' });

/** @param {any} heap @param {string} name */
const declarePair = (heap, name) => heap.struct(name, { a: 'int32', b: 'ref' });

/** @param {Int32Array} signals @param {number} at */
function raise(signals, at) {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

/** @param {Int32Array} signals @param {number} at */
function waitFor(signals, at) {
  while (Atomics.load(signals, at) === 0) Atomics.wait(signals, at, 0, 1000);
}

/** The array in a named root. @param {any} heap @param {string} name */
const shared = (heap, name) => heap.root.get(name);

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  verify: ({ heap }) => heap.verify().length,
  stats: ({ heap }) => heap.stats(),

  /** Declares a struct; twice gives the same class. */
  declare({ heap }, name, fields) {
    const Struct = heap.struct(name, fields);
    return Struct === heap.struct(name, fields) ? Struct.name : 'two classes';
  },

  /** Declares many structs, each name in a race with other threads. Returns what they are for. */
  declareMany({ heap, signals }, start, count) {
    waitFor(signals, start);
    const made = [];
    for (let i = 0; i < count; i++) {
      const Struct = declarePair(heap, `Struct ${i}`);
      const object = new Struct({ a: i });
      made.push(object.a);
      object.release();
    }
    return made.every((a, i) => a === i);
  },

  makePerson({ heap }, name, age) {
    const Person = declarePerson(heap);
    heap.run(() => void heap.root.set('person', new Person({ name, age })));
  },

  /** Methods of this thread's own subclass, also on objects made elsewhere. */
  greet({ heap }, greeting) {
    const Base = declarePerson(heap);
    class Person extends Base {
      greet() {
        return `${greeting}, ${this.name} (${this.age})`;
      }
    }
    Person.register();
    return heap.run(() => {
      const person = /** @type {any} */ (heap.root.get('person'));
      return [person.greet(), person instanceof Person, person.constructor.name];
    });
  },

  /** Uses an object of a struct that this thread has never declared. */
  useUndeclared({ heap }) {
    return heap.run(() => {
      const person = /** @type {any} */ (heap.root.get('person'));
      person.age += 1;
      person.friend = person.friend ?? person;
      person.friend = null;
      person.name = `${person.name}!`;
      let refusal = 'none';
      try {
        person.nonsense = 1;
      } catch (error) {
        refusal = /** @type {Error} */ (error).name;
      }
      return [person.name, person.age, person.friend, person.constructor.name, refusal];
    });
  },

  /** Reads a root, keeps it, and says what this thread and the heap know of it. */
  keepRoot({ heap, kept }, name) {
    const handle = shared(heap, name);
    kept[name] = handle;
    return { id: heap.id(handle), refcount: heap.refcount(handle) };
  },

  refcount: ({ heap, kept }, name) => heap.refcount(/** @type {any} */ (kept[name])),
  release: ({ kept }, name) => /** @type {any} */ (kept[name]).release(),
  read: ({ kept }, name, key) => /** @type {any} */ (kept[name]).get(key),
  deleteRoot: ({ heap }, name) => heap.root.delete(name),

  /** Drops the last reference to something large, and counts at once what lives. */
  dropAndCount({ heap }, name) {
    const before = heap.stats().liveObjects;
    heap.root.delete(name);
    return before - heap.stats().liveObjects;
  },

  /** Makes `count` objects with strings and puts them into a shared array. */
  produce({ heap }, name, count, seed) {
    const Item = declareItem(heap);
    const queue = shared(heap, name);
    for (let i = 0; i < count; i++) {
      heap.run(() => {
        const text = `${'text of some length '.repeat((i + seed) % 9)}${i}`;
        const item = new Item({ text, value: i % 2 === 0 ? i * 0.5 : `value ${i}` });
        item.next = new Item({ text: 'next', value: null });
        queue.push(item);
      });
    }
    queue.release();
  },

  /** Takes objects out of a shared array and drops them, until it had `count`. */
  consume({ heap }, name, count) {
    const queue = shared(heap, name);
    let taken = 0;
    let wrong = 0;
    while (taken < count) {
      heap.run(() => {
        const item = queue.pop();
        if (item === undefined) return;
        taken++;
        if (!item.text.endsWith(String(Number.parseInt(item.text.match(/\d+$/)[0], 10)))) wrong++;
        if (item.next.text !== 'next') wrong++;
      });
    }
    queue.release();
    return wrong;
  },

  /** Swaps objects with other threads through a shared array: each frees what others made. */
  swap({ heap }, name, rounds, slots) {
    const array = shared(heap, name);
    let state = rounds;
    for (let i = 0; i < rounds; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const at = (state >>> 4) % slots;
      heap.run(() => {
        const size = (state >>> 20) % 60;
        const value =
          i % 3 === 0 ? heap.map().set('k', 'v'.repeat(size * 20)) : 'x'.repeat(size * 9);
        array.set(at, value);
      });
    }
    array.release();
  },

  /** A long section with locals; at its safepoint another thread does what it likes. */
  longSection({ heap, signals }, inside, proceed) {
    const result = heap.run(() => {
      const map = shared(heap, 'shared');
      const victim = map.get('victim');
      const own = heap.array();
      own.push('mine');
      const text = map.get('text');
      const inner = heap.scope(() => {
        const scoped = heap.map().set('deep', 1);
        raise(signals, inside);
        while (Atomics.load(signals, proceed) === 0) heap.safepoint();
        return [scoped.get('deep'), heap.refcount(scoped)];
      });
      return {
        inner,
        victim: victim.get('name'),
        victimCount: heap.refcount(victim),
        own: own.at(0),
        ownCount: heap.refcount(own),
        same: map.get('text') === text,
        text: map.get('text'),
        isGone: !map.has('victim'),
        findings: heap.verify(),
      };
    });
    return result;
  },

  /** A safepoint in a heap so full that the locals cannot be written as rows. */
  fullSafepoint({ heap, sharc, signals }, inside, waiting) {
    return heap.run(() => {
      const locals = Array.from({ length: 3000 }, (_, i) => heap.map().set('i', i));
      const filler = heap.array();
      try {
        for (let i = 0; ; i++) filler.push(`${'a rather long text '.repeat(4)}${i}`);
      } catch (error) {
        if (!(error instanceof sharc.HeapExhaustedError)) throw error;
      }
      for (let i = 1; i < 64; i++) {
        try {
          heap.root.set('x'.repeat(i), heap.array());
        } catch {
          // What small blocks there were are in use now, too.
        }
      }
      raise(signals, inside);
      waitFor(signals, waiting);
      const end = performance.now() + 100;
      while (performance.now() < end) heap.safepoint();
      const wrong = locals.filter((map, i) => map.get('i') !== i).length;
      filler.length = 0;
      return [wrong, heap.verify().length];
    });
  },

  /** Walks a map in one section, with a safepoint at every entry. */
  walk({ heap, signals }, inside, proceed) {
    const map = shared(heap, 'shared');
    /** @type {unknown[]} */
    const seen = [];
    map.forEach((/** @type {unknown} */ _, /** @type {unknown} */ key) => {
      seen.push(key);
      if (seen.length === 1) {
        raise(signals, inside);
        while (Atomics.load(signals, proceed) === 0) heap.safepoint();
      }
    });
    map.release();
    return seen;
  },
};
