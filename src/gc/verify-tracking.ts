/**
 * Verification, tracking: what the collector is told by the info words of objects, by the sizes of
 * the generations, and by the cards, which must lead it to every object of the young ones.
 */

import {
  CARD_SHIFT,
  GC_CONDEMNED,
  GC_CONTAINER,
  GC_GENERATION_MASK,
  GC_SIZES,
  GC_TRACKED,
  GC_UNLINKED,
  GENERATIONS,
  HEADER_COUNT,
  HEADER_INFO,
  PAGE_MIDDLE,
  PAGE_WORDS_SHIFT,
  PAGE_YOUNG,
  PERMANENT,
} from '../memory/layout.ts';
import { pageRecordOf } from '../memory/memory.ts';
import {
  MARK_CONDEMNED,
  MARK_LISTED,
  MARK_UNLINKED,
  MARK_UNTRACKED,
  type Survey,
  TILE_IN_USE,
} from './verify-survey.ts';

const SWEEP_BITS = GC_CONDEMNED | GC_UNLINKED;
/** Bits that change in the life of an object of any kind. */
const LIFE_BITS = GC_GENERATION_MASK | SWEEP_BITS;

/** Checks the info word of an object: `expected` has the bits of its kind. */
export function checkInfo(survey: Survey, block: number, word: number, expected: number): void {
  const info = survey.i32[word + HEADER_INFO];
  const difference = (info & ~LIFE_BITS) ^ expected;
  if (difference !== 0) reportBits(survey, word, expected, difference);
  if ((info & SWEEP_BITS) !== 0 || (survey.marks[block] & MARK_LISTED) !== 0) {
    noteCondemned(survey, block, word, info);
  } else if ((info & GC_TRACKED) === 0) {
    // What is not tracked though it should be has its finding by now.
    if ((expected & GC_TRACKED) === 0) noteUntracked(survey, block, word, info);
  } else {
    const generation = info & GC_GENERATION_MASK;
    survey.generationSizes[generation]++;
    if (generation <= 1) needCard(survey, word, generation);
  }
}

function reportBits(survey: Survey, word: number, expected: number, difference: number): void {
  const found = expected ^ difference;
  const { findings } = survey;
  if ((difference & GC_CONTAINER) !== 0) findings.add('CONTAINER_WRONG', word, expected, found);
  if ((difference & GC_TRACKED) !== 0) {
    findings.add('TRACKED_WRONG', word, expected, found);
    survey.areGenerationsKnown = false;
  }
  if ((difference & ~(GC_CONTAINER | GC_TRACKED)) === 0) return;
  findings.add('INFO_WRONG', word, expected, found);
}

function noteUntracked(survey: Survey, block: number, word: number, info: number): void {
  const generation = info & GC_GENERATION_MASK;
  if (generation === 0) {
    survey.marks[block] |= MARK_UNTRACKED;
    return;
  }
  survey.areGenerationsKnown = false;
  survey.findings.add('GENERATION_WRONG', word, 0, generation);
}

/** Garbage that is being swept. What is unlinked does not hold what its slots say. */
function noteCondemned(survey: Survey, block: number, word: number, info: number): void {
  survey.marks[block] |= MARK_CONDEMNED;
  if ((info & GC_UNLINKED) !== 0) survey.marks[block] |= MARK_UNLINKED;
  survey.condemned++;
  if ((info & SWEEP_BITS) === 0) return; // it is in a list of garbage all the same: reported
  const isMember = (info & GC_TRACKED) !== 0 && (info & GC_GENERATION_MASK) !== PERMANENT;
  if (isMember && (info & GC_CONDEMNED) !== 0) return;
  survey.findings.add('CONDEMNED_WRONG', word, 0, info & (LIFE_BITS | GC_TRACKED));
  survey.doubtGarbage();
}

/** Immortal objects are never members of a collection: they stay young wherever they are. */
function needCard(survey: Survey, word: number, generation: number): void {
  if (survey.i32[word + HEADER_COUNT] < 0) return;
  const cards = generation === 0 ? survey.youngCards : survey.middleCards;
  cards[survey.heads[word >>> PAGE_WORDS_SHIFT]] |= 1 << (word >>> CARD_SHIFT);
}

/**
 * Compares the sizes of the generations (the youngest is not counted), and checks that the cards
 * lead to all objects of the young ones. An object in a wrong generation has the first finding.
 */
export function checkGenerations(survey: Survey): void {
  const { i32, generationSizes, findings } = survey;
  for (let g = 1; g <= GENERATIONS && survey.areGenerationsKnown; g++) {
    if (i32[GC_SIZES + g] === generationSizes[g]) continue;
    findings.add('GENERATION_SIZE_WRONG', GC_SIZES + g, generationSizes[g], i32[GC_SIZES + g]);
    survey.areGenerationsKnown = false;
  }
  for (let page = 0; page < survey.tiles.length; page++) {
    if (survey.tiles[page] === TILE_IN_USE) checkCards(survey, page);
  }
}

function checkCards(survey: Survey, page: number): void {
  const { i32, mem, findings } = survey;
  const record = pageRecordOf(mem, page);
  const young = survey.areGenerationsKnown ? survey.youngCards[page] : 0;
  const middle = survey.areGenerationsKnown ? survey.middleCards[page] : 0;
  if ((young & ~i32[record + PAGE_YOUNG]) !== 0) {
    findings.add('YOUNG_CARD_MISSING', record, young, i32[record + PAGE_YOUNG]);
  }
  if ((middle & ~i32[record + PAGE_MIDDLE]) !== 0) {
    findings.add('MIDDLE_CARD_MISSING', record, middle, i32[record + PAGE_MIDDLE]);
  }
  // The first run of a bin is allocated from without further notice.
  const isYoung = young !== 0 || survey.isFirstInBin[page] === 1;
  if (isYoung && !hasPageBit(survey, mem.youngPages, page)) {
    findings.add('YOUNG_PAGE_MISSING', record, 1, 0);
  }
  if (middle !== 0 && !hasPageBit(survey, mem.middlePages, page)) {
    findings.add('MIDDLE_PAGE_MISSING', record, 1, 0);
  }
}

const hasPageBit = (survey: Survey, table: number, page: number): boolean =>
  (survey.i32[table + (page >>> 5)] & (1 << (page & 31))) !== 0;
