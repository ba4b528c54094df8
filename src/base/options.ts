/**
 * The one table of options of `Heap.create`. Validation, the README's table and the words of the
 * error messages are read from it. Options are stored in the control words, so that every thread
 * that attaches finds the creator's.
 */

/** One option: its default, what is allowed, and a line of help. */
export interface OptionSpec<T> {
  readonly default: T;
  readonly isValid: (value: unknown) => boolean;
  readonly allowed: string;
  readonly help: string;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Smallest heap: the tables and a few pages. */
export const MIN_HEAP_BYTES = MIB;
/** Largest heap: word indices stay below 2^31. */
export const MAX_HEAP_BYTES = 8 * GIB;

/** Largest threshold. */
export const THRESHOLD_MAX = 2 ** 30;
/** Most scanners of one collection. */
export const SCANNERS_MAX = 8;

/** Thresholds of the generations 0, 1 and 2. */
export type Thresholds = readonly [number, number, number];

/** Whether a number can be a threshold. */
export const isThreshold = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= THRESHOLD_MAX;

/** How references are counted: plainly under the lock, or always by `Atomics`. */
export type CountsMode = 'plain' | 'atomic';

export const OPTIONS = {
  maxBytes: {
    default: GIB,
    isValid: (value) =>
      Number.isInteger(value) &&
      (value as number) >= MIN_HEAP_BYTES &&
      (value as number) <= MAX_HEAP_BYTES,
    allowed: `an integer from ${MIN_HEAP_BYTES} (1 MiB) to ${MAX_HEAP_BYTES} (8 GiB)`,
    help: 'size of the heap in bytes, reserved once; the system commits pages as they are touched',
  } satisfies OptionSpec<number>,
  counts: {
    default: 'plain' as CountsMode,
    isValid: (value) => value === 'plain' || value === 'atomic',
    allowed: "'plain' or 'atomic'",
    help: 'plain count changes where the lock excludes races, or an Atomics call for every one',
  } satisfies OptionSpec<CountsMode>,
  switchIntervalMs: {
    default: 5,
    isValid: (value) => Number.isFinite(value) && (value as number) > 0 && (value as number) <= 1e4,
    allowed: 'a number above 0, at most 10,000',
    help: 'milliseconds a thread waits for the lock before it asks the holder to hand it over',
  } satisfies OptionSpec<number>,
  thresholds: {
    default: [700, 10, 10] as Thresholds,
    isValid: (value) =>
      Array.isArray(value) && value.length === 3 && value.every((n) => isThreshold(n)),
    allowed: `three integers from 0 to ${THRESHOLD_MAX}`,
    help: 'counts above which the generations 0, 1 and 2 are collected; a first 0 turns that off',
  } satisfies OptionSpec<Thresholds>,
  growthFactor: {
    default: 2,
    isValid: (value) =>
      value === 0 || (Number.isFinite(value) && (value as number) > 1 && (value as number) <= 100),
    allowed: '0, or a number above 1, at most 100',
    help: 'live bytes, against those after the last full collection, that start one; 0 for never',
  } satisfies OptionSpec<number>,
  scanners: {
    default: 2,
    isValid: (value) =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= SCANNERS_MAX,
    allowed: `an integer from 1 to ${SCANNERS_MAX}`,
    help: 'threads that share the scan of a large collection, the collecting one included',
  } satisfies OptionSpec<number>,
  pauseBudgetMs: {
    default: 1,
    isValid: (value) =>
      Number.isFinite(value) && (value as number) >= 0.05 && (value as number) <= 1e4,
    allowed: 'a number from 0.05 to 10,000',
    help: 'milliseconds for which a collection beside the mutators stops them at a time',
  } satisfies OptionSpec<number>,
  collectorShare: {
    default: 1,
    isValid: (value) =>
      Number.isFinite(value) && (value as number) >= 0.001 && (value as number) <= 1,
    allowed: 'a number from 0.001 to 1',
    help: 'largest part of the time that automatic collections may take; 1 for no limit',
  } satisfies OptionSpec<number>,
};

/** Options of `Heap.create`; all optional. */
export interface HeapOptions {
  readonly maxBytes?: number;
  readonly counts?: CountsMode;
  readonly switchIntervalMs?: number;
  readonly thresholds?: Thresholds;
  readonly growthFactor?: number;
  readonly scanners?: number;
  readonly pauseBudgetMs?: number;
  readonly collectorShare?: number;
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<HeapOptions>;

/**
 * Fills in defaults and refuses unknown names and bad values.
 *
 * @throws TypeError for an unknown option; RangeError for a value that is not allowed.
 */
export function resolveOptions(options: HeapOptions = {}): ResolvedOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`heap options must be an object, not ${String(options)}`);
  }
  const resolved: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(OPTIONS)) resolved[name] = spec.default;
  for (const [name, value] of Object.entries(options)) {
    const spec = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof typeof OPTIONS] : undefined;
    if (spec === undefined) {
      const names = Object.keys(OPTIONS).join(', ');
      throw new TypeError(`unknown heap option '${name}'; the options are ${names}`);
    }
    if (value === undefined) continue;
    if (!spec.isValid(value)) {
      throw new RangeError(`heap option ${name} must be ${spec.allowed}, not ${String(value)}`);
    }
    resolved[name] = value;
  }
  return resolved as unknown as ResolvedOptions;
}
