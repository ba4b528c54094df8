/**
 * The same answer as parse.ts without a syntax tree, which costs six times the parsing of a large
 * bundle: this is what the threads use. The oracle does not, so each of its edges checks them.
 *
 * Without a tree the parser lists `import()` calls and no `require()` calls. So it gets a text in
 * which each `require(` reads `import (`, as long as before: an expression stays one, a string, a
 * comment and a property stay what they are, and the original text tells which it was. Where the
 * two differ, as in a declaration of `require`, the text has an error, and parse.ts is asked.
 */
import { parseSync } from 'oxc-parser';
import { collectStatic, type Found, hasError, type ParsedModule, parseModule } from './parse.ts';

const REQUIRE_CALL = /\brequire(?=\s*\()/g;
/** What may be a call of another form: `require?.()`, with a comment, with type arguments. */
const REQUIRE_UNCLEAR = /\brequire\s*(?:\/[/*]|\?\.|<)/;
/** From the start of a call to its argument. */
const CALL_START = /^(?:import|require)\s*\((?:\s|\/\*[\s\S]*?\*\/)*$/;
/** From the end of the only argument to the end of the call. */
const CALL_END = /^[\s,]*\)$/;
const PLAIN_LITERAL = /^(['"`])([^'"`\\$\r\n]*)\1$/;
/** Arguments that may be literals all the same. */
const LITERAL_UNCLEAR = /^['"`(]/;

export function scanModule(path: string, text: string): ParsedModule {
  return tryScan(path, text) ?? parseModule(path, text);
}

function tryScan(path: string, text: string): ParsedModule | null {
  if (REQUIRE_UNCLEAR.test(text)) return null;
  const parsed = parseSync(path, text.replace(REQUIRE_CALL, 'import '));
  if (hasError(parsed)) return null;

  const found: Found = { requests: [], computedCount: 0 };
  collectStatic(parsed, found);
  const isRewritten = found.requests.some(({ request }) => /\bimport\s*\(/.test(request.specifier));
  if (isRewritten) return null;
  const starts = new Set<number>();
  for (const { start, end, moduleRequest: argument } of parsed.module.dynamicImports) {
    if (starts.has(start)) continue; // the parser lists a call twice when it has tried twice
    starts.add(start);
    const isClear = collectCall(text, start, end, argument, found);
    if (!isClear) return null;
  }
  found.requests.sort((a, b) => a.start - b.start);
  return { requests: found.requests.map((f) => f.request), computedCount: found.computedCount };
}

/** Returns whether the text alone says what the call asks for. */
function collectCall(
  text: string,
  start: number,
  end: number,
  argument: { readonly start: number; readonly end: number },
  found: Found,
): boolean {
  if (!CALL_START.test(text.slice(start, argument.start))) return false;
  const kind = text.startsWith('require', start) ? 'require' : 'dynamic';
  if (kind === 'require' && !CALL_END.test(text.slice(argument.end, end))) return false;

  const source = text.slice(argument.start, argument.end);
  const specifier = PLAIN_LITERAL.exec(source)?.[2];
  if (specifier !== undefined) found.requests.push({ start, request: { kind, specifier } });
  else if (LITERAL_UNCLEAR.test(source)) return false;
  else found.computedCount++;
  return true;
}
