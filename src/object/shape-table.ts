/** The shapes that one thread knows, found by their lists of property names. */

import { FIRST_STRUCT_KIND } from '../memory/layout.ts';
import type { StructLayout } from './struct-layout.ts';

/** A step on the way from the name of a shape over the names of its properties. */
class Node {
  readonly next = new Map<string, Node>();
  layout: StructLayout | null = null;
}

/** A tree of names: what two lists begin with alike they share. */
export class ShapeTable {
  readonly #root = new Node();
  /** Kinds from here on are not known to the table yet. */
  end: number = FIRST_STRUCT_KIND;

  add(layout: StructLayout): void {
    let node = this.#root;
    const names = [layout.name, ...layout.fields.map((field) => field.name)];
    for (const name of names) {
      let next = node.next.get(name);
      if (next === undefined) {
        next = new Node();
        node.next.set(name, next);
      }
      node = next;
    }
    node.layout = layout;
  }

  find(name: string, properties: readonly string[]): StructLayout | null {
    let node = this.#root.next.get(name);
    for (let i = 0; i < properties.length && node !== undefined; i++) {
      node = node.next.get(properties[i]);
    }
    return node === undefined ? null : node.layout;
  }
}
