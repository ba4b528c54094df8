/** Entry of the threads of a crew. See `crew.ts`. */

import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { threadCpuMs } from '../harness/collection-figures.ts';
import {
  awaitAll,
  type CrewModule,
  type CrewRequest,
  type CrewTask,
  clockMs,
  type Member,
  settle,
  type TimedTurn,
} from './crew.ts';

function timeTurn(member: Member, amount: number): TimedTurn {
  const cpuBefore = threadCpuMs();
  const begin = clockMs();
  const { checksum, count } = member.turn(amount);
  const end = clockMs();
  const cpuAfter = threadCpuMs();
  const cpu = cpuBefore === undefined ? undefined : cpuAfter! - cpuBefore;
  return { begin, end, cpu, checksum, count };
}

const [task] = (await once(parentPort!, 'message')) as [CrewTask];
const { memberOf } = (await import(task.module)) as CrewModule;
const member = await memberOf(task.workload, task.shared, task.index);
parentPort!.on('message', (request: CrewRequest) => {
  if (request.kind === 'settle') {
    parentPort!.postMessage(settle());
    return;
  }
  awaitAll(request.barrier);
  parentPort!.postMessage(timeTurn(member, request.amount));
});
parentPort!.postMessage('ready');
