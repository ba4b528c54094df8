/** The model of the lock: it is checked, it can fail, and it has the names of the code. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as layout from '../src/memory/layout.ts';
import * as lockWord from '../src/sync/lock-word.ts';
import * as readers from '../src/sync/readers.ts';
import * as waiters from '../src/sync/waiters.ts';
import { CONFIGURATIONS } from './model/configurations.ts';
import { FAULTS } from './model/faults.ts';
import { check, missingTools, readModel } from './model/spin.ts';

const missing = missingTools();
const SECONDS = 180_000;

const FILES = ['gil', 'hand-over', 'lock-word', 'waiters', 'readers', 'read-lock', 'async-lock'];
const SYNC = FILES.map((name) =>
  readFileSync(new URL(`../src/sync/${name}.ts`, import.meta.url), 'utf8'),
).join('\n');

const CODE: Record<string, unknown> = {
  ...layout,
  ...lockWord,
  ...readers,
  ...waiters,
};

test('every state of the model is one of the code, of the same name and number', () => {
  const words = readModel().get('words.pml')!.split('/* How an attempt')[0]!;
  const states = [...words.matchAll(/^#define ([A-Z_]+) (\d+)/gm)];
  expect(states.length).toBeGreaterThan(14);
  for (const [, name, value] of states) expect([name, CODE[name!]]).toEqual([name, Number(value)]);
});

test('every function that the model names is one of the code', () => {
  const ignored =
    /^(section|readSection|die|dropTicket|settle|tryAcquireBlocking|tryReadBlocking)$/;
  const inlines = [...readModel().values()].flatMap((text) =>
    [...text.matchAll(/^inline (\w+)/gm)].map((match) => match[1]!),
  );
  expect(inlines.length).toBeGreaterThan(25);
  for (const name of inlines.filter((inline) => !ignored.test(inline))) {
    expect(SYNC, name).toMatch(new RegExp(`\\b${name}\\b`));
  }
});

// Without Spin they are skipped: `apt-get install spin`.
test.skipIf(missing !== null).each(CONFIGURATIONS.filter(({ isQuick }) => isQuick))(
  'the model keeps what it promises: $name',
  { timeout: SECONDS },
  (configuration) => {
    const result = check(configuration);
    expect(result.error, result.trail).toBe(null);
    expect(result.states).toBeGreaterThan(1000);
  },
);

test.skipIf(missing !== null).each(FAULTS)(
  'the model notices when $name',
  { timeout: SECONDS },
  (fault) => {
    const { error } = check(fault.foundIn, fault);
    expect(error).toMatch(/^(assertion violated|invalid end state|acceptance cycle)/);
  },
);
