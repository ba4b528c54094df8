/**
 * What a program holds: registers with handles, in frames that end.
 *
 * A handle in a register is one acquisition. Outside of sections it lasts until it is released:
 * frame 0. In a section, or in a `heap.scope`, it ends with that: a frame of its own. A register
 * that is emptied while a frame around the running one owns its acquisition leaves the
 * acquisition to that frame, as a pin.
 */

import type { Handle } from '../handle.ts';
import { ProgramFailure } from './failure.ts';
import type { Model, ModelObject } from './model.ts';
import { ITERATORS, REGISTERS } from './operations.ts';

/** A handle, and what should be behind it. */
export interface Register {
  readonly object: ModelObject;
  readonly handle: Handle;
  /** The frame that owns the acquisition. */
  frame: number;
}

/** An iterator over a map or set that is open, and the model's. */
export interface OpenIterator {
  readonly object: ModelObject;
  readonly actual: IterableIterator<[unknown, unknown]>;
  readonly expected: Iterator<readonly [unknown, unknown]>;
}

/** What a frame stands for: `kept` is a `heap.scope` outside of sections. */
export type FrameKind = 'base' | 'section' | 'scope' | 'kept';

interface Frame {
  readonly kind: FrameKind;
  readonly pins: ModelObject[];
}

/** How the acquisition of a register ends when the register is emptied. */
export type Ending = 'release' | 'dispose' | 'pin';

/** Registers, frames and iterators of a program. */
export class Holders {
  readonly registers: (Register | null)[] = new Array(REGISTERS).fill(null);
  readonly iterators: (OpenIterator | null)[] = new Array(ITERATORS).fill(null);
  readonly #model: Model;
  readonly #frames: Frame[] = [{ kind: 'base', pins: [] }];

  constructor(model: Model) {
    this.#model = model;
  }

  /** The running frame. */
  get frame(): number {
    return this.#frames.length - 1;
  }

  /** Whether a section is running. */
  get isInSection(): boolean {
    return this.#frames.some(({ kind }) => kind === 'section');
  }

  openFrame(kind: FrameKind): void {
    this.#frames.push({ kind, pins: [] });
  }

  /**
   * Ends the running frame and what it owns, but for the acquisition of `returned`, which passes
   * to the frame around it. Handles that end by it must be stale now, the others not.
   */
  closeFrame(returned: Register | null): void {
    const frame = this.frame;
    const { pins } = this.#frames.pop() as Frame;
    const ended: Register[] = [];
    this.registers.forEach((register, r) => {
      if (register?.frame !== frame) return;
      if (register === returned) {
        register.frame = frame - 1;
        return;
      }
      this.registers[r] = null;
      ended.push(register);
    });
    for (const { object } of ended) this.#model.unacquire(object);
    for (const object of pins) this.#model.unacquire(object);
    for (const register of ended) checkLiveness(register);
    if (returned !== null) checkLiveness(returned);
  }

  /** A new acquisition of `object`, made in the running frame or, when kept, in frame 0. */
  acquire(object: ModelObject, handle: Handle, isKept = false): Register {
    if (handle.$ref !== object.address) {
      throw new ProgramFailure('difference', `a handle of ${object.address} is ${handle.$ref}`);
    }
    this.#model.acquire(object);
    return { object, handle, frame: isKept ? 0 : this.frame };
  }

  /**
   * How a register's acquisition is to end; null when it cannot end now: a release in a scope
   * outside of sections would end an acquisition of the scope's instead.
   */
  endingOf({ frame }: Register): Ending | null {
    if (frame === 0) {
      return this.#frames.some(({ kind }) => kind === 'kept') ? null : 'release';
    }
    return frame === this.frame ? 'dispose' : 'pin';
  }

  /** Whether register `r` may be given something else. */
  isWritable(r: number): boolean {
    const register = this.registers[r] as Register | null;
    return register === null || this.endingOf(register) !== null;
  }

  /** The acquisition of a register is its frame's now. */
  pin(register: Register): void {
    (this.#frames[register.frame] as Frame).pins.push(register.object);
  }

  /** A register's acquisition was ended. */
  end(register: Register): void {
    this.#model.unacquire(register.object);
    checkLiveness(register);
  }
}

function checkLiveness({ object, handle }: Register): void {
  const isLive = handle.$ref !== 0;
  if (isLive === object.acquisitions > 0) return;
  const what = `the handle of ${object.spec.name} ${object.address}`;
  const state = isLive ? 'lives' : 'is stale';
  throw new ProgramFailure('difference', `${what} ${state} at ${object.acquisitions} acquisitions`);
}
