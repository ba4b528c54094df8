/** Damage on purpose: what the checks of programs have to find, so that tests see that they do. */

import { HEADER_COUNT, HEADER_WORDS } from '../memory/layout.ts';
import type { Machine } from './machine.ts';
import { type DAMAGES, damageOf } from './operations.ts';

/** How long the lock is held by damage to it, in milliseconds: longer than any watchdog waits. */
const HOLD_MS = 600_000;

type Damage = (typeof DAMAGES)[number];

const DAMAGE: Readonly<Record<Damage, (m: Machine, object: number) => void>> = {
  /** Nobody holds this count: the object lives on when it should die. */
  'the count'(m, object) {
    m.mem.i32[object + HEADER_COUNT]++;
  },
  /** The first reference of a struct leads to the struct itself: nobody has counted that. */
  'a slot'(m, object) {
    m.mem.i32[object + HEADER_WORDS] = object;
  },
  /** The last reference goes early: the object is freed while somebody still holds it. */
  'the death'(m, object) {
    m.mem.i32[object + HEADER_COUNT] = 1;
  },
  /** The thread hangs in a section. */
  'the lock'() {
    for (const end = performance.now() + HOLD_MS; performance.now() < end; );
  },
};

/** Damages the object in register `q`, if there is one. */
export function damage(m: Machine, q: number, n: number): void {
  const register = m.read(q);
  if (register === null) return;
  if (damageOf(n) === 'a slot' && register.object.spec.shape !== 'struct') return;
  m.heap.run(() => DAMAGE[damageOf(n)](m, register.object.address));
}
