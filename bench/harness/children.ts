/** Starts child processes and brings back what they say, or why they say nothing. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SUBJECTS } from '../subjects/index.ts';
import type { ChildReply, ChildRequest } from './types.ts';

// Next to this file, under the same extension: `.js` once compiled.
const CHILD_ENTRY = fileURLToPath(new URL('./child.js', import.meta.url));
const TIMEOUT_MS = 180_000;
const STDERR_MAX = 4000;

/** The end of what a dying Node says; its own path in front of it tells nobody anything. */
function lastLinesOf(stderr: string): string {
  const lines = stderr.replaceAll(process.execPath, 'node').trim().split('\n').filter(Boolean);
  return lines.slice(-3).join(' / ');
}

function reasonOfExit(child: ChildProcess, stderr: string): string {
  const how = child.signalCode === null ? `exit code ${child.exitCode}` : child.signalCode;
  const said = lastLinesOf(stderr);
  return said === '' ? `its process ended with ${how}` : `${said} (${how})`;
}

/** Asks a fresh process of `subject`. Never rejects: a crash or a time-out is a `failed` reply. */
export function ask(subject: string, request: ChildRequest): Promise<ChildReply> {
  const child = fork(CHILD_ENTRY, [subject], {
    execArgv: [...SUBJECTS[subject]!.execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_MAX);
  });

  return new Promise((resolve) => {
    let reply: ChildReply | undefined;
    const timer = setTimeout(() => {
      reply = { kind: 'failed', reason: `no answer within ${TIMEOUT_MS / 1000} s` };
      child.kill('SIGKILL');
    }, TIMEOUT_MS);
    const settle = (otherwise: () => string) => {
      clearTimeout(timer);
      resolve(reply ?? { kind: 'failed', reason: otherwise() });
    };
    child.once('error', (error) => settle(() => error.message));
    child.once('message', (message) => {
      reply = message as ChildReply;
    });
    // 'close' rather than 'exit': by then all of stderr has been read.
    child.once('close', () => settle(() => reasonOfExit(child, stderr)));
    // A process that does not know a flag of ours dies before it listens; 'close' tells why.
    child.send(request, () => {});
  });
}
