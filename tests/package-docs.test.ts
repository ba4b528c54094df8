/** The reference of the API can be made: all types that it shows are exported, links lead on. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('TypeDoc has nothing to warn of', async () => {
  const typedoc = 'node_modules/typedoc/bin/typedoc';
  const command = [typedoc, '--options', '.typedoc.jsonc', '--emit', 'none', '--logLevel', 'Warn'];
  // Warnings are errors, and fail it.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command);
  expect(stdout + stderr).toBe('');
});
