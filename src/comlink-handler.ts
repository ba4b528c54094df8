/**
 * The transfer handler for comlink. The receiving thread joins the heap by itself, and has a kept
 * handle. A message whose receiver ends before it has read it gives its references back: a port
 * travels with it, and closes with the thread that was to receive it, or when they were received.
 */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import * as comlink from 'comlink';
// @ts-expect-error: the build of comlink that its documents show for Node.js has no types
import * as comlinkModule from 'comlink/dist/esm/comlink.mjs';
import { type HeapToken, tokenOf } from './attach.ts';
import type { Handle } from './handle.ts';
import { Heap, sessionOf } from './heap.ts';
import { type PackedValue, packHandles, unpackHandles } from './passing.ts';
import { handleIn } from './proxy-targets.ts';
import {
  dropParcel,
  type Parcel,
  receiveParcel,
  refuseInAtomicSection,
  sendParcel,
} from './send.ts';
import type { Session } from './session.ts';

/** What stands in a message for handles, and what is around them. */
interface WireHandles extends PackedValue {
  readonly heap: HeapToken;
  readonly parcel: Parcel;
  /** Closes with the thread that has it. */
  readonly port: MessagePort;
}

/** What stands in a message for a value that was marked, and has no handles in it. */
interface WireValue {
  readonly value: unknown;
}

/** A handler of comlink, as far as this module knows. */
interface Handler {
  canHandle(value: unknown): value is object;
  serialize(value: object): [WireHandles | WireValue, MessagePort[]];
  deserialize(wire: WireHandles | WireValue): unknown;
}

const marked = new WeakSet<object>();

/**
 * Marks an object or array whose handles are to pass as references, too: comlink asks only what is
 * an argument or a result itself. Looks into plain objects and arrays, to any depth. Returns it.
 * What arrives of it in the other thread is marked as well.
 *
 * `await api.index(withHandles({ people, options: { by: 'name' } }))`
 */
export function withHandles<T>(value: T): T {
  if (typeof value === 'object' && value !== null) marked.add(value);
  return value;
}

const handler: Handler = {
  canHandle: (value): value is object =>
    handleIn(value) !== undefined ||
    (typeof value === 'object' && value !== null && marked.has(value)),

  serialize(value) {
    const { handles, root, places } = packHandles(value);
    const session = (handles[0] as Handle | undefined)?.$session;
    if (session === undefined) return [{ value }, []];
    refuseInAtomicSection(session, 'a message with handles cannot be sent');
    const parcel = sendParcel(session, handles);
    const port = takeBackUnreceived(session, parcel);
    return [{ heap: tokenOf(session.mem.buffer), parcel, root, places, port }, [port]];
  },

  deserialize(wire) {
    if (!('port' in wire)) return withHandles(wire.value);
    try {
      const session = sessionOf(Heap.attach(wire.heap));
      return withHandles(unpackHandles(session, wire, receiveParcel(session, wire.parcel)));
    } catch (error) {
      return failingValue(error);
    } finally {
      wire.port.close();
    }
  },
};

/**
 * What stands for a value that could not be received: whatever is done with it throws. As a result
 * it rejects the promise, which asks it for \`then\`; as an argument it fails the call where that
 * uses it. comlink reads arguments where an exception would end the thread, and nobody would answer
 * the caller.
 */
function failingValue(error: unknown): object {
  const fail = () => {
    throw error;
  };
  return new Proxy({}, new Proxy({}, { get: () => fail }));
}

/** A port to go with a parcel, which is dropped when it closes, if it is still in transit then. */
function takeBackUnreceived(session: Session, { key }: Parcel): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.once('close', () => dropParcel(session, key));
  port1.unref();
  // By then it was transferred, and this does nothing; or the message could not be posted.
  queueMicrotask(() => port2.close());
  return port2;
}

/** A table of handlers: `Comlink.transferHandlers`. */
export interface TransferHandlers {
  set(name: string, handler: never): unknown;
}

/**
 * Installs the handler in a copy of comlink, of a bundle for instance. In the installed package
 * `import 'sharc/comlink'` has done it, in both of its builds (`comlink`, and
 * `comlink/dist/esm/comlink.mjs`).
 */
export function installHandler(transferHandlers: TransferHandlers): void {
  transferHandlers.set('sharc', handler as never);
}

/** Installs the handler in both builds of the installed comlink. */
export function installHandlers(): void {
  installHandler(comlink.transferHandlers);
  installHandler(comlinkModule.transferHandlers);
}
