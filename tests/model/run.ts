/**
 * Checks the model of the lock: every configuration, or with `--quick` those of a few seconds.
 *
 *   npm run model -- [--quick] [--json] [--only NAME]
 */
import { CONFIGURATIONS, type Configuration } from './configurations.ts';
import { check, missingTools, type Result } from './spin.ts';

const NUMBER = new Intl.NumberFormat('en-US');

function describe(configuration: Configuration, result: Result): string {
  const { states, transitions, depth, megabytes, seconds, error } = result;
  const figures =
    `${NUMBER.format(states)} states, ${NUMBER.format(transitions)} transitions, ` +
    `depth ${NUMBER.format(depth)}, ${Math.round(megabytes)} MB, ${seconds.toFixed(1)} s`;
  const outcome = error === null ? 'no errors' : `ERROR: ${error}\n${result.trail}`;
  return `${configuration.name}: ${figures}: ${outcome}\n`;
}

function main(args: readonly string[]): number {
  const missing = missingTools();
  if (missing !== null) {
    process.stderr.write(`${missing}\n`);
    return 2;
  }
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
  const chosen = CONFIGURATIONS.filter(({ name, isQuick }) =>
    only === undefined ? !args.includes('--quick') || isQuick : name === only,
  );
  const results = chosen.map((configuration) => {
    const result = check(configuration);
    if (!args.includes('--json')) process.stdout.write(describe(configuration, result));
    return { name: configuration.name, ...result };
  });
  const errors = results.filter(({ error }) => error !== null).length;
  const states = results.reduce((sum, result) => sum + result.states, 0);
  if (args.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ errors, states, results }, null, 2)}\n`);
  } else {
    process.stdout.write(`${NUMBER.format(states)} states in all, ${errors} errors\n`);
  }
  return errors === 0 && results.length > 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
