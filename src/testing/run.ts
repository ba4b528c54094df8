/** Running programs: operation by operation, sections around those that follow. */

import { COLLECTOR_ACTIONS, check } from './collector-operations.ts';
import { CONTAINER_ACTIONS } from './container-operations.ts';
import { failureOf } from './failure.ts';
import type { FrameKind, Register } from './holders.ts';
import type { Action, Machine } from './machine.ts';
import { deleteRoot, OBJECT_ACTIONS } from './object-operations.ts';
import { ITERATORS, type Operation, type OperationName, REGISTERS, ROOTS } from './operations.ts';
import { OTHER_ACTIONS } from './other-operations.ts';
import { PARCEL_ACTIONS } from './parcel-operations.ts';

type FrameName = 'section' | 'scope';

const ACTIONS: Readonly<Record<Exclude<OperationName, FrameName>, Action>> = {
  ...OBJECT_ACTIONS,
  ...CONTAINER_ACTIONS,
  ...OTHER_ACTIONS,
  ...COLLECTOR_ACTIONS,
  ...PARCEL_ACTIONS,
};

/** Sections and scopes in each other, at most. */
const FRAMES_MAX = 6;

/**
 * Runs operations from `from` up to `to`.
 *
 * @throws ProgramFailure when the heap is not what it should be.
 */
export function runOperations(
  m: Machine,
  operations: readonly Operation[],
  from = 0,
  to = operations.length,
): void {
  for (let i = from; i < to; ) i = runOperation(m, operations, i, to);
}

/** Runs an operation. Returns the index of the one that follows. */
function runOperation(m: Machine, operations: readonly Operation[], i: number, to: number): number {
  const operation = m.resolve(operations[i] as Operation);
  const [name, ...numbers] = operation;
  m.resolved[i] = operation;
  m.operations++;
  try {
    m.onOperation?.();
    if (name !== 'section' && name !== 'scope') {
      ACTIONS[name](m, ...numbers);
      return i + 1;
    }
    if (m.holders.frame >= FRAMES_MAX) return i + 1;
    const [length, t] = numbers as [number, number];
    const end = Math.min(i + 1 + length, to);
    runFrame(m, name, t, () => runOperations(m, operations, i + 1, end));
    return end;
  } catch (error) {
    const failure = failureOf(error);
    if (failure.step < 0) failure.step = i;
    throw failure;
  }
}

/** Runs `body` in a section or a scope that returns the handle in register `t`. */
function runFrame(m: Machine, name: FrameName, t: number, body: () => void): void {
  const { heap, holders } = m;
  if (name === 'section' && holders.isInSection) {
    heap.run(body);
    return;
  }
  const kind: FrameKind = name === 'section' || holders.isInSection ? name : 'kept';
  let returned: Register | null = null;
  const run = () => {
    body();
    const register = holders.registers[t % REGISTERS] as Register | null;
    returned = register?.frame === holders.frame ? register : null;
    return returned?.handle;
  };
  holders.openFrame(kind);
  const ended = m.perform(
    () => (name === 'section' ? heap.run(run) : heap.scope(run)),
    () => holders.closeFrame(returned),
    kind === 'kept',
  );
  if (ended) return;
  m.isExact = false; // it may have collected before and after its handles ended
  holders.closeFrame(null); // there was no room to keep what it returned
}

/** The step at which a program fails that has done all its operations. */
const AT_END = -1;

/** Drops all that a program holds, and checks that nothing is left of it. */
export function finishProgram(m: Machine): void {
  atEnd(m, () => {
    dropEverything(m);
    runOperations(m, [['leak'], ['poison']]);
    check(m);
  });
}

/** Drops all that a program holds. */
export function dropEverything(m: Machine): void {
  const finish: Operation[] = [['enable'], ['unfreeze']];
  for (let i = 0; i < ITERATORS; i++) finish.push(['close', i]);
  for (let r = 0; r < REGISTERS; r++) finish.push(['drop', r]);
  finish.push(['check']);
  for (let k = 0; k < ROOTS; k++) finish.push(['unroot', k]);
  runOperations(m, finish);
  for (const name of m.parcels.splice(0)) deleteRoot(m, name);
}

/** Runs what comes behind the operations of a program. */
export function atEnd(m: Machine, body: () => void): void {
  m.resolved = [];
  try {
    body();
  } catch (error) {
    const failure = failureOf(error);
    failure.step = AT_END;
    throw failure;
  }
}
