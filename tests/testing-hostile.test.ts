/** Hostile modes: what they do, that they end, and what they refuse. */
import { expect, test } from 'vitest';
import { HeapCorruptionError, HeapExhaustedError, sessionOf } from '../src/heap.ts';
import { HEADER_WORDS } from '../src/memory/layout.ts';
import { hostile, POISON_FREED, poisonFreeMemory, ring } from '../src/testing.ts';
import { withHeap } from './support/with-heap.ts';
