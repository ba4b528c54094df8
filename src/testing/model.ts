/**
 * The model: what the heap should hold, as plain JavaScript objects.
 *
 * It counts references as the heap does and lets objects die of it, keeps what only cycles hold,
 * and collects generations by a naive form of the same test: so it knows at every moment which
 * objects exist, not only which can be reached. It shares no code with the heap, but for knowing
 * the address at which each object was made: objects never move.
 */

import { KINDS, type KindSpec } from './kinds.ts';

/** The generation of frozen objects. */
export const FROZEN = 3;
const OLDEST = 2;

/** What a slot of the model holds: a plain value, or an object of the model. */
export type ModelValue = unknown;

/** An object of the model. */
export class ModelObject {
  readonly kind: number;
  /** The address of the heap's object. */
  readonly address: number;
  /** Fields of a struct, elements of an array, values of a tuple; bytes as numbers. */
  readonly slots: ModelValue[] = [];
  /** Entries of a map; elements of a set, as keys of undefined. */
  readonly entries = new Map<ModelValue, ModelValue>();
  /** References from slots, from open iterators, and one from the handle when there is one. */
  count = 0;
  /** Acquisitions of the handle: it lives while there are any. */
  acquisitions = 0;
  isImmortal = false;
  isAlive = true;
  /** Whether it may hold references to containers; a tuple: whether it does. */
  isContainer: boolean;
  isTracked: boolean;
  generation = 0;

  constructor(kind: number, address: number) {
    this.kind = kind;
    this.address = address;
    this.isContainer = this.spec.isContainer;
    this.isTracked = this.spec.shape === 'struct' && this.isContainer;
  }

  get spec(): KindSpec {
    return KINDS[this.kind] as KindSpec;
  }

  /** Calls `visit` with every object that this one references, once per reference. */
  visitReferences(visit: (referent: ModelObject) => void): void {
    for (const value of this.slots) if (value instanceof ModelObject) visit(value);
    for (const [key, value] of this.entries) {
      if (key instanceof ModelObject) visit(key);
      if (value instanceof ModelObject) visit(value);
    }
  }

  /** Whether it references an object that may be tracked. */
  holdsContainer(): boolean {
    let holds = false;
    this.visitReferences((referent) => {
      if (referent.isContainer) holds = true;
    });
    return holds;
  }
}

/** What the heap should hold. */
export class Model {
  /** Objects that exist, reachable or not. */
  readonly alive = new Set<ModelObject>();
  /** The named roots. */
  readonly roots = new Map<string, ModelValue>();
  /**
   * Whether another full collection might do something. It does nothing when no reference has
   * changed since the last one: full heaps collect at every operation that finds no room.
   */
  #isChanged = true;

  /** A new object, which nobody holds yet. */
  add(kind: number, address: number): ModelObject {
    this.#isChanged = true;
    const object = new ModelObject(kind, address);
    this.alive.add(object);
    return object;
  }

  /** One more reference to `value`, if it is an object. */
  hold(value: ModelValue): void {
    if (!(value instanceof ModelObject)) return;
    value.count++;
    this.#isChanged = true;
  }

  /** One reference less: the last one lets it die, and what dies with it. */
  drop(value: ModelValue): void {
    if (!(value instanceof ModelObject)) return;
    this.#isChanged = true;
    this.#dropAll([value]);
  }

  #dropAll(dropped: ModelObject[]): void {
    for (let object = dropped.pop(); object !== undefined; object = dropped.pop()) {
      object.count--;
      if (object.count > 0 || object.isImmortal || !object.isAlive) continue;
      this.#remove(object);
      object.visitReferences((referent) => dropped.push(referent));
    }
  }

  #remove(object: ModelObject): void {
    object.isAlive = false;
    this.alive.delete(object);
  }

  /** Puts a value into a slot of an object; what was there is dropped. */
  replaceSlot(object: ModelObject, slot: number, value: ModelValue): void {
    const old = object.slots[slot];
    this.hold(value);
    this.#track(object, value);
    object.slots[slot] = value;
    this.drop(old);
  }

  /** Replaces elements of an array, as `Array.prototype.splice`. */
  splice(object: ModelObject, at: number, count: number, ...values: ModelValue[]): void {
    for (const value of values) {
      this.hold(value);
      this.#track(object, value);
    }
    for (const value of object.slots.splice(at, count, ...values)) this.drop(value);
  }

  /** Gives a new tuple its values: whether it holds a container is settled by that. */
  fillTuple(tuple: ModelObject, values: readonly ModelValue[]): void {
    for (const value of values) this.hold(value);
    tuple.slots.push(...values);
    if (tuple.holdsContainer()) tuple.isContainer = tuple.isTracked = true;
  }

  /** Sets an entry of a map, or adds an element to a set. */
  setEntry(object: ModelObject, key: ModelValue, value: ModelValue): void {
    const { entries } = object;
    const isNew = !entries.has(key);
    const old = entries.get(key);
    if (!isNew && Object.is(old, value)) {
      this.#track(object, value);
      return;
    }
    for (const held of isNew ? [value, key] : [value]) {
      this.hold(held);
      this.#track(object, held);
    }
    entries.set(key, value);
    this.drop(old);
  }

  /** Deletes an entry of a map, if there is one. */
  deleteEntry(object: ModelObject, key: ModelValue): void {
    if (!object.entries.has(key)) return;
    const value = object.entries.get(key);
    object.entries.delete(key);
    this.drop(value);
    this.drop(key);
  }

  /** Sets a named root. */
  setRoot(name: string, value: ModelValue): void {
    const old = this.roots.get(name);
    this.hold(value);
    this.roots.set(name, value);
    this.drop(old);
  }

  deleteRoot(name: string): void {
    const old = this.roots.get(name);
    this.roots.delete(name);
    this.drop(old);
  }

  /** The program acquires the handle of an object once more. */
  acquire(object: ModelObject): void {
    if (object.acquisitions++ === 0) this.hold(object);
  }

  /** An acquisition ends; the last one ends the handle. */
  unacquire(object: ModelObject): void {
    if (--object.acquisitions === 0) this.drop(object);
  }

  /** `container` is about to hold `value`: it may have to be tracked from now on. */
  #track(container: ModelObject, value: ModelValue): void {
    if (container.isTracked || !(value instanceof ModelObject)) return;
    if (container.spec.shape === 'struct' || !value.isContainer) return;
    container.isTracked = true;
    container.generation = 0;
    this.#isChanged = true;
  }

  /**
   * Collects a generation and all younger ones: what is unreachable from outside of them goes,
   * and what dies with it. Returns how many tracked objects were unreachable.
   */
  collect(generation: number): number {
    if (!this.#isChanged) return 0;
    if (generation === OLDEST) this.#isChanged = false;
    const members = new Map<ModelObject, number>();
    for (const object of this.alive) {
      if (object.isTracked && !object.isImmortal && object.generation <= generation) {
        members.set(object, object.count);
      }
    }
    const garbage = unreachableOf(members);
    for (const object of members.keys()) {
      if (!garbage.has(object)) this.#promote(object, generation);
    }
    for (const object of garbage) this.#remove(object);
    const outside: ModelObject[] = [];
    for (const object of garbage) {
      object.visitReferences((referent) => {
        if (!garbage.has(referent)) outside.push(referent);
      });
    }
    this.#dropAll(outside);
    return garbage.size;
  }

  #promote(object: ModelObject, generation: number): void {
    object.generation = Math.min(generation + 1, OLDEST);
    if (generation === OLDEST && object.spec.shape !== 'struct' && !object.holdsContainer()) {
      object.isTracked = false;
      object.generation = 0;
    }
  }

  /** All tracked objects are left alone by collections until `unfreeze`. */
  freeze(): void {
    this.#isChanged = true;
    for (const object of this.alive) if (object.isTracked) object.generation = FROZEN;
  }

  unfreeze(): void {
    this.#isChanged = true;
    for (const object of this.alive) if (object.generation === FROZEN) object.generation = OLDEST;
  }

  /** The objects that can be reached: from named roots, handles, iterators, and immortal ones. */
  reachable(): Set<ModelObject> {
    const reached = new Set<ModelObject>();
    const pending: ModelObject[] = [];
    const reach = (value: ModelValue) => {
      if (!(value instanceof ModelObject) || reached.has(value)) return;
      reached.add(value);
      pending.push(value);
    };
    for (const value of this.roots.values()) reach(value);
    const inner = new Map<ModelObject, number>();
    for (const object of this.alive) {
      object.visitReferences((referent) => inner.set(referent, (inner.get(referent) ?? 0) + 1));
    }
    // What is counted more often than objects of the heap hold it is held from outside.
    for (const object of this.alive) {
      if (object.isImmortal || object.count > (inner.get(object) ?? 0)) reach(object);
    }
    for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
      object.visitReferences(reach);
    }
    return reached;
  }

  /** Forgets what cannot be reached, as a full collection would that finds nothing frozen. */
  prune(): void {
    const reached = this.reachable();
    for (const object of this.alive) {
      if (reached.has(object)) continue;
      this.#remove(object);
      object.visitReferences((referent) => {
        if (reached.has(referent)) referent.count--;
      });
    }
  }

  /** `part`, which nothing holds but itself and the named root `name`, is another model's now. */
  handOver(name: string, part: Iterable<ModelObject>): void {
    this.roots.delete(name);
    for (const object of part) this.#remove(object);
  }

  /** Generation and tracking of an object are those of the heap from now on. */
  adjust(object: ModelObject, isTracked: boolean, generation: number): void {
    this.#isChanged = true;
    object.isTracked = isTracked;
    object.generation = generation;
  }
}

/** The members that nothing outside reaches. `members` has the count of each. */
function unreachableOf(members: Map<ModelObject, number>): Set<ModelObject> {
  for (const object of members.keys()) {
    object.visitReferences((referent) => {
      const count = members.get(referent);
      if (count !== undefined) members.set(referent, count - 1);
    });
  }
  const unreachable = new Set(members.keys());
  const pending: ModelObject[] = [];
  const reach = (object: ModelObject) => {
    if (unreachable.delete(object)) pending.push(object);
  };
  for (const [object, outside] of members) if (outside > 0) reach(object);
  for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
    object.visitReferences(reach);
  }
  return unreachable;
}
