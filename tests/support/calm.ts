/**
 * The test files of one thread, which run two at a time. `tidy` asks of each that it starts
 * nothing, waits for nobody and does not look at the clock.
 */
export const CALM = [
  'tests/atomic*.test.ts',
  'tests/collector-{background,cards,exhaustion,generations,often,shapes}.test.ts',
  'tests/counts.test.ts',
  'tests/from-*.test.ts',
  'tests/gc-{collect,debug,freeze,generations,pressure,queries,settings}.test.ts',
  'tests/handle-{kept,leaving-damaged,locals}.test.ts',
  'tests/inspect.test.ts',
  'tests/limits-{exhaustion,full-heap,jumps,open-iterators}.test.ts',
  'tests/limits-{prototypes,receivers,reentrancy}.test.ts',
  'tests/memory-*.test.ts',
  'tests/model*.test.ts',
  'tests/module-graph-{allowance,compare,options,parse,walk}.test.ts',
  'tests/object-{bytes,chains,filled,json,large,map-table,string-parts,strings}.test.ts',
  'tests/object-{struct,struct-class,struct-extends,text-cache,tuple,values}.test.ts',
  'tests/raw.test.ts',
  'tests/reading.test.ts',
  'tests/recovery-{atomic,collections,containers,living,objects,recovering}.test.ts',
  'tests/send-random.test.ts',
  'tests/testing-{hostile,parcels,shapes}.test.ts',
  'tests/verify-{accounting,damage,sound,work}.test.ts',
];

/** Whether a file is one of these. */
export const isCalm = (path: string): boolean => PATTERNS.some((pattern) => pattern.test(path));

/** Braces and stars, which is all that the list uses. */
const PATTERNS = CALM.map((glob) => {
  const source = glob.replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  const braces = (_: string, names: string) => `(?:${names.replaceAll(',', '|')})`;
  return new RegExp(`^${source.replace(/\{(.*?)\}/g, braces)}$`);
});
