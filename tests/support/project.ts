/** Programs of users: projects in a temporary folder, in which sharc is installed as published. */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUN_MS = 30_000;

/** A folder with files. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'sharc-project-'));

  constructor(files: Readonly<Record<string, string>>) {
    this.write('package.json', '{ "type": "module", "private": true }\n');
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  /** Puts the built package, and what it depends on, where `npm install` would. */
  installSharc(): void {
    const target = this.path('node_modules/sharc');
    for (const path of ['package.json', 'dist/src', 'dist/workers']) {
      cpSync(join(ROOT, path), join(target, path), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules/piscina'), this.path('node_modules/piscina'), 'dir');
  }

  /** Runs a file. Returns what it prints. */
  async run(path: string, node = process.execPath): Promise<string> {
    const options = { cwd: this.folder, timeout: RUN_MS, env: environment() };
    const { stdout } = await promisify(execFile)(node, [this.path(path)], options);
    return stdout;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Without what test runners preload into their processes. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...rest } = process.env;
  return { ...rest, NODE_NO_WARNINGS: '1' };
}
