/** The main job's two parsers: which requests a module's text makes, in which order. */
import { describe, expect, test } from 'vitest';
import { parseModule } from '../bench/examples/module-graph/parse.ts';
import { scanModule } from '../bench/examples/module-graph/scan.ts';

describe.each([
  { name: 'the parser with a tree', parse: parseModule },
  { name: 'the scan', parse: scanModule },
])('$name', ({ parse }) => {
  function requestsOf(path: string, text: string): string[] {
    const parsed = parse(path, text);
    if ('error' in parsed) throw new Error(parsed.error);
    return parsed.requests.map(({ kind, specifier }) => `${kind} ${specifier}`);
  }

  test('imports, re-exports, dynamic imports and requires are found in source order', () => {
    const text = `
    const late = () => import('./late.js');
    import first from './first.js';
    export * from './all.js';
    const old = require('./old.cjs');
    import './effect.js';
    export { a, b } from './names.js';
  `;
    expect(requestsOf('x.js', text)).toEqual([
      'dynamic ./late.js',
      'import ./first.js',
      're-export ./all.js',
      'require ./old.cjs',
      'import ./effect.js',
      're-export ./names.js',
    ]);
  });

  test('a module that is asked for three times is three requests', () => {
    const text = "require('./a'); import './a'; require('./a');";
    expect(requestsOf('x.js', text)).toEqual(['require ./a', 'import ./a', 'require ./a']);
  });

  test('a template without expressions is a literal specifier', () => {
    expect(requestsOf('x.js', 'import(`./a.js`); require(`./b.js`);')).toEqual([
      'dynamic ./a.js',
      'require ./b.js',
    ]);
  });

  test('escapes in a specifier are decoded', () => {
    expect(requestsOf('x.js', "import '\\u002e/a'; require('\\x2e/b');")).toEqual([
      'import ./a',
      'require ./b',
    ]);
  });

  test('computed specifiers are counted and make no request', () => {
    const text = `import(name); import(\`./\${name}.js\`); require(name); require("./" + name);`;
    expect(parse('x.js', text)).toEqual({ requests: [], computedCount: 4 });
  });

  test('require in a comment or string, as a property or with two arguments is no request', () => {
    const text = `// require('./a')
    "require('./b')"; module.require('./c'); require.resolve('./d'); require('./e', 1); require();`;
    expect(parse('x.js', text)).toEqual({ requests: [], computedCount: 0 });
  });

  test('imports that TypeScript erases are no requests', () => {
    const text = `
    import type { A } from './a.js';
    import { type B } from './b.js';
    import { type C, c } from './c.js';
    export type { D } from './d.js';
    export type * from './e.js';
    import f = require('./f.cjs');
  `;
    expect(requestsOf('x.ts', text)).toEqual(['import ./c.js', 'require ./f.cjs']);
  });

  test('JSX and TSX are parsed by their extension', () => {
    expect(requestsOf('x.jsx', "import './a.js'; export default <b/>;")).toEqual(['import ./a.js']);
    expect(requestsOf('x.tsx', "import './a.js'; export default <T,>(t: T) => <b/>;")).toEqual([
      'import ./a.js',
    ]);
  });

  test('a .js file may return at its top level, as CommonJS does', () => {
    expect(requestsOf('x.js', "if (x) return; require('./a');")).toEqual(['require ./a']);
  });

  test('a text that is no module in any reading is an error, not an exception', () => {
    expect(parse('x.js', 'const = ;')).toEqual({ error: 'Unexpected token' });
  });
});

test.each([
  "function require(name) {} require('./a');",
  "new require('./a'); x = { require('./b') {} }; o.require('./c'); #!require('./d')",
  "require?.('./a'); require /* why */ ('./b'); require(/* why */ './c', ); require (\n'./d')",
  `require(('a')); require('b' + c); require(\`d\${e}\`); require(...f); require(import('g'))`,
  "const f = (a = require('./a'), b = import('./b')) => {}; (x, require('./c'));",
  `'import (x)'; \`\${require('./a')} require('./b')\`; /require('./c')/; <!-- require('./d')`,
  "import 'require(x)'; import r from './require(y)'; export { require } from './z';",
  "import(/* webpackChunkName: 'a' */ './a'); import('./b', { with: {} }); import.source('./c');",
  "\uFEFFrequire('./\u{1F600}'); '\u{1F600}'; require('./it\\'s'); require(\"./it's\");",
])('the scan and the tree find the same in %s', (text) => {
  for (const path of ['x.js', 'x.cjs', 'x.ts', 'x.tsx']) {
    expect(scanModule(path, text)).toEqual(parseModule(path, text));
  }
});
