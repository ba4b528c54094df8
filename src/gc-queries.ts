/** Questions about the graph, asked through handles: `getObjects`, `getReferrers` and the like. */

import { decodeAt, decodeReference, type Shareable } from './codec.ts';
import type { ObjectList } from './gc/object-list.ts';
import {
  findReferrers,
  isExamined,
  isFinalized as isFinalizedObject,
  listObjects,
} from './gc/queries.ts';
import { argumentRefOf } from './gc-arguments.ts';
import { Handle } from './handle.ts';
import { firstEntries } from './map.ts';
import {
  HEADER_INFO,
  KIND_ARRAY,
  KIND_MAP,
  KIND_SET,
  KIND_SHIFT,
  KIND_TUPLE,
  type ObjectRef,
  THREAD_UNDO,
} from './memory/layout.ts';
import { arrayLength, elementAt } from './object/array.ts';
import { isStructKind } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import { mapSize } from './object/map.ts';
import { dictionaryOf } from './object/shape.ts';
import { transitMapOf } from './object/transit.ts';
import type { Session } from './session.ts';
import { elementsOf } from './set.ts';
import { valuesOf } from './tuple.ts';

/** The objects of a generation as handles. */
export function objectsOperation(session: Session, generation: number): Handle[] {
  return wrapAll(session, listObjects(session.mem, generation));
}

/** How many objects a generation has. */
export function countOperation(session: Session, generation: number): number {
  return listObjects(session.mem, generation).length;
}

/** The objects that refer to any of `values`. */
export function referrersOperation(session: Session, values: readonly unknown[]): Handle[] {
  const { mem, collections } = session;
  const targets = refsOf(session, values, 'getReferrers()');
  return wrapAll(session, findReferrers(mem, targets, collections.collector));
}

/** What `values` refer to. */
export function referentsOperation(session: Session, values: readonly unknown[]): Shareable[] {
  const { mem } = session;
  const referents: Shareable[] = [];
  for (const ref of refsOf(session, values, 'getReferents()')) {
    const kind = mem.i32[ref + HEADER_INFO] >>> KIND_SHIFT;
    if (kind === KIND_ARRAY) pushElements(session, ref, referents);
    else if (kind === KIND_MAP) {
      for (const entry of firstEntries(session, ref, mapSize(mem, ref))) referents.push(...entry);
    } else if (kind === KIND_SET) referents.push(...elementsOf(session, ref));
    else if (kind === KIND_TUPLE) referents.push(...valuesOf(session, ref));
    else if (isStructKind(kind)) pushFields(session, ref, kind, referents);
  }
  session.reserveResults(referents);
  return referents;
}

/** Whether the collector sees a value. */
export function trackedOperation(session: Session, value: unknown): boolean {
  const [ref] = refsOf(session, [value], 'isTracked()');
  return ref !== undefined && isExamined(session.mem, ref);
}

/** Whether the finalizer of a value has run. */
export function finalizedOperation(session: Session, value: unknown): boolean {
  const [ref] = refsOf(session, [value], 'isFinalized()');
  return ref !== undefined && isFinalizedObject(session.mem, ref);
}

/**
 * The objects among `values`. Atoms are left out, and so is what no heap can hold, an ordinary
 * object for instance: as in CPython, whatever the collector does not see is asked about in vain.
 * A handle that is not valid here is a mistake.
 *
 * @throws NotShareableError for a handle of another heap; StaleHandleError.
 */
function refsOf(session: Session, values: readonly unknown[], of: string): ObjectRef[] {
  const refs: ObjectRef[] = [];
  for (const value of values) {
    if (value instanceof Handle) refs.push(argumentRefOf(session, value, of));
  }
  return refs;
}

function wrapAll(session: Session, { refs, length }: ObjectList): Handle[] {
  const handles: Handle[] = [];
  // What is in transit is held by a map that is nobody's business: `heap.stats()` counts it. Nor is
  // the undo log of the atomic section in which somebody asks.
  const { mem } = session;
  const transit = transitMapOf(mem);
  const log = mem.i32[mem.thread + THREAD_UNDO];
  for (let i = 0; i < length; i++) {
    const ref = refs[i] as ObjectRef;
    if (ref !== transit && ref !== log) handles.push(session.handles.wrap(ref));
  }
  session.reserveResults(handles);
  return handles;
}

function pushElements(session: Session, array: ObjectRef, out: Shareable[]): void {
  const { mem } = session;
  const length = arrayLength(mem, array);
  for (let i = 0; i < length; i++) out.push(decodeAt(session, elementAt(mem, array, i)));
}

/** In the order of declaration; numbers and booleans of typed fields are no references. */
function pushFields(session: Session, struct: ObjectRef, kind: number, out: Shareable[]): void {
  const { mem } = session;
  const dictionary = dictionaryOf(mem, struct);
  if (dictionary !== 0) {
    // Its map is how the object has its properties: the program does not know of it.
    for (const entry of firstEntries(session, dictionary, mapSize(mem, dictionary))) {
      out.push(...entry);
    }
    return;
  }
  for (const field of structLayoutOf(mem, kind).fields) {
    const at = struct + field.offset;
    if (field.kind === 'any') out.push(decodeAt(session, at));
    else if (field.kind === 'ref' || field.kind === 'string') {
      const referent = mem.i32[at] as ObjectRef;
      if (referent !== 0) out.push(decodeReference(session, referent));
      else if (field.kind === 'string') out.push('');
    }
  }
}
