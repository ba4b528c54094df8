/** The versions of Node.js to try: the one that runs, others from the packages that hold them. */

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

export const MAJORS = [20, 22, 24, 26] as const;
export type Major = (typeof MAJORS)[number];

const INSTALL_MS = 300_000;
const PACKAGE = `node-${process.platform}-${process.arch}`;

/** The path of the binary of Node.js `major`. Fetched into a folder below `folder` if need be. */
export async function fetchNode(major: Major, folder: string): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const own = join(folder, `n${major}`);
  const binary = join(own, 'node_modules', PACKAGE, 'bin/node');
  if (existsSync(binary)) return binary;
  mkdirSync(own, { recursive: true });
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['install', '--prefix', own, ...options, `${PACKAGE}@${major}`], {
    cwd: own,
    timeoutMs: INSTALL_MS,
  });
  return binary;
}
