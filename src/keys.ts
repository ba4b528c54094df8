/** Keys of maps and sets: any value, by SameValueZero. Dates are values: equal times are equal. */

import { encode, matcherOf, type Path } from './codec.ts';
import { Handle, refOf } from './handle.ts';
import { type ObjectRef, TAG_REFERENCE, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import { encodeString } from './object/encode-string.ts';
import { findEntry, findEntryWhere } from './object/map.ts';
import { findText } from './object/text-search.ts';
import {
  encodeNumber,
  encodeSimple,
  hashBigint,
  hashTime,
  hashValue,
  slot,
} from './object/value.ts';
import type { Session } from './session.ts';

/** The entry of `key`, which need not be shareable; 0 when there is none. Allocates nothing. */
export function lookUp(session: Session, map: ObjectRef, key: unknown): number {
  const { mem } = session;
  switch (typeof key) {
    case 'string':
      encodeString(key);
      return findText(mem, map);
    case 'number':
      encodeNumber(key === 0 ? 0 : key); // -0 is 0, as in JavaScript's maps
      return findEncoded(session, map);
    case 'boolean':
    case 'undefined':
      encodeSimple(key);
      return findEncoded(session, map);
    case 'bigint':
      return findWhere(session, map, key, hashBigint(key));
    case 'object':
      return lookUpObject(session, map, key);
    default:
      return 0; // a function or a symbol: nobody can have set it
  }
}

function lookUpObject(session: Session, map: ObjectRef, key: object | null): number {
  if (key === null) {
    encodeSimple(null);
    return findEncoded(session, map);
  }
  if (!(key instanceof Handle)) {
    return key instanceof Date ? findWhere(session, map, key, hashTime(key.getTime())) : 0;
  }
  if (key.$session !== session) return 0; // nobody can have set it
  const { mem } = session;
  const ref = refOf(key);
  return findEntry(mem, map, ref, TAG_REFERENCE, hashValue(mem, ref, TAG_REFERENCE));
}

function findEncoded(session: Session, map: ObjectRef): number {
  const { mem } = session;
  const low = slot[VALUE_LOW];
  const high = slot[VALUE_HIGH];
  return findEntry(mem, map, low, high, hashValue(mem, low, high));
}

/** For keys that are objects of the heap and compared by what they hold. */
function findWhere(session: Session, map: ObjectRef, key: unknown, hash: number): number {
  const matches = matcherOf(session, key);
  return matches === null ? 0 : findEntryWhere(session.mem, map, hash, matches);
}

/** Encodes a key into `slot`: -0 is 0, as in JavaScript's maps. What it refers to is owned. */
export function encodeKey(session: Session, key: unknown, path: Path): void {
  encode(session, key === 0 ? 0 : key, path);
}
