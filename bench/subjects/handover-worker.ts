/** Entry of the thread to which something is handed over. See `handover.ts`. */

import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import {
  type Handed,
  type HandoverTask,
  now,
  type Received,
  type ReceiverModule,
} from './handover.ts';

const [task] = (await once(parentPort!, 'message')) as [HandoverTask];
const { receiverOf } = (await import(task.module)) as ReceiverModule;
const receive = receiverOf(task.workload, task.shared);
parentPort!.on('message', ({ message, isLast }: Handed) => {
  const parcel = receive(message);
  const at = now();
  const received: Received = { at, checksum: isLast ? parcel.checksum() : 0 };
  parcel.release();
  parentPort!.postMessage(received);
});
parentPort!.postMessage('ready');
