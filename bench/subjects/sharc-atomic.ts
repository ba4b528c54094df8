/** The raw layer inside an exclusive section, with atomic counts: what the plain ones save. */

import { rawSubject } from './raw-benches.ts';

export const subject = rawSubject('atomic');
