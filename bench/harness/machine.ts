/** What a reader must know to judge the figures: where and of what they were taken. */

import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
}

/** The commit of the sources, with `-dirty` where they differ from it. */
function commitOf(directory: string): string {
  try {
    const describe = ['describe', '--always', '--dirty', '--exclude=*'];
    return execFileSync('git', describe, {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown'; // an unpacked archive, or no git
  }
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    commit: commitOf(fileURLToPath(new URL('.', import.meta.url))),
    node: process.version,
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
  };
}
