/**
 * The methods of arrays that call the program back for elements. JavaScript's rules: the length is
 * taken once, at the beginning; every element is read when its turn has come, so what the callback
 * changes is seen; what is gone by then is left out, but for the `find` family, which sees
 * undefined. Each runs in one section, and moves nothing.
 */

import { END, stepOperation } from './array-iterator.ts';
import { lengthOperation } from './array-operations.ts';
import type { Handle } from './handle.ts';
import type { Session } from './session.ts';

/** What the program gives: called with an element, its index and the array. */
export type Callback = (element: never, index: number, array: never) => unknown;
/** What `reduce` is given. */
export type Reducer = (result: never, element: never, index: number, array: never) => unknown;

/** The element at `index` as it is now; END when there is none. */
const read = (session: Session, array: Handle, index: number): unknown =>
  session.look(stepOperation, array, index);

/** Calls `visit` for the elements from the first on, until it returns true. */
function walk(array: Handle, visit: (element: unknown, index: number) => boolean): void {
  const { $session: session } = array;
  const length = session.look(lengthOperation, array);
  for (let i = 0; i < length; i++) {
    const element = read(session, array, i);
    // Nobody is called for those left out, so none of them can come back meanwhile.
    if (element === END || visit(element, i)) return;
  }
}

export function forEachElement(array: Handle, callback: Callback, thisArg: unknown): void {
  walk(array, (element, i) => {
    callback.call(thisArg, element as never, i, array as never);
    return false;
  });
}

/** Elements that were gone when their turn came are holes of the result, as in JavaScript. */
export function mapElements(array: Handle, callback: Callback, thisArg: unknown): unknown[] {
  const results = new Array(array.$session.look(lengthOperation, array));
  walk(array, (element, i) => {
    results[i] = callback.call(thisArg, element as never, i, array as never);
    return false;
  });
  return results;
}

export function filterElements(array: Handle, callback: Callback, thisArg: unknown): unknown[] {
  const results: unknown[] = [];
  walk(array, (element, i) => {
    if (callback.call(thisArg, element as never, i, array as never)) results.push(element);
    return false;
  });
  return results;
}

/** What the callback returns, and in place of arrays among it, after `unwrap`, their elements. */
export function flatMapElements(
  array: Handle,
  callback: Callback,
  thisArg: unknown,
  unwrap: (item: unknown) => unknown,
): unknown[] {
  const results: unknown[] = [];
  walk(array, (element, i) => {
    const item = unwrap(callback.call(thisArg, element as never, i, array as never));
    if (!Array.isArray(item)) results.push(item);
    else for (let k = 0; k < item.length; k++) if (k in item) results.push(item[k]);
    return false;
  });
  return results;
}

/** Whether the callback returns something true (or, for `every`, something false) for any. */
export function hasElement(
  array: Handle,
  callback: Callback,
  thisArg: unknown,
  wanted: boolean,
): boolean {
  let found = false;
  walk(array, (element, i) => {
    found = !!callback.call(thisArg, element as never, i, array as never) === wanted;
    return found;
  });
  return found;
}

/** The index of the first element that the callback wants; -1 without one. */
export function findIndex(array: Handle, callback: Callback, thisArg: unknown): number {
  return search(array, callback, thisArg, false, false) as number;
}

export function findElement(array: Handle, callback: Callback, thisArg: unknown): unknown {
  return search(array, callback, thisArg, false, true);
}

export function findLastIndex(array: Handle, callback: Callback, thisArg: unknown): number {
  return search(array, callback, thisArg, true, false) as number;
}

export function findLastElement(array: Handle, callback: Callback, thisArg: unknown): unknown {
  return search(array, callback, thisArg, true, true);
}

function search(
  array: Handle,
  callback: Callback,
  thisArg: unknown,
  fromEnd: boolean,
  wantsElement: boolean,
): unknown {
  const { $session: session } = array;
  const length = session.look(lengthOperation, array);
  for (let i = 0; i < length; i++) {
    const index = fromEnd ? length - 1 - i : i;
    const at = read(session, array, index);
    const element = at === END ? undefined : at;
    if (callback.call(thisArg, element as never, index, array as never)) {
      return wantsElement ? element : index;
    }
  }
  return wantsElement ? undefined : -1;
}

/** @param initial the initial value in an array; an empty array when there is none */
export function reduceElements(
  array: Handle,
  callback: Reducer,
  initial: readonly unknown[],
  fromEnd: boolean,
): unknown {
  const { $session: session } = array;
  const length = session.look(lengthOperation, array);
  let isBegun = initial.length > 0;
  let result = initial[0];
  for (let i = 0; i < length; i++) {
    const index = fromEnd ? length - 1 - i : i;
    const element = read(session, array, index);
    if (element === END) continue;
    if (isBegun) result = callback(result as never, element as never, index, array as never);
    else result = element;
    isBegun = true;
  }
  if (!isBegun) throw new TypeError('an empty array needs an initial value to be reduced');
  return result;
}
