/** Runs commands. */

import { execFile } from 'node:child_process';

interface RunOptions {
  readonly cwd: string;
  readonly timeoutMs: number;
}

/** Runs a command, and resolves to what it prints. Rejects with all of its output. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, timeoutMs }: RunOptions,
): Promise<string> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const options = { cwd, timeout: timeoutMs, env, maxBuffer: 2 ** 26 };
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const end = error.killed ? `ended after ${timeoutMs} ms` : `failed (${error.code})`;
      reject(new Error(`${command} ${args.join(' ')} has ${end}\n${stdout}${stderr}`.trimEnd()));
    });
  });
}
