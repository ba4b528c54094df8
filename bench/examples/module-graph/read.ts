/**
 * One file -> everything the graph wants to know about it. The slow part of the job, and all of it
 * happens outside sections, so that threads overlap. Used by the threads, which scan, and by the
 * oracle, which parses.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ParsedModule, RequestKind } from './parse.ts';
import type { Resolver } from './resolve.ts';

export interface ResolvedImport {
  readonly kind: RequestKind;
  /** Real path of the module that is asked for. */
  readonly path: string;
}

export interface ReadModule {
  readonly path: string;
  readonly bytes: number;
  /** The first 64 bits of the content's SHA-256. */
  readonly hash: bigint;
  readonly imports: readonly ResolvedImport[];
  /** Requests that lead to no module: builtins, data files, computed and missing ones. */
  readonly unresolved: number;
}

/** A file that could not be read or parsed, and why. */
export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/** How a text is read: scan.ts or parse.ts. */
export type Parse = (path: string, text: string) => ParsedModule;

export function readModule(
  path: string,
  parse: Parse,
  resolver: Resolver,
): ReadModule | Unreadable {
  let content: Buffer;
  let text: string;
  try {
    content = readFileSync(path);
    text = content.toString('utf8');
  } catch (error) {
    return { path, reason: (error as Error).message };
  }
  const parsed = parse(path, text);
  if ('error' in parsed) return { path, reason: parsed.error };

  const imports: ResolvedImport[] = [];
  let unresolved = parsed.computedCount;
  for (const { kind, specifier } of parsed.requests) {
    const resolution = resolver.resolve(path, specifier, kind);
    if (resolution.type === 'module') imports.push({ kind, path: resolution.path });
    else unresolved++;
  }
  const hash = createHash('sha256').update(content).digest().readBigInt64BE(0);
  return { path, bytes: content.length, hash, imports, unresolved };
}

/** Reads all of `paths`, in order. `onUnreadable` hears of each file that has to be left out. */
export function readModules(
  paths: readonly string[],
  parse: Parse,
  resolver: Resolver,
  onUnreadable: (unreadable: Unreadable) => void,
): ReadModule[] {
  const modules: ReadModule[] = [];
  for (const path of paths) {
    const read = readModule(path, parse, resolver);
    if ('reason' in read) onUnreadable(read);
    else modules.push(read);
  }
  return modules;
}
