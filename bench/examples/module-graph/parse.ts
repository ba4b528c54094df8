/**
 * The text of one module -> the modules it asks for, in the order in which it asks. Pure: no file
 * is read, nothing is resolved.
 *
 * What counts as a request: `import`, `export ... from`, `import()` and `require()` with a literal
 * specifier, and TypeScript's `import x = require()`. What does not: imports that TypeScript erases
 * (`import type`), and specifiers that are computed at run time, which are only counted.
 */
import { type ParseResult, parseSync, Visitor } from 'oxc-parser';

export const REQUEST_KINDS = ['import', 're-export', 'dynamic', 'require'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

export interface Request {
  readonly kind: RequestKind;
  readonly specifier: string;
}

export type ParsedModule =
  | { readonly requests: readonly Request[]; readonly computedCount: number }
  | { readonly error: string };

export interface Found {
  requests: { start: number; request: Request }[];
  computedCount: number;
}

// A text that never says `require` cannot call it: only the others pay for a syntax tree.
const MAY_REQUIRE = /\brequire\b/;

export function parseModule(path: string, text: string): ParsedModule {
  const parsed = parseText(path, text);
  if (typeof parsed === 'string') return { error: parsed };

  const found: Found = { requests: [], computedCount: 0 };
  collectStatic(parsed, found);
  if (parsed.module.dynamicImports.length > 0 || MAY_REQUIRE.test(text)) {
    collectCalls(parsed, found);
  }
  found.requests.sort((a, b) => a.start - b.start);
  return { requests: found.requests.map((f) => f.request), computedCount: found.computedCount };
}

/** The parser's result, or why the text is not a module in any reading. */
function parseText(path: string, text: string): ParseResult | string {
  const parsed = parseSync(path, text);
  if (!hasError(parsed)) return parsed;
  // The extension `.js` leaves open what a file is. CommonJS allows a `return` at its top level.
  const commonJs = parseSync(path, text, { sourceType: 'commonjs' });
  if (!hasError(commonJs)) return commonJs;
  return parsed.errors.find((e) => e.severity === 'Error')!.message;
}

export function hasError(parsed: ParseResult): boolean {
  return parsed.errors.some((e) => e.severity === 'Error');
}

export function collectStatic(parsed: ParseResult, found: Found): void {
  for (const { start, moduleRequest, entries } of parsed.module.staticImports) {
    const isErased = entries.length > 0 && entries.every((e) => e.isType);
    if (isErased) continue;
    found.requests.push({ start, request: { kind: 'import', specifier: moduleRequest.value } });
  }
  for (const { start, entries } of parsed.module.staticExports) {
    // One statement asks once, however many names it passes on.
    const specifier = entries.find((e) => e.moduleRequest !== null && !e.isType)?.moduleRequest;
    if (!specifier) continue;
    found.requests.push({ start, request: { kind: 're-export', specifier: specifier.value } });
  }
}

function collectCalls(parsed: ParseResult, found: Found): void {
  const collect = (kind: RequestKind, start: number, source: LiteralLike | undefined): void => {
    const specifier = literalOf(source);
    if (specifier === null) found.computedCount++;
    else found.requests.push({ start, request: { kind, specifier } });
  };
  new Visitor({
    ImportExpression(expression) {
      collect('dynamic', expression.start, expression.source);
    },
    CallExpression(call) {
      if (call.callee.type !== 'Identifier' || call.callee.name !== 'require') return;
      // `require()` with no argument or several is some other function of that name.
      if (call.arguments.length === 1) collect('require', call.start, call.arguments[0]);
    },
    TSExternalModuleReference(reference) {
      collect('require', reference.start, reference.expression);
    },
  }).visit(parsed.program);
}

/** The part of a syntax node that can hold a specifier. */
interface LiteralLike {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly cooked: string | null } }[];
}

function literalOf(source: LiteralLike | undefined): string | null {
  if (source?.type === 'Literal' && typeof source.value === 'string') return source.value;
  if (source?.type === 'TemplateLiteral' && source.quasis?.length === 1) {
    return source.quasis[0].value.cooked;
  }
  return null;
}
