/** Sending and receiving in one thread: what tokens are good for, and when they are not. */

import { describe, expect, test } from 'vitest';
import { HeapExhaustedError, InvalidTokenError, SpentTokenError } from '../src/base/errors.ts';
import { Handle } from '../src/handle.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import type { HeapMap } from '../src/map.ts';
import {
  dropParcel,
  receiveParcel,
  receiveQuestion,
  type SentToken,
  sendAnswer,
  sendParcel,
  sendQuestion,
} from '../src/send.ts';
import { failAllocation } from './support/exhaustion.ts';
import { mortalObjects, withHeap } from './support/with-heap.ts';

const inTransit = (heap: Heap) => heap.stats().inTransit;

test('what is sent is received, once', () => {
  withHeap({}, (heap) => {
    using map = heap.map<string, number>().set('a', 1);
    const token = heap.send(map);
    expect(inTransit(heap)).toBe(1);
    expect(heap.refcount(map)).toBe(2);
    using received = heap.receive(structuredClone(token));
    expect(received).toBe(map);
    expect(inTransit(heap)).toBe(0);
    expect(() => heap.receive(token)).toThrow(SpentTokenError);
    expect(() => heap.receive(token)).toThrow('it was received before');
    expect(heap.revoke(token)).toBe(false);
  });
});

test('what is in transit lives on without its sender, and is found by no question', () => {
  withHeap({}, (heap) => {
    const map = heap.map();
    map.set('self', map);
    const token = heap.send(map);
    heap.run(() => {
      expect(heap.gc.getReferrers(map)).toEqual([map]);
      expect(heap.gc.getObjects()).toEqual([map]);
    });
    map.release();
    heap.gc.collect();
    expect(heap.verify()).toEqual([]);
    expect(inTransit(heap)).toBe(1);
    expect(heap.revoke(token)).toBe(true);
    expect(inTransit(heap)).toBe(0);
    expect(heap.gc.collect()).toBe(1);
    expect(() => heap.receive(token)).toThrow(SpentTokenError);
  });
});

test.each([
  ['a number', 1.5],
  ['-0', -0],
  ['NaN', Number.NaN],
  ['a short string', 'short'],
  ['a long string', 'x'.repeat(1000)],
  ['a bigint', 2n ** 63n],
  ['a boolean', true],
  ['null', null],
  ['undefined', undefined],
  ['a date', new Date(7)],
])('%s can be sent', (_what, value) => {
  withHeap({}, (heap) => {
    const token = heap.send(value);
    expect(inTransit(heap)).toBe(1);
    expect(heap.receive(token)).toEqual(value);
    expect(inTransit(heap)).toBe(0);
  });
});

test('what no slot can hold cannot be sent', () => {
  withHeap({}, (heap) => {
    expect(() => heap.send({})).toThrow('heap.from()');
    expect(() => heap.send(() => {})).toThrow('it is a function');
    expect(() => heap.send(2n ** 64n)).toThrow('64 bits');
    const map = heap.map();
    map.release();
    expect(() => heap.send(map)).toThrow('no longer protects an object');
    using other = Heap.create();
    using stranger = other.map();
    expect(() => heap.send(stranger)).toThrow('a handle of another heap');
    expect(inTransit(heap)).toBe(0);
  });
});

test('a view of heap.proxy is sent as its handle', () => {
  withHeap({}, (heap) => {
    using map = heap.map<string, number>().set('a', 1);
    const view = heap.proxy(map);
    using received = heap.receive(heap.send(view)) as unknown as HeapMap;
    expect(received).toBe(map);
  });
});

test('tokens of other heaps, and what is no token, are refused with the reason', () => {
  withHeap({}, (heap) => {
    using other = Heap.create();
    using stranger = other.map();
    const token = other.send(stranger);
    for (const act of [() => heap.receive(token), () => heap.revoke(token)]) {
      expect(act).toThrow(InvalidTokenError);
      expect(act).toThrow(/it is of heap \w{16}, and this is \w{16}/);
    }
    other.receive(token).release();
    for (const [wrong, why] of [
      [heap.share(), 'it is some other object'],
      [{ ...token, key: '1' }, 'it is some other object'],
      [null, 'it is null'],
      [7, 'it is 7'],
    ]) {
      const act = () => heap.receive(wrong as never);
      expect(act).toThrow(InvalidTokenError);
      expect(act).toThrow(`not a token of a reference in this heap: ${why}`);
    }
    const own = heap.send(1);
    for (const key of [0, -1, 1.5, Number.NaN, own.key + 1, own.key + 2 ** 32]) {
      expect(() => heap.receive({ ...own, key })).toThrow(SpentTokenError);
    }
    expect(heap.receive(own)).toBe(1);
  });
});

test('options that make no sense are refused before anything is sent', () => {
  withHeap({}, (heap) => {
    const send = (options: unknown) => () => heap.send(1, options as never);
    expect(send({ too: 1 })).toThrow("unknown option 'too' of send(); the options are to");
    expect(send(null)).toThrow('send() takes its options as an object');
    expect(send({ to: '1' })).toThrow('a Worker or its threadId as `to`, not "1"');
    for (const to of [-1, 0.5, 2 ** 21, Number.NaN]) expect(send({ to })).toThrow(RangeError);
    expect(inTransit(heap)).toBe(0);
  });
});

test('in a read section nothing is sent or received', () => {
  withHeap({}, (heap) => {
    const token = heap.send(1);
    for (const act of [() => heap.send(2), () => heap.receive(token), () => heap.revoke(token)]) {
      expect(() => heap.read<unknown>(act)).toThrow('this changes the heap');
    }
    expect(inTransit(heap)).toBe(1);
    expect(heap.receive(token)).toBe(1);
  });
});

test('an atomic section that throws has sent, received and revoked nothing', () => {
  withHeap({}, (heap) => {
    using map = heap.map<string, number>().set('a', 1);
    const [first, second] = [heap.send(map), heap.send(map)];
    const sent: SentToken[] = [];
    const fail = () => {
      for (let i = 0; i < 50; i++) sent.push(heap.send(map));
      heap.receive(first);
      expect(heap.revoke(second)).toBe(true);
      throw new Error('on purpose');
    };
    for (let i = 0; i < 3; i++) {
      expect(() => heap.run(fail, { atomic: true })).toThrow('on purpose');
      expect(inTransit(heap)).toBe(2);
      expect(heap.refcount(map)).toBe(3);
      expect(heap.verify()).toEqual([]);
    }
    for (const token of sent) expect(() => heap.receive(token)).toThrow(SpentTokenError);
    heap.run(() => void sent.push(heap.send(map)), { atomic: true });
    for (const token of [first, second, sent.at(-1) as typeof first]) {
      heap.receive(token).release();
    }
  });
});

test('in a section the handle that is received ends with it', () => {
  withHeap({}, (heap) => {
    const token = heap.run(() => heap.send(heap.array([1])));
    const stale = heap.run(() => {
      const array = heap.receive(token);
      expect(array.length).toBe(1);
      return [array];
    });
    expect(() => stale[0]?.length).toThrow('its scope has closed');
  });
});

test('thousands in transit, received in any order, leave the map as it was', () => {
  withHeap({}, (heap) => {
    heap.receive(heap.send(0));
    const before = heap.stats().liveBytes;
    using one = heap.array();
    const tokens = Array.from({ length: 5000 }, (_, i) => heap.send(i % 3 === 0 ? one : i));
    expect(inTransit(heap)).toBe(5000);
    expect(heap.verify()).toEqual([]);
    tokens.sort((a, b) => ((a.key * 7919) % 5003) - ((b.key * 7919) % 5003));
    for (const token of tokens) heap.run(() => void heap.receive(token));
    expect(heap.refcount(one)).toBe(1);
    one.release();
    expect(heap.stats().liveBytes - before).toBeLessThan(5000);
  });
});

test('a heap that this thread has left takes nothing', () => {
  const heap = Heap.create();
  const token = heap.send(1);
  heap.detach();
  for (const act of [() => heap.send(1), () => heap.receive(token), () => heap.revoke(token)]) {
    expect(act).toThrow('this thread has left');
  }
});

/** Lets every allocation of `body` fail in turn, until it succeeds. Returns how many there were. */
function failEach(heap: Heap, body: () => void, check: () => void): number {
  for (let n = 1; ; n++) {
    const mortal = mortalObjects(heap);
    const before = inTransit(heap);
    try {
      failAllocation(heap, n, body);
      return n - 1;
    } catch (error) {
      expect(error).toBeInstanceOf(HeapExhaustedError);
      expect(heap.verify()).toEqual([]);
      expect(mortalObjects(heap)).toBe(mortal);
      expect(inTransit(heap)).toBe(before);
      check();
    }
  }
}

describe('in a full heap nothing is half done', () => {
  // A second attempt would succeed: only the n-th allocation fails. So all is in one section.
  const inSection = (heap: Heap, act: () => void) => () => heap.run(() => attempt(heap, act));
  const attempt = (heap: Heap, act: () => void) => {
    const { collections } = sessionOf(heap);
    const { afterExhaustion } = collections;
    collections.afterExhaustion = () => false;
    try {
      act();
    } finally {
      collections.afterExhaustion = afterExhaustion;
    }
  };

  test('sending', () => {
    withHeap({}, (heap) => {
      using map = heap.map();
      const tokens: SentToken[] = [];
      const check = () => expect(heap.refcount(map)).toBe(1 + tokens.length);
      let failures = 0;
      for (let i = 0; i < 40; i++) {
        const send = inSection(heap, () => void tokens.push(heap.send(map)));
        failures += failEach(heap, send, check);
      }
      expect(failures).toBeGreaterThan(10);
      for (const token of tokens) heap.revoke(token);
      const text = inSection(heap, () => void tokens.push(heap.send('x'.repeat(99))));
      expect(failEach(heap, text, () => {})).toBeGreaterThan(0);
      heap.revoke(tokens.at(-1) as SentToken);
    });
  });

  test('receiving outside of sections, which takes a row', () => {
    withHeap({}, (heap) => {
      const received: { release(): void }[] = [];
      let failures = 0;
      for (let i = 0; i < 1100; i++) {
        const token = heap.run(() => heap.send(heap.array([1])));
        const receive = () => attempt(heap, () => void received.push(heap.receive(token)));
        failures += failEach(heap, receive, () => {});
      }
      for (const handle of received) handle.release();
      expect(received.length).toBe(1100);
      expect(failures).toBeGreaterThan(0);
    });
  });
});

describe('parcels and questions, which the pool and comlink use', () => {
  test.each([0, 1, 2, 3000])('%i values are received together, once', (count) => {
    withHeap({}, (heap) => {
      const session = sessionOf(heap);
      const values = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? heap.array([i]) : i));
      const parcel = sendParcel(session, values);
      expect(inTransit(heap)).toBe(count === 0 ? 0 : 1);
      const received = receiveParcel(session, parcel);
      expect(received).toEqual(values);
      if (count > 0) expect(() => receiveParcel(session, parcel)).toThrow(SpentTokenError);
      expect(inTransit(heap)).toBe(0);
      dropParcel(session, parcel.key);
      for (const value of received) if (value instanceof Handle) value.release();
      for (const value of values) if (value instanceof Handle) value.release();
    });
  });

  test('a value that cannot be sent keeps the others back', () => {
    withHeap({}, (heap) => {
      using array = heap.array();
      const session = sessionOf(heap);
      expect(() => sendParcel(session, [array, array, {}])).toThrow('element 2');
      expect(heap.refcount(array)).toBe(1);
      expect(inTransit(heap)).toBe(0);
    });
  });

  test.each([0, 1, 2])('a question of %i values is answered under the same key', (count) => {
    withHeap({}, (heap) => {
      const session = sessionOf(heap);
      const values = Array.from({ length: count }, () => heap.array());
      const question = sendQuestion(session, values);
      expect(inTransit(heap)).toBe(Math.min(count, 1));
      for (const value of receiveQuestion(session, question)) (value as Handle).release();
      expect(inTransit(heap)).toBe(0);
      const reply = sendAnswer(session, question.key, values);
      for (const value of receiveParcel(session, reply)) (value as Handle).release();
      if (count > 0) expect(() => receiveParcel(session, reply)).toThrow(SpentTokenError);
      dropParcel(session, question.key);
      for (const value of values) {
        expect(heap.refcount(value)).toBe(1);
        value.release();
      }
    });
  });

  test('nobody can answer a question that was dropped, or twice', () => {
    withHeap({}, (heap) => {
      const session = sessionOf(heap);
      using array = heap.array();
      const dropped = sendQuestion(session, [array]);
      dropParcel(session, dropped.key);
      expect(() => receiveQuestion(session, dropped)).toThrow(SpentTokenError);
      expect(() => sendAnswer(session, dropped.key, [array])).toThrow(SpentTokenError);
      const asked = sendQuestion(session, []);
      sendAnswer(session, asked.key, [array]);
      expect(() => sendAnswer(session, asked.key, [array])).toThrow(SpentTokenError);
      dropParcel(session, asked.key);
      expect(heap.refcount(array)).toBe(1);
    });
  });

  test('what is there when the thread that asks leaves is dropped', () => {
    const heap = Heap.create();
    const session = sessionOf(heap);
    sendQuestion(session, [heap.array()]);
    sendAnswer(session, sendQuestion(session, []).key, [heap.array()]);
    heap.detach();
    using again = Heap.attach({ type: 'sharc.heap', buffer: session.mem.buffer });
    expect(again.stats().inTransit).toBe(0);
    expect(mortalObjects(again)).toBe(0);
    expect(again.verify()).toEqual([]);
  });
});

test('what an undone section has sent or received is sent or received no more', () => {
  withHeap({}, (heap) => {
    using array = heap.array([1]);
    const before = heap.send(array);
    const tokens: SentToken<unknown>[] = [];
    const section = () => {
      tokens.push(heap.send(array));
      heap.receive(before);
      throw new RangeError('undone');
    };
    expect(() => heap.run(section, { atomic: true })).toThrow('undone');
    expect(heap.stats().inTransit).toBe(1);
    expect(() => heap.receive(tokens[0]!)).toThrow(SpentTokenError);
    expect(heap.receive(before)).toBe(array);
    array.release();
    expect(heap.stats().inTransit).toBe(0);
  });
});
