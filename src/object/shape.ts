/**
 * Plain objects. One with few properties is a struct of a shape: a kind that is declared the first
 * time an object with this list of property names is made, and that all such objects share. It
 * takes 8 bytes, and 8 for each property. Shapes live as long as the heap, so there are at most
 * SHAPES_END of them, with at most SHAPE_PROPERTIES_MAX properties each. A copy that
 * fails leaves the shapes that it declared: another thread may have made objects of them meanwhile.
 *
 * An object that gets another property, or loses one, becomes a dictionary: its first value is then
 * a map of all its properties, and its kind says so. What has no shape from the beginning is a
 * dictionary, too. The kind word is changed by one store, when the map is complete;
 * `endDictionary` does what is left to do when a thread died just before it.
 */

import {
  CONTROL_CHANGED,
  CONTROL_CHANGED_TO,
  CONTROL_KIND_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_SHIFT,
  MAX_KINDS,
  type ObjectRef,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { decref, dropValue } from './dealloc.ts';
import { kindOf } from './header.ts';
import { addKind, structLayoutOf } from './kinds.ts';
import { appendEntry, createMap, reserveEntry } from './map.ts';
import type { Mutator } from './mutator.ts';
import { incref } from './refcount.ts';
import { createString } from './string.ts';
import { createStruct } from './struct.ts';
import { isShapeName, PLAIN_NAME, type StructLayout, specialName } from './struct-layout.ts';
import { storeTracked } from './tracking.ts';
import { encodeReference, hashValue, slot } from './value.ts';

/** Objects with more properties are dictionaries. */
export const SHAPE_PROPERTIES_MAX = 128;
/** Kinds from here on are for declared structs. */
export const SHAPES_END = MAX_KINDS - 1024;

const DICTIONARY = specialName('Dictionary');
const ENTRIES = ['entries'];
/** Where a dictionary has its map: a value. */
const DICTIONARY_MAP = HEADER_WORDS;

/**
 * The shape of these properties, found or declared. Null when a plain object has too many of them,
 * or there are too many shapes: then it has to be a dictionary. Under the GIL.
 *
 * @throws HeapExhaustedError; RangeError when no kind is left for what cannot be a dictionary.
 */
export function shapeOf(
  mem: Mutator,
  name: string,
  properties: readonly string[],
): StructLayout | null {
  const { shapes } = mem;
  const known = shapes.find(name, properties);
  if (known !== null) return known;
  const count = mem.i32[CONTROL_KIND_COUNT];
  while (shapes.end < count) {
    const layout = structLayoutOf(mem, shapes.end++);
    if (isShapeName(layout.name)) shapes.add(layout);
  }
  const found = shapes.find(name, properties);
  if (found !== null) return found;
  if (name === PLAIN_NAME) {
    if (properties.length > SHAPE_PROPERTIES_MAX || count >= SHAPES_END) return null;
  } else if (count === MAX_KINDS) {
    throw new RangeError(`a heap holds at most ${MAX_KINDS} kinds; there is none left for objects`);
  }
  shapes.add(addKind(mem, name, new Map(properties.map((property) => [property, 'any']))));
  shapes.end = count + 1;
  return shapes.find(name, properties);
}

/** The shape of dictionaries. @throws HeapExhaustedError, RangeError */
function dictionaryShape(mem: Mutator): StructLayout {
  return shapeOf(mem, DICTIONARY, ENTRIES) as StructLayout;
}

/** An empty dictionary; the caller owns one count. @throws HeapExhaustedError, RangeError */
export function createDictionary(mem: Mutator): ObjectRef {
  const { kind } = dictionaryShape(mem);
  const map = createMap(mem);
  try {
    const object = createStruct(mem, kind);
    encodeReference(map);
    storeTracked(mem, object, object + DICTIONARY_MAP);
    return object;
  } catch (error) {
    decref(mem, map);
    throw error;
  }
}

/** The map of an object's properties; 0 when it is no dictionary. */
export function dictionaryOf(mem: Mutator, object: ObjectRef): ObjectRef {
  const { name } = structLayoutOf(mem, kindOf(mem, object));
  return (name === DICTIONARY ? mem.i32[object + DICTIONARY_MAP + VALUE_LOW] : 0) as ObjectRef;
}

/**
 * Makes an object of a shape a dictionary. Returns its map, which has room for one more property,
 * whose name has the hash `added`, unless that is null.
 *
 * @throws HeapExhaustedError: then nothing has changed
 */
export function becomeDictionary(mem: Mutator, object: ObjectRef, added: number | null): ObjectRef {
  const { i32 } = mem;
  const { fields } = structLayoutOf(mem, kindOf(mem, object));
  const { kind } = dictionaryShape(mem);
  const map = createMap(mem);
  try {
    for (const { name, offset } of fields) addProperty(mem, map, name, object + offset);
    if (added !== null) reserveEntry(mem, map, added);
    if (mem.undo !== null) mem.undo.saveRecord(object);
  } catch (error) {
    decref(mem, map);
    throw error;
  }
  const old = i32.slice(object + HEADER_WORDS, object + HEADER_WORDS + fields.length * 2);
  // Between the next stores it is neither: whoever finds it so makes it a dictionary.
  i32[CONTROL_CHANGED_TO] = map;
  i32[CONTROL_CHANGED] = object;
  encodeReference(map);
  storeTracked(mem, object, object + DICTIONARY_MAP);
  i32[object + HEADER_INFO] = (i32[object + HEADER_INFO] & KIND_MASK) | (kind << KIND_SHIFT);
  i32[CONTROL_CHANGED] = 0; // other objects will stand at these addresses
  for (let i = 0; i < old.length; i += 2) dropValue(mem, old[i + VALUE_LOW], old[i + VALUE_HIGH]);
  return map;
}

/**
 * A thread has died in a section. If the object that it changed last has the map of a dictionary,
 * and not its kind yet, it gets that.
 */
export function endDictionary(mem: Mutator, object: ObjectRef, map: ObjectRef): void {
  const { i32 } = mem;
  const at = object + DICTIONARY_MAP;
  if (i32[at + VALUE_HIGH] !== TAG_REFERENCE || i32[at + VALUE_LOW] !== map) return;
  const { name, fields } = structLayoutOf(mem, kindOf(mem, object));
  if (name === DICTIONARY || !isShapeName(name) || fields.length === 0) return;
  const { kind } = dictionaryShape(mem); // declared before the object was changed
  i32[object + HEADER_INFO] = (i32[object + HEADER_INFO] & KIND_MASK) | (kind << KIND_SHIFT);
}

const KIND_MASK = (1 << KIND_SHIFT) - 1;

/** Adds a property with a copy of the value at `at`. */
function addProperty(mem: Mutator, map: ObjectRef, name: string, at: number): void {
  const key = createString(mem, name);
  const hash = hashValue(mem, key, TAG_REFERENCE);
  try {
    reserveEntry(mem, map, hash);
  } catch (error) {
    decref(mem, key);
    throw error;
  }
  copyValue(mem, at);
  appendEntry(mem, map, key, TAG_REFERENCE, hash);
}

/** Puts a counted copy of the value at `at` into `slot`. */
function copyValue(mem: Memory, at: number): void {
  const low = mem.i32[at + VALUE_LOW];
  const high = mem.i32[at + VALUE_HIGH];
  if (high === TAG_REFERENCE) incref(mem, low);
  slot[VALUE_LOW] = low;
  slot[VALUE_HIGH] = high;
}
