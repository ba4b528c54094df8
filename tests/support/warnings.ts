/** Warnings of the process, caught for a moment. */

/** The warnings that `body` causes, in order. They come a tick later, so this waits. */
export async function warningsOf(body: () => unknown): Promise<Error[]> {
  const warnings: Error[] = [];
  const listener = (warning: Error) => warnings.push(warning);
  const others = process.listeners('warning');
  process.removeAllListeners('warning'); // the one that prints them
  process.on('warning', listener);
  try {
    await body();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', listener);
    for (const other of others) process.on('warning', other);
  }
  return warnings;
}
