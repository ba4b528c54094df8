/** The raw layer inside an exclusive section, with plain counts. */

import { rawSubject } from './raw-benches.ts';

export const subject = rawSubject('plain');
