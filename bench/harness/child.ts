/**
 * Entry of a child process: loads one subject, named by the first argument, answers one request and
 * ends. Nothing else runs here, so neither another subject's garbage nor the type feedback of
 * another workload reaches the figures.
 */

import { SUBJECTS } from '../subjects/index.ts';
import { WORKLOADS } from '../workloads.ts';
import { measure } from './sample.ts';
import { type ChildReply, type ChildRequest, type Subject, UnavailableError } from './types.ts';

async function answer(request: ChildRequest, subject: Subject): Promise<ChildReply> {
  if (request.kind === 'describe') {
    const { version, unavailable, benches } = subject;
    return { kind: 'described', version, unavailable, workloads: Object.keys(benches) };
  }
  const workload = WORKLOADS[request.workload]!;
  const bench = await subject.benches[request.workload]!(request.cell);
  return measure(bench, workload, request.cell, request.sampling);
}

function replyTo(error: unknown): ChildReply {
  if (error instanceof UnavailableError) return { kind: 'unavailable', reason: error.message };
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  // Loaders go on with every path they have tried.
  return { kind: 'failed', reason: reason.split('\n', 1)[0]! };
}

async function answerOnce(request: ChildRequest): Promise<void> {
  let reply: ChildReply;
  try {
    const subject = await SUBJECTS[process.argv[2]!]!.load();
    reply = await answer(request, subject);
  } catch (error) {
    reply = replyTo(error);
  }
  // Whatever a bench leaves open (a pool, a worker) ends here.
  process.send!(reply, () => process.exit(0));
}

// The runner is gone: nobody waits for the figures.
process.once('disconnect', () => process.exit(1));
process.once('message', (request) => void answerOnce(request as ChildRequest));
