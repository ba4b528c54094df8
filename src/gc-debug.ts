/**
 * Debug output of collections, in CPython's words, and DEBUG_SAVEALL.
 *
 * What a collection finds is noted while it runs, under the lock, and written when the lock is
 * free again: a logger is user code.
 */

import type { Observer } from './gc/collector.ts';
import type { Collection } from './gc/figures.ts';
import { appendGarbage } from './gc/garbage.ts';
import { listObjects } from './gc/queries.ts';
import { warn } from './gc-events.ts';
import { kindName } from './kind-names.ts';
import {
  GC_DEBUG,
  GC_SIZES,
  HEADER_INFO,
  KIND_SHIFT,
  MAX_KINDS,
  type ObjectRef,
  PERMANENT,
} from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';

/** Write what every collection does. */
export const DEBUG_STATS = 1;
/** Write every object that is found unreachable and can be freed. */
export const DEBUG_COLLECTABLE = 2;
/** Write every object that is found unreachable and cannot be freed. */
export const DEBUG_UNCOLLECTABLE = 4;
/** Put unreachable objects into `gc.garbage` instead of freeing them. */
export const DEBUG_SAVEALL = 32;
/** What leaks: DEBUG_COLLECTABLE | DEBUG_UNCOLLECTABLE | DEBUG_SAVEALL. */
export const DEBUG_LEAK = DEBUG_COLLECTABLE | DEBUG_UNCOLLECTABLE | DEBUG_SAVEALL;
/** All flags there are. */
export const DEBUG_MASK = DEBUG_STATS | DEBUG_LEAK;

/** Takes debug output, a line at a time, line end included: `process.stderr` is one. */
export interface GcLogger {
  write(text: string): unknown;
}

/** What is noted of one collection while debug flags are set. */
export class DebugRecord implements Observer {
  readonly savesAll: boolean;
  readonly #mem: Mutator;
  readonly #flags: number;
  readonly #lines: string[] = [];
  /** Addresses of unreachable objects, each with its kind in the lowest bits. */
  readonly #found: number[] = [];

  /** The collection begins; the lock is held. */
  constructor(mem: Mutator, generation: number, canSave: boolean) {
    this.#mem = mem;
    this.#flags = mem.i32[GC_DEBUG];
    this.savesAll = canSave && (this.#flags & DEBUG_SAVEALL) !== 0;
    if ((this.#flags & DEBUG_STATS) !== 0) this.#noteSizes(generation);
  }

  #noteSizes(generation: number): void {
    const { i32 } = this.#mem;
    const young = listObjects(this.#mem, 0).length;
    const older = [1, 2].map((generation) => i32[GC_SIZES + generation]);
    const sizes = [young, ...older].join(' ');
    this.#lines.push(
      `gc: collecting generation ${generation}...\n`,
      `gc: objects in each generation: ${sizes}\n`,
      `gc: objects in permanent generation: ${i32[GC_SIZES + PERMANENT]}\n`,
    );
  }

  unreachable(object: ObjectRef): void {
    if ((this.#flags & (DEBUG_COLLECTABLE | DEBUG_SAVEALL)) === 0) return;
    this.#found.push(object * MAX_KINDS + (this.#mem.i32[object + HEADER_INFO] >>> KIND_SHIFT));
  }

  /** The collection has ended, the lock is still held: what was saved goes to `gc.garbage`. */
  end(): void {
    this.#found.sort((a, b) => a - b);
    if (!this.savesAll || this.#found.length === 0) return;
    try {
      appendGarbage(this.#mem, this.#found.map(objectOf));
    } catch (error) {
      warn(error, `${this.#found.length} objects found no room in heap.gc.garbage`);
    }
  }

  /** Writes it all. The lock is free, or held by the program's own section. */
  write(logger: GcLogger, collection: Collection): void {
    try {
      for (const line of this.#lines) logger.write(line);
      if ((this.#flags & DEBUG_COLLECTABLE) !== 0) this.#writeObjects(logger);
      if ((this.#flags & DEBUG_STATS) !== 0) logger.write(doneLine(collection));
    } catch (error) {
      warn(error, 'heap.gc.logger has failed');
    }
  }

  #writeObjects(logger: GcLogger): void {
    for (const found of this.#found) {
      const name = kindName(this.#mem, found % MAX_KINDS);
      logger.write(`gc: collectable <${name} 0x${objectOf(found).toString(16)}>\n`);
    }
  }
}

const objectOf = (found: number) => Math.floor(found / MAX_KINDS) as ObjectRef;

function doneLine({ collected, uncollectable, durationMs }: Collection): string {
  const found = `${collected + uncollectable} unreachable, ${uncollectable} uncollectable`;
  return `gc: done, ${found}, ${(durationMs / 1000).toFixed(4)}s elapsed\n`;
}
