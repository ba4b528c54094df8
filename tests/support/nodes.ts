/**
 * Graphs that a test lays out itself, on a heap without its facade: structs of two references, a
 * name and any value, linked by words.
 */
import { Collector } from '../../src/gc/collector.ts';
import { traceReachable } from '../../src/gc/trace.ts';
import type { ObjectRef } from '../../src/memory/layout.ts';
import { decrefUnlessNull } from '../../src/object/dealloc.ts';
import { declareStruct } from '../../src/object/kinds.ts';
import type { Mutator } from '../../src/object/mutator.ts';
import { incref } from '../../src/object/refcount.ts';
import { createString } from '../../src/object/string.ts';
import { createStruct } from '../../src/object/struct.ts';
import type { StructLayout } from '../../src/object/struct-layout.ts';
import { createBareHeap } from './bare-heap.ts';

const MIB = 2 ** 20;

export type Side = 'left' | 'right' | 'name';

/** Makes and links nodes in a heap. */
export class Nodes {
  readonly mem: Mutator;
  readonly layout: StructLayout;
  readonly collector: Collector;

  constructor(maxBytes = 8 * MIB) {
    this.mem = createBareHeap(maxBytes);
    this.layout = declareStruct(
      this.mem,
      'Node',
      new Map([
        ['left', 'ref'],
        ['right', 'ref'],
        ['name', 'string'],
      ]),
    );
    this.collector = new Collector(this.mem);
  }

  /** A new node, which the caller owns. */
  create(mem = this.mem): ObjectRef {
    return createStruct(mem, this.layout.kind);
  }

  /** The address of a field. */
  at(node: ObjectRef, side: Side): number {
    const field = this.layout.fields.find(({ name }) => name === side);
    return node + (field?.offset ?? 0);
  }

  get(node: ObjectRef, side: Side): ObjectRef {
    return this.mem.i32[this.at(node, side)] as ObjectRef;
  }

  /** Stores a reference, counted, or null; what stood there is dropped. */
  link(from: ObjectRef, side: Side, to: ObjectRef | 0): void {
    if (to !== 0) incref(this.mem, to);
    this.give(from, side, to);
  }

  /** As `link`, but the field takes over the caller's count. */
  give(from: ObjectRef, side: Side, to: ObjectRef | 0): void {
    const old = this.get(from, side);
    this.mem.i32[this.at(from, side)] = to;
    decrefUnlessNull(this.mem, old);
  }

  name(node: ObjectRef, text: string): void {
    this.give(node, 'name', createString(this.mem, text));
  }

  /** A ring by `left` that only holds itself, but for the caller's count on the first node. */
  ring(length: number, mem = this.mem): ObjectRef[] {
    const nodes = Array.from({ length }, () => this.create(mem));
    for (let i = 1; i < length; i++) {
      this.give(nodes[i - 1] as ObjectRef, 'left', nodes[i] as ObjectRef);
    }
    this.link(nodes[length - 1] as ObjectRef, 'left', nodes[0] as ObjectRef);
    return nodes;
  }

  /** Collects, and returns how many objects were freed as garbage. */
  collect(generation: number): number {
    return this.collector.collect(generation).collected;
  }

  /** How many objects can be reached, but for the declaration of the nodes. */
  countReachable(locals: readonly ObjectRef[]): number {
    return traceReachable(this.mem, locals).size - 1;
  }
}
