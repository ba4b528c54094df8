/** Tasks of the tests on copies and plain objects in several threads: `threads-copies`. */

/** @param {number} i */
function sourceOf(i) {
  const shared = { i, text: `text ${i}` };
  /** @type {any} */
  const source = {
    list: [shared, [i, null], shared],
    map: new Map([[shared, new Set([i])]]),
    date: new Date(i),
    bytes: new Uint8Array([i & 255]),
    [`shape ${i % 40}`]: i,
  };
  source.self = source;
  return source;
}

/** @param {any} copy @param {number} i */
function isWhole(copy, i) {
  return (
    copy.self === copy &&
    copy.list[0] === copy.list[2] &&
    copy.map.get(copy.list[0]).has(i) &&
    copy.list[0].text === `text ${i}` &&
    copy.date.getTime() === i &&
    copy.bytes[0] === (i & 255) &&
    copy[`shape ${i % 40}`] === i
  );
}

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  verify: ({ heap }) => heap.verify().length,

  /** Copies graphs into shared roots, and others' out of them. Returns how many were wrong. */
  copy({ heap }, rounds, seed) {
    let wrong = 0;
    for (let i = 0; i < rounds; i++) {
      const number = i * 7 + seed;
      heap.scope(() => {
        heap.root.set(`copy ${number % 5}`, heap.from({ number, source: sourceOf(number) }));
        const other = heap.root.get(`copy ${(number + 1) % 5}`);
        if (other === undefined) return;
        const back = /** @type {any} */ (heap.toJS(other));
        if (!isWhole(back.source, back.number)) wrong++;
      });
      try {
        heap.from([sourceOf(i), () => 1]);
        wrong++;
      } catch (error) {
        if (/** @type {any} */ (error).path !== 'value[1]') throw error;
      }
    }
    return wrong;
  },

  /** Uses an object through its proxy; what it counts must not get lost. */
  count({ heap }, name, times) {
    const state = /** @type {any} */ (heap.proxy(/** @type {any} */ (heap.root.get(name))));
    for (let i = 0; i < times; i++) {
      heap.run(() => {
        state.count++;
        state[`key ${i % 9}`] = { i };
        if (i % 3 === 0) delete state[`key ${i % 7}`];
        state.list.push(i);
        if (state.list.length > 20) state.list.splice(0, 10);
      });
    }
    return state.count > 0;
  },

  /** Keeps a handle of a root. */
  hold({ heap, kept }, name) {
    kept[name] = heap.root.get(name);
    return heap.id(/** @type {any} */ (kept[name]));
  },

  /** What a handle got before sees now. */
  see({ heap, kept }, name) {
    const object = /** @type {any} */ (kept[name]);
    return [heap.id(object), object.keys(), JSON.stringify(object), heap.refcount(object)];
  },

  change({ kept }, name, property, value) {
    const object = /** @type {any} */ (kept[name]);
    if (value === undefined) object.delete(property);
    else object.set(property, value);
  },

  release: ({ kept }, name) => /** @type {any} */ (kept[name]).release(),

  /** The kinds of objects made here with these names. */
  kinds({ heap }, sources) {
    return sources.map((/** @type {object} */ source) => {
      const handle = /** @type {any} */ (heap.from(source));
      const { mem } = handle.$session;
      const kind = mem.i32[handle.$ref + 1] >>> 16;
      handle.release();
      return kind;
    });
  },
};
