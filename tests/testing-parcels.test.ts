/** Parts of a graph that programs hand over to each other, here without threads. */
import { expect, test } from 'vitest';
import { type Heap, sessionOf } from '../src/heap.ts';
import { HEADER_COUNT } from '../src/memory/layout.ts';
import { KIND_LIST, KIND_PAIR, KIND_TABLE } from '../src/testing/kinds.ts';
import { Machine } from '../src/testing/machine.ts';
import { runOperations } from '../src/testing/run.ts';
import {
  countExpected,
  createRound,
  formatRound,
  isRoundText,
  type Operation,
  type Parcel,
  Participant,
  type Post,
  ProgramFailure,
  parseRound,
  type Round,
  shrinkRound,
} from '../src/testing.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

/** A post office for programs that take turns. */
function openPost(threads: number): (thread: number) => Post {
  const boxes: Parcel[][] = Array.from({ length: threads }, () => []);
  return (thread) => ({
    thread,
    threads,
    send: (to, parcel) => void boxes[to]?.push(structuredClone(parcel)), // as between threads
    receive: () => boxes[thread]?.shift() ?? null,
  });
}

function createMachine(heap: Heap, post: Post): Machine {
  return new Machine(heap, { isShared: true, prefix: `program ${post.thread}`, post });
}

/** What a machine's model needs; the heap agrees with it, reference counts included. */
function settle(heap: Heap, participants: readonly Participant[]): number {
  for (const participant of participants) participant.settle();
  participants[0]?.inspect(true);
  expect(heap.verify()).toEqual([]);
  return countExpected(participants.map((participant) => participant.compare(true)));
}

const SEND_40 = 2; // the number that stands for parcels of at most 40 objects

test('a ring with a hub and strings arrives as it was, and the sender has nothing of it', () => {
  withHeap({}, (heap) => {
    const post = openPost(2);
    const [sender, receiver] = [createMachine(heap, post(0)), createMachine(heap, post(1))];
    runOperations(sender, [
      ['new', 0, KIND_LIST],
      ['init', 1, KIND_PAIR, 0, 0],
      ['init', 2, KIND_PAIR, 1, 1],
      ['push', 0, 1],
      ['push', 0, 2],
      ['push', 0, 20], // a long string
      ['new', 3, KIND_TABLE],
      ['put', 3, 1, 0],
      ['push', 0, 3],
      ['open', 0, 3],
    ]);
    const addresses = [...sender.model.alive].map(({ address }) => address);
    runOperations(sender, [['send', 0, 0, SEND_40]]);
    expect([sender.model.alive.size, sender.model.roots.size]).toEqual([0, 0]);
    expect(sender.holders.registers.every((register) => register === null)).toBe(true);
    expect([...heap.root.keys()]).toEqual(['parcel 0 0']);
    runOperations(receiver, [['receive', 7, 0], ['check']]);
    expect([...receiver.model.alive].map(({ address }) => address).sort()).toEqual(
      addresses.sort(),
    );
    expect(heap.root.size).toBe(0);
    expect(receiver.holders.registers[7]?.object.count).toBe(2 + 1); // two referrers, a handle
    runOperations(receiver, [['drop', 7]]);
    expect(heap.gc.collect()).toBe(4);
  });
});

test('what leads across the border of a parcel is cut on both sides', () => {
  withHeap({}, (heap) => {
    const post = openPost(2);
    const [sender, receiver] = [createMachine(heap, post(0)), createMachine(heap, post(1))];
    const SEND_1 = 0;
    runOperations(sender, [
      ['new', 0, KIND_PAIR],
      ['init', 1, KIND_PAIR, 0, 0], // holds what is sent
      ['store', 0, 1, 1], // and is held by it
      ['root', 0, 0],
      ['send', 0, 0, SEND_1],
      ['check'],
    ]);
    expect(sender.holders.registers[1]?.object.slots).toEqual([null, null]);
    runOperations(receiver, [['receive', 0, 0], ['check']]);
    expect(receiver.holders.registers[0]?.object.slots).toEqual([null, null]);
    runOperations(sender, [['drop', 1]]);
    runOperations(receiver, [['drop', 0]]);
    expect(heap.gc.collect()).toBe(0);
  });
});

test('a parcel that was spoiled on its way is found when it arrives', () => {
  withHeap({ checkLeaks: false }, (heap) => {
    const post = openPost(2);
    const [sender, receiver] = [createMachine(heap, post(0)), createMachine(heap, post(1))];
    runOperations(sender, [
      ['init', 0, KIND_PAIR, 0, 0],
      ['store', 0, 0, 0],
      ['send', 0, 0, SEND_40],
    ]);
    const ring = heap.root.get('parcel 0 0') as unknown as { left: unknown };
    ring.left = null;
    const receive: readonly Operation[] = [['receive', 0, 0]];
    expect(() => runOperations(receiver, receive)).toThrow('StressPair.left');
  });
});

test('programs that take turns agree with their models, and leave nothing', () => {
  for (let seed = 1; seed <= 12; seed++) {
    withHeap({ thresholds: [5, 2, 2] }, (heap) => {
      const { programs, every } = createRound(seed, { threads: 3, operations: 300 });
      const post = openPost(3);
      const participants = programs.map((_, i) => new Participant(heap, { post: post(i) }));
      heap.gc.collect();
      const before = mortalObjects(heap);
      const longest = Math.max(...programs.map(({ operations }) => operations.length));
      for (let from = 0; from < longest; from += every) {
        participants.forEach((participant, i) => {
          const { operations = [], hostile } = programs[i] ?? {};
          participant.run(operations, from, from + every, hostile);
        });
        expect(settle(heap, participants), `seed ${seed}`).toBe(mortalObjects(heap) - before);
      }
      for (const participant of participants) participant.finish();
      expect(settle(heap, participants)).toBe(0);
      expect(mortalObjects(heap)).toBe(before);
    });
  }
});

test('a participant finds a count that is wrong, and says where', () => {
  withHeap({}, (heap) => {
    const participant = new Participant(heap, { post: openPost(1)(0) });
    const operations: readonly Operation[] = [['new', 0, KIND_LIST]];
    participant.run(operations, 0, 1);
    expect(participant.compare(true).objects).toBe(1);
    participant.run([['damage', 0, 0]], 0, 1);
    let failure: unknown;
    try {
      participant.compare(true);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(ProgramFailure);
    expect(failure).toMatchObject({ kind: 'difference' });
    expect(String(failure)).toMatch(/the reference count of array \d+ is 2, not 1/);
    const [{ object: address = 0 } = {}] = heap.verify();
    const { i32 } = sessionOf(heap).mem;
    i32[address + HEADER_COUNT] = 1; // repaired
    participant.finish();
  });
});

test('the text of a round is read as the round that it was', () => {
  const round = createRound(5, { threads: 3, operations: 100 });
  const text = formatRound(round);
  expect(isRoundText(text)).toBe(true);
  expect(parseRound(text)).toEqual(round);
  expect(createRound(5, { threads: 3, operations: 100 })).toEqual(round);
  expect(() => parseRound('round 5\n')).toThrow(SyntaxError);
  expect(() => parseRound('round 5\nnew 1 2\n')).toThrow('no thread does');
});

test('a round is shrunk to the threads and operations that it takes to fail', async () => {
  const make = (operations: Operation[]) => ({ operations });
  const noise: Operation[] = Array.from({ length: 30 }, (_, i) => ['drop', i % 12]);
  const round: Round = {
    ...createRound(1, { threads: 1 }),
    programs: [
      make([...noise, ['collect', 2], ...noise]),
      make(noise),
      make([...noise, ['collect', 1]]),
    ],
  };
  const shorter = await shrinkRound(round, {
    run: async ({ programs }) => {
      const all = programs.flatMap(({ operations }) => operations.map(String));
      const fails = all.includes('collect,1') && all.includes('collect,2');
      return fails ? { kind: 'leak', operations: [40, 0, 31] } : null;
    },
  });
  expect(shorter.programs.map(({ operations }) => operations)).toEqual([
    [['collect', 2]],
    [['collect', 1]],
  ]);
});
