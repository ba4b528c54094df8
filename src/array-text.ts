/** Arrays as text, and flattened: what looks into arrays within arrays. Nothing is moved. */

import { END, stepOperation } from './array-iterator.ts';
import { lengthOperation } from './array-operations.ts';
import { decodeAt, type Shareable } from './codec.ts';
import { type Handle, refOfKind } from './handle.ts';
import { KIND_ARRAY, type ObjectRef } from './memory/layout.ts';
import { arrayLength, elementAt } from './object/array.ts';
import { kindOf } from './object/header.ts';
import { referenceAt } from './object/value.ts';
import type { Session } from './session.ts';

/** The arrays that this thread is joining: one that contains itself is '' there. */
const joining: Handle[] = [];

/** Joins the texts of the elements in one section; null and undefined are ''. */
export function joinElements(
  array: Handle,
  separator: string,
  textOf: (element: NonNullable<unknown>) => string,
): string {
  if (joining.includes(array)) return '';
  const { $session: session } = array;
  joining.push(array);
  try {
    return session.lookIn(() => {
      const texts: string[] = [];
      const length = session.look(lengthOperation, array);
      for (let i = 0; i < length; i++) {
        const element = session.look(stepOperation, array, i);
        const isNothing = element === END || element === null || element === undefined;
        texts.push(isNothing ? '' : textOf(element));
      }
      return texts.join(separator);
    });
  } finally {
    joining.pop();
  }
}

/** Arrays within arrays; where JavaScript's own stack would be at its end, long before memory. */
const LEVELS_MAX = 10_000;

/** The elements, those of arrays among them in their place, down to `depth` levels. */
export function flatOperation(session: Session, array: Handle, depth?: number): Shareable[] {
  const { mem } = session;
  const elements: Shareable[] = [];
  const path: { readonly ref: ObjectRef; index: number }[] = [
    { ref: refOfKind(session, array, KIND_ARRAY), index: 0 },
  ];
  for (let level = path.at(-1); level !== undefined; level = path.at(-1)) {
    if (level.index >= arrayLength(mem, level.ref)) {
      path.pop();
      continue;
    }
    const at = elementAt(mem, level.ref, level.index++);
    const nested = referenceAt(mem, at);
    if (path.length > (depth as number) || nested === 0 || kindOf(mem, nested) !== KIND_ARRAY) {
      elements.push(decodeAt(session, at));
    } else if (path.length < LEVELS_MAX) {
      path.push({ ref: nested, index: 0 });
    } else {
      throw new RangeError(`arrays are nested more than ${LEVELS_MAX} levels deep, or in a cycle`);
    }
  }
  return elements;
}
