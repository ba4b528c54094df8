/** What the options of the command accept. */

import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import {
  isRoundText,
  type Program,
  parseProgram,
  parseRound,
  type Round,
} from '../../src/testing.ts';

/** A number within bounds, both included. */
export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

/** An integer within bounds, both included. */
export function integerFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = numberFrom(least, most)(text);
    if (Number.isInteger(value)) return value;
    throw new InvalidArgumentError('It must be an integer.');
  };
}

/** One of some words. */
export function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((each) => each === text);
    if (word !== undefined) return word;
    throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`);
  };
}

/** A file with a program or a round in it. */
export function replayable(file: string): { file: string; content: Program | Round } {
  try {
    return { file, content: parse(readFileSync(file, 'utf8')) };
  } catch (error) {
    // Whatever is wrong, it is wrong with the file: it cannot be read, or its text makes no sense.
    const [line] = String((error as Error).message).split('\n');
    throw new InvalidArgumentError(`It must be a file with a program or a round in it: ${line}`);
  }
}

function parse(text: string): Program | Round {
  const content = isRoundText(text) ? parseRound(text) : parseProgram(text);
  const programs = 'programs' in content ? content.programs : [content];
  if (programs.every(({ operations }) => operations.length === 0)) {
    throw new SyntaxError('there is no operation in it');
  }
  return content;
}
