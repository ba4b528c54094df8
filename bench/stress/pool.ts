/** The threads of the stress, as the main thread sees them. */

import { type Transferable, Worker } from 'node:worker_threads';
import type { Tasks } from './worker.ts';

/** A task that is being done. */
interface Pending {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** A thread, and the task that it has. */
interface Member {
  readonly worker: Worker;
  pending: Pending | null;
}

/** Threads that do one task at a time each. */
export class Pool {
  readonly #members: (Member | undefined)[] = [];

  /** Has thread number `thread` do a task. Rejects when the thread dies of it. */
  run<Name extends keyof Tasks>(
    thread: number,
    name: Name,
    task: Parameters<Tasks[Name]>[0],
    transfer: readonly Transferable[] = [],
  ): Promise<Awaited<ReturnType<Tasks[Name]>>> {
    const member = this.#members[thread] ?? this.#start(thread);
    return new Promise((resolve, reject) => {
      member.pending = { resolve, reject };
      member.worker.postMessage({ name, task }, transfer);
    });
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    await Promise.all(this.#members.splice(0).map((member) => member?.worker.terminate()));
  }

  #start(thread: number): Member {
    const worker = new Worker(new URL('worker.js', import.meta.url));
    const member: Member = { worker, pending: null };
    this.#members[thread] = member;
    const take = () => {
      const { pending } = member;
      member.pending = null;
      return pending;
    };
    worker.on('message', (result: unknown) => take()?.resolve(result as never));
    worker.on('error', (error) => take()?.reject(error));
    worker.on('exit', (code) => {
      if (this.#members[thread] === member) this.#members[thread] = undefined;
      take()?.reject(new Error(`thread ${thread} has ended with code ${code}`));
    });
    return member;
  }
}
