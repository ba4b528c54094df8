/** The operations of programs that hand parts of the graph over to other threads. */

import type { ObjectRef } from '../memory/layout.ts';
import { quietly } from './collector-operations.ts';
import { compareObjects } from './compare.ts';
import { arrayOf, close, mapOf, take } from './container-operations.ts';
import type { Action, Machine } from './machine.ts';
import { ModelObject, type ModelValue } from './model.ts';
import { deleteRoot } from './object-operations.ts';
import { ITERATORS, type OperationName, partSize, REGISTERS } from './operations.ts';
import { addParcel, choosePart, describePart, type Post } from './parcel.ts';

/**
 * Hands the object in register `q` over to another thread, with what it reaches: cuts what would
 * lead across the border, publishes it, drops all that this thread has of it, sends word. Outside
 * of sections and scopes only, where everything can be dropped.
 */
function send(m: Machine, q: number, to: number, n: number): void {
  const register = m.read(q);
  const { post } = m;
  if (post === null || register === null || m.holders.frame !== 0) return;
  if (register.object.isImmortal) return;
  m.model.prune();
  let part = choosePart(register.object, partSize(n));
  const name = `parcel ${post.thread} ${m.sent}`;
  let isSent = false;
  const body = () => {
    const left = cutLoose(m, register.object, part);
    if (left === null) return;
    part = left;
    m.perform(
      () => m.heap.root.set(name, register.handle as never),
      () => {
        m.model.setRoot(name, register.object);
        drop(m, part);
        isSent = true;
      },
    );
  };
  // Every second time all at once, in a section.
  if (n % 2 === 0) quietly(m, () => m.heap.run(body));
  else body();
  if (!isSent) return;
  m.sent++;
  expectFree(part, register.object);
  const parcel = describePart(name, part);
  m.model.handOver(name, part);
  post.send(addressee(post, to), parcel);
}

/** The next thread, or one after it; this one when there is no other. */
function addressee({ thread, threads }: Post, to: number): number {
  return threads === 1 ? 0 : (thread + 1 + (to % (threads - 1))) % threads;
}

/**
 * Removes all references between the part of `head` and the rest, and the named roots of the part.
 * Entries that are removed may leave less of it. Returns what is left; null when a tuple leads
 * across the border, which cannot be cut.
 */
function cutLoose(m: Machine, head: ModelObject, part: Set<ModelObject>): Set<ModelObject> | null {
  if (isKnotted(m, part)) return null;
  cutReferences(m, part);
  const left = choosePart(head, Infinity);
  if (left.size < part.size) return cutLoose(m, head, left);
  for (const [name, value] of [...m.model.roots]) {
    if (part.has(value as ModelObject)) deleteRoot(m, name);
  }
  return part;
}

function isKnotted(m: Machine, part: ReadonlySet<ModelObject>): boolean {
  for (const object of m.model.alive) {
    if (object.spec.shape !== 'tuple') continue;
    const isInside = part.has(object);
    for (const value of object.slots) {
      if (value instanceof ModelObject && part.has(value) !== isInside) return true;
    }
  }
  return false;
}

function cutReferences(m: Machine, part: ReadonlySet<ModelObject>): void {
  quietly(m, () =>
    m.heap.run(() => {
      for (const object of m.model.alive) {
        const isInside = part.has(object);
        const crosses = (value: ModelValue): value is ModelObject =>
          value instanceof ModelObject && part.has(value) !== isInside;
        m.heap.scope(() => cutObject(m, object, crosses));
      }
    }),
  );
}

/** In a scope: removes the references of `object` that cross the border. */
function cutObject(
  m: Machine,
  object: ModelObject,
  crosses: (value: ModelValue) => value is ModelObject,
): void {
  const { shape, fields } = object.spec;
  const handleOf = ({ address }: ModelObject) => m.session.handles.wrap(address as ObjectRef);
  object.slots.forEach((value, s) => {
    if (!crosses(value)) return;
    const handle = handleOf(object);
    if (shape === 'array') arrayOf(handle).set(s, null);
    else (handle as unknown as Record<string, unknown>)[fields[s]?.name as string] = null;
    m.model.replaceSlot(object, s, null);
  });
  for (const [key, value] of [...object.entries]) {
    const map = mapOf(handleOf(object)); // or a set, which has the same delete()
    const actual = key instanceof ModelObject ? handleOf(key) : key;
    if (crosses(key)) {
      m.expectValue(map.delete(actual), true, 'whether there was an entry');
      m.model.deleteEntry(object, key);
    } else if (crosses(value)) {
      map.set(actual, null);
      m.model.setEntry(object, key, null);
    }
  }
}

/** Drops all registers and iterators that hold something of `part`. */
function drop(m: Machine, part: ReadonlySet<ModelObject>): void {
  const { registers, iterators } = m.holders;
  for (let i = 0; i < ITERATORS; i++) {
    const iterator = iterators[i];
    if (iterator && part.has(iterator.object)) close(m, i);
  }
  for (let r = 0; r < REGISTERS; r++) {
    const register = registers[r];
    if (!register || !part.has(register.object)) continue;
    registers[r] = null;
    m.discard(register);
  }
}

/** The program has made no mistake: nothing but the part itself holds it, and its named root. */
function expectFree(part: ReadonlySet<ModelObject>, head: ModelObject): void {
  const counts = new Map<ModelObject, number>([...part].map((object) => [object, 0]));
  const hold = (object: ModelObject) => counts.set(object, (counts.get(object) ?? 0) + 1);
  hold(head);
  for (const object of part) object.visitReferences(hold);
  for (const [object, count] of counts) {
    if (part.has(object) && object.isAlive && object.count === count) continue;
    throw new Error(`${object.address} is held ${object.count} times, not ${count}: not a parcel`);
  }
}

/** Takes what has come into the model: named roots hold it. Returns whether anything had. */
export function admitParcel(m: Machine): boolean {
  const parcel = m.post?.receive() ?? null;
  if (parcel === null) return false;
  const added = addParcel(m.model, parcel);
  m.parcels.push(parcel.name);
  m.calmly(() => quietly(m, () => m.heap.run(() => compareObjects(m, added))));
  return true;
}

/** Takes the next parcel, if there is one, into register `t`; out of its root, if n is even. */
function receive(m: Machine, t: number, n: number): void {
  if (m.post === null || !m.holders.isWritable(t)) return;
  admitParcel(m);
  const name = m.parcels.find((each) => m.model.roots.has(each));
  if (name === undefined) return;
  const head = m.model.roots.get(name);
  take(m, t, () => m.heap.root.get(name), head);
  if (m.holders.registers[t]?.object !== head) return; // there was no room for a handle
  m.parcels.splice(0, m.parcels.indexOf(name) + 1);
  if (n % 2 === 0) deleteRoot(m, name);
  else m.parcels.push(name);
}

/** What the operations between threads do. */
export const PARCEL_ACTIONS = { send, receive } satisfies Partial<Record<OperationName, Action>>;
