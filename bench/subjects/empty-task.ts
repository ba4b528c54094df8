/** The task of `piscina-round-trip`. */
export const emptyTask = (): number => 1;
