/** Entry of the second thread of a contended bench. See `partner.ts`. */

import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { type Contender, type PartnerTask, serveRounds } from './partner.ts';

const [task] = (await once(parentPort!, 'message')) as [PartnerTask];
const { contend } = (await import(task.module)) as Contender;
const body = await contend(task.shared);
parentPort!.postMessage('ready');
serveRounds(task.gate, body);
parentPort!.close();
