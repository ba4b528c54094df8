/** References on their way between threads: received once, and never lost to a thread that ends. */

import { describe, expect, test } from 'vitest';
import type { Heap, HeapMap, SentToken } from '../src/index.ts';
import {
  type Stage,
  type StageOptions,
  sleep,
  type Thread,
  until,
  withStage,
} from './support/threads.ts';
import { mortalObjects } from './support/with-heap.ts';

const TASKS: StageOptions = { tasks: 'tasks-send' };

type Token = SentToken<HeapMap<string, number>>;

const inTransit = (heap: Heap) => heap.stats().inTransit;

/** Runs `body`, and expects the heap to hold nothing mortal afterwards but what it held. */
function withStageUnchanged(body: (stage: Stage) => Promise<void>): Promise<void> {
  return withStage(TASKS, async (stage) => {
    const before = mortalObjects(stage.heap);
    await body(stage);
    stage.heap.gc.collect();
    expect(stage.heap.verify()).toEqual([]);
    expect(inTransit(stage.heap)).toBe(0);
    expect(mortalObjects(stage.heap)).toBe(before);
  });
}

const startTwo = async ({ start }: Stage) => (await start(2)) as [Thread, Thread];
const startOne = async ({ start }: Stage) => ((await start(1)) as [Thread])[0];

test('a reference goes from thread to thread', async () => {
  await withStageUnchanged(async (stage) => {
    const [sender, receiver] = await startTwo(stage);
    const token = await sender.call<Token>('send', 42);
    expect(inTransit(stage.heap)).toBe(1);
    expect(await receiver.call('receiveAndRelease', token)).toBe(42);
    for (const thread of [sender, receiver]) {
      expect(await thread.fail('receive', token)).toMatchObject({
        name: 'SpentTokenError',
        code: 'ERR_SHARC_SPENT_TOKEN',
      });
    }
    expect(() => stage.heap.receive(token)).toThrow('a token is received once');
  });
});

test('of many threads that try to receive a token, one does', async () => {
  const threads = 6;
  const tokens = 400;
  await withStageUnchanged(async (stage) => {
    const { heap } = stage;
    const crowd = await stage.start(threads);
    const sent = Array.from({ length: tokens }, (_, n) =>
      heap.run(() => heap.send(heap.map<string, number>().set('n', n))),
    );
    const got = await Promise.all(crowd.map((one) => one.call<number[]>('race', sent, threads)));
    expect(got.flat().sort((a, b) => a - b)).toEqual(sent.map((_, n) => n));
  });
});

describe('the sender is gone before the receipt', () => {
  test.each([
    ['it has left the heap', (sender: Thread) => sender.call('detach')],
    ['it has ended', (sender: Thread) => sender.finish()],
    ['it was killed', (sender: Thread) => sender.kill()],
    ['it has released its handle', () => Promise.resolve()],
  ])('%s', async (_how, end) => {
    await withStage({ ...TASKS, mayEndBroken: true }, async (stage) => {
      const [sender, receiver] = await startTwo(stage);
      const token = await sender.call<Token>('send', 7);
      await end(sender);
      stage.heap.gc.collect();
      expect(await receiver.call('receiveAndRelease', token)).toBe(7);
      expect(mortalObjects(stage.heap)).toBe(0);
      expect(stage.heap.verify()).toEqual([]);
    });
  });
});

describe('the addressee ends without receiving', () => {
  test.each(['killed', 'itself'])('a worker that never joins the heap: %s', async (how) => {
    await withStageUnchanged(async (stage) => {
      const thread = await startOne(stage);
      const { before, after, late } = await thread.call<Record<string, unknown>>(
        'sendToWorker',
        how,
      );
      expect({ before, after, late }).toEqual({ before: 2, after: 0, late: false });
    });
  });

  test('a worker of this thread that is killed', async () => {
    await withStage({ ...TASKS, mayEndBroken: true }, async (stage) => {
      const { heap } = stage;
      const addressee = await startOne(stage);
      const token = heap.run(() => heap.send(heap.map(), { to: addressee.worker }));
      const other = heap.run(() => heap.send(heap.map()));
      await addressee.kill();
      await until(() => inTransit(heap) === 1);
      expect(heap.revoke(token)).toBe(false);
      expect(heap.revoke(other)).toBe(true);
      expect(mortalObjects(heap)).toBe(0);
      expect(heap.verify()).toEqual([]);
    });
  });

  test.each(['detach', 'finish', 'exit'])(
    'a thread known by its number, when it leaves the heap: %s',
    async (how) => {
      await withStageUnchanged(async (stage) => {
        const { heap } = stage;
        const [addressee, other] = await startTwo(stage);
        const to = await addressee.call<number>('threadId');
        await other.call('send', 1, { to });
        heap.run(() => heap.send(heap.map(), { to }));
        const kept = heap.run(() => heap.send(heap.map().set('n', 5)));
        expect(inTransit(heap)).toBe(3);
        if (how === 'finish') await addressee.finish();
        else if (how === 'exit') {
          await addressee.call('exit', 0).catch(() => {});
          await addressee.ended;
        } else await addressee.call('detach');
        expect(inTransit(heap)).toBe(1);
        expect(await other.call('receiveAndRelease', kept)).toBe(5);
      });
    },
  );

  test('what it has received is its own: only the rest is dropped', async () => {
    await withStageUnchanged(async (stage) => {
      const { heap } = stage;
      const addressee = await startOne(stage);
      const to = addressee.worker;
      const first = heap.run(() => heap.send(heap.map().set('n', 1), { to }));
      heap.run(() => heap.send(heap.map().set('n', 2), { to }));
      expect(await addressee.call('receive', first)).toBe(1);
      expect(mortalObjects(heap)).toBe(3); // with the string 'n'
      await addressee.call('exit', 0).catch(() => {});
      await addressee.ended;
      await until(() => inTransit(heap) === 0);
    });
  });

  test('it may join the heap after it was sent something', async () => {
    await withStageUnchanged(async (stage) => {
      const { heap } = stage;
      const addressee = await stage.startDetached();
      const to = addressee.worker;
      const token = heap.run(() => heap.send(heap.map().set('n', 9), { to }));
      await addressee.call('receive', token).catch(() => {}); // not there yet
      expect(inTransit(heap)).toBe(1);
      await stage.start(1);
      expect(heap.run(() => heap.receive(token).get('n'))).toBe(9);
    });
  });
});

test('a receiver that is killed holds what it has received, and no more', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async (stage) => {
    const { heap } = stage;
    const [receiver, other] = await startTwo(stage);
    const [first, second] = [1, 2].map((n) =>
      heap.run(() => heap.send(heap.map<string, number>().set('n', n), { to: receiver.worker })),
    ) as [Token, Token];
    expect(await receiver.call('receive', first)).toBe(1);
    await receiver.kill();
    await until(() => inTransit(heap) === 0);
    expect(await other.fail('receive', second)).toMatchObject({ name: 'SpentTokenError' });
    heap.gc.collect();
    expect(heap.verify()).toEqual([]);
    // Its own object dies as soon as its death is noticed by whoever looks after the threads.
    expect(mortalObjects(heap)).toBeLessThanOrEqual(2); // with the string 'n'
  });
});

test('a revoked token is received by nobody', async () => {
  await withStageUnchanged(async (stage) => {
    const [sender, receiver] = await startTwo(stage);
    const token = await sender.call<Token>('send', 1);
    expect(await receiver.call('revoke', token)).toBe(true);
    expect(await sender.call('revoke', token)).toBe(false);
    expect(await receiver.fail('receive', token)).toMatchObject({ name: 'SpentTokenError' });
  });
});

test('handing over takes as long for 100,000 objects as for one', async () => {
  await withStageUnchanged(async (stage) => {
    const [sender, receiver] = await startTwo(stage);
    const token = await sender.call<Token>('sendChain', 100_000);
    expect(stage.heap.stats().liveObjects).toBeGreaterThan(100_000);
    expect(await receiver.call('walkChain', token)).toBe((100_000 * 99_999) / 2);
    await sleep(0);
  });
});
