/**
 * The named subjects. Each is loaded only in its own child process: one that cannot even be
 * imported here is reported as missing and leaves the others alone.
 */

import type { Subject } from '../harness/types.ts';

/**
 * `ours` are compared with the fastest `rival`. The `limit` shares nothing and has nothing to pay
 * for, so it does not count as a rival; `calibration` competes in nothing.
 */
export type Role = 'ours' | 'rival' | 'limit' | 'calibration';

export interface SubjectEntry {
  readonly role: Role;
  readonly summary: string;
  /** Flags of the child's Node. */
  readonly execArgv: readonly string[];
  /** Depends on something the machine may not have; then its absence is no failure. */
  readonly mayBeAbsent: boolean;
  load(): Promise<Subject>;
}

export const SUBJECTS: Readonly<Record<string, SubjectEntry>> = {
  'sharc-raw': {
    role: 'ours',
    summary: 'the raw layer inside an exclusive section',
    execArgv: [],
    mayBeAbsent: false,
    load: async () => (await import('./sharc-raw.ts')).subject,
  },
  'sharc-atomic': {
    role: 'ours',
    summary: 'the same with `counts: "atomic"`',
    execArgv: [],
    mayBeAbsent: false,
    load: async () => (await import('./sharc-atomic.ts')).subject,
  },
  sharc: {
    role: 'ours',
    summary: 'public handles inside an exclusive section',
    execArgv: [],
    mayBeAbsent: false,
    load: async () => (await import('./sharc.ts')).subject,
  },
  'sharc-op': {
    role: 'ours',
    summary: 'public handles, one operation at a time: the lock taken for each',
    execArgv: [],
    mayBeAbsent: false,
    load: async () => (await import('./sharc-op.ts')).subject,
  },
  'v8-shared-struct': {
    role: 'rival',
    summary: "V8's own shared structs, behind --harmony-struct",
    execArgv: ['--harmony-struct', '--expose-gc'],
    mayBeAbsent: true,
    load: async () => (await import('./v8-shared-struct.ts')).subject,
  },
  plain: {
    role: 'limit',
    summary: 'ordinary objects in one thread: what V8 does when nothing is shared',
    execArgv: ['--expose-gc'],
    mayBeAbsent: false,
    load: async () => (await import('./plain.ts')).subject,
  },
  clone: {
    role: 'rival',
    summary: 'postMessage: structured clone of ordinary objects',
    execArgv: [],
    mayBeAbsent: false,
    load: async () => (await import('./clone.ts')).subject,
  },
  lmdb: {
    role: 'rival',
    summary: 'the npm package lmdb as a store that threads share',
    execArgv: [],
    mayBeAbsent: true,
    load: async () => (await import('./lmdb.ts')).subject,
  },
  sharedmap: {
    role: 'rival',
    summary: 'the npm package sharedmap: strings to strings in a SharedArrayBuffer',
    execArgv: [],
    mayBeAbsent: true,
    load: async () => (await import('./sharedmap.ts')).subject,
  },
  cpython: {
    role: 'rival',
    summary: "the machine's python3, its objects and its gc module",
    execArgv: [],
    mayBeAbsent: true,
    load: async () => (await import('./cpython.ts')).subject,
  },
  calibration: {
    role: 'calibration',
    summary: 'how fast this machine is today, without any heap',
    execArgv: [],
    mayBeAbsent: false,
    load: async () => (await import('./calibration.ts')).subject,
  },
};
