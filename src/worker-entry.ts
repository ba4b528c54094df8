/** Where the entries of worker threads are. */

/** The file that a new thread runs, and what of its `workerData` says so. */
export interface WorkerEntry {
  readonly file: URL;
  /** In development: `boot.mjs` is the file, and this names the entry that it loads. */
  readonly data: { readonly entry?: string };
}

/** The entry `name` in the folder of workers, from the sources as from the package. */
export function findWorkerEntry(name: 'collector' | 'scanner'): WorkerEntry {
  const { url } = import.meta;
  if (!url.endsWith('.ts')) return { file: new URL(`../workers/${name}.js`, url), data: {} };
  return { file: new URL('../workers/boot.mjs', url), data: { entry: `${name}.ts` } };
}

/** The file for Piscina to load, in the sources as in the package: it must be no ES module. */
export const poolEntry = new URL('../workers/pool-entry.cjs', import.meta.url);

/** Tells of scanners that have died, or failed by `cause`. */
export const describeLoss = (scanners: number, cause?: unknown): string =>
  cause === undefined
    ? `${scanners} of the threads that shared a scan have ended; it was repeated by one thread`
    : `a scan has failed, and was repeated by other means: ${describeError(cause)}`;

/** What is printed of an error that is reported and not thrown. */
export const describeError = (error: unknown) =>
  error instanceof Error ? error.message : String(error);
