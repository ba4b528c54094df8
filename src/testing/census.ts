/** How many objects the heap should hold for what the model holds, strings and bigints included. */

import { countObjects } from '../gc/stats.ts';
import { type Heap, sessionOf } from '../heap.ts';
import { INTERN_MAX } from '../memory/layout.ts';
import type { Model, ModelObject } from './model.ts';

/** Objects that can die, as a model has them; the interned texts apart, since maps share them. */
export interface Census {
  /** All but strings, bigints and dates. */
  readonly objects: number;
  /** Strings too long to be interned, bigints and dates: one for each slot that has one. */
  readonly values: number;
  /** Interned strings, of which there is one for each text. */
  readonly texts: ReadonlySet<string>;
}

/** Counts what `objects` and the named roots of a model need. */
export function takeCensus(model: Model, objects: Iterable<ModelObject>): Census {
  const texts = new Set<string>();
  let values = 0;
  let mortal = 0;
  const count = (value: unknown) => {
    if (typeof value === 'bigint' || value instanceof Date) values++;
    else if (typeof value === 'string' && value.length > INTERN_MAX) values++;
    else if (typeof value === 'string') texts.add(value);
  };
  for (const object of objects) {
    if (!object.isImmortal) mortal++;
    const { shape, fields } = object.spec;
    object.slots.forEach((value, s) => {
      const kind = shape === 'struct' ? fields[s]?.kind : 'any';
      if (kind === 'bigint64' || (kind === 'string' && value === '')) return; // not an object
      count(value);
    });
    for (const [key, value] of object.entries) {
      count(key);
      count(value);
    }
  }
  for (const [name, value] of model.roots) {
    count(name);
    count(value);
  }
  return { objects: mortal, values, texts };
}

/** The sum of censuses of one heap. */
export function sumOf(censuses: readonly Census[]): number {
  const texts = new Set<string>();
  let sum = 0;
  for (const census of censuses) {
    sum += census.objects + census.values;
    for (const text of census.texts) texts.add(text);
  }
  return sum + texts.size;
}

/** How many objects that can die a heap holds. */
export function countMortal(heap: Heap): number {
  const { mem } = sessionOf(heap);
  const { liveObjects, immortalObjects } = heap.run(() => countObjects(mem));
  return liveObjects - immortalObjects;
}
