/** The threads of the stress, as the main thread sees them. */

import { type Transferable, Worker } from 'node:worker_threads';
import { watch } from './watchdog.ts';
import type { News, Tasks } from './worker.ts';

/** A thread does not get on any more. */
export class Hangs extends Error {
  override readonly name = 'Hangs';
}

/** A task that is being done. */
interface Pending {
  resolve(result: never): void;
  reject(error: Error): void;
  /** Hears what the thread does, now and then. */
  onNews(news: News): void;
}

/** A thread, and the task that it has. */
interface Member {
  readonly worker: Worker;
  pending: Pending | null;
}

/** How a task is done. */
export interface RunOptions {
  readonly transfer?: readonly Transferable[];
  /** Milliseconds without news after which the thread is ended; without it there is no limit. */
  readonly patienceMs?: number;
  /** Called with what the thread says before it has done. */
  readonly onNews?: (news: News) => void;
}

/** Threads that do one task at a time each. */
export class Pool {
  readonly #members: (Member | undefined)[] = [];

  /** Has thread number `thread` do a task. Rejects when it dies of it, with `Hangs` if it hangs. */
  run<Name extends keyof Tasks>(
    thread: number,
    name: Name,
    task: Parameters<Tasks[Name]>[0],
    { transfer = [], patienceMs = Infinity, onNews }: RunOptions = {},
  ): Promise<Awaited<ReturnType<Tasks[Name]>>> {
    const member = this.#members[thread] ?? this.#start(thread);
    let [what, heard]: [string, number] = [name, 0];
    let endWatch = () => {};
    const done = new Promise<Awaited<ReturnType<Tasks[Name]>>>((resolve, reject) => {
      const hear = (news: News) => {
        what = news.news;
        heard++;
        onNews?.(news);
      };
      member.pending = { resolve, reject, onNews: hear };
      member.worker.postMessage({ name, task }, transfer);
      const onHang = () => {
        this.discard(thread);
        reject(new Hangs(`thread ${thread} hangs in ${what}`));
      };
      endWatch = watch({ progress: () => heard, patienceMs: () => patienceMs, onHang });
    });
    return done.finally(endWatch);
  }

  /** Ends a thread, wherever it is. The next task of its number begins in a new one. */
  discard(thread: number): void {
    this.#members[thread]?.worker.terminate();
    this.#members[thread] = undefined;
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
    worker.on('message', (message: News | { readonly result: unknown }) => {
      if ('news' in message) member.pending?.onNews(message);
      else take()?.resolve(message.result as never);
    });
    worker.on('error', (error) => take()?.reject(error));
    worker.on('exit', (code) => {
      if (this.#members[thread] === member) this.#members[thread] = undefined;
      take()?.reject(new Error(`thread ${thread} has ended with code ${code}`));
    });
    return member;
  }
}
