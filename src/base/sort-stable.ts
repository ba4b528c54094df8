/**
 * A stable sort of indices by numbers that stand beside them, with a comparison of indices for
 * those whose numbers are equal. Numbers move along with their indices: merging reads both in
 * order.
 */

type Compare = (a: number, b: number) => number;

/** As many neighbours are sorted by insertion before runs are merged. */
const RUN = 8;

/** Sorts `order` by `keys`, one for each, which is used up; equal keys by `compare`. */
export function sortStable(order: Uint32Array, keys: Float64Array, compare: Compare): void {
  const { length } = order;
  for (let from = 0; from < length; from += RUN) {
    insertionSort(order, keys, from, Math.min(from + RUN, length), compare);
  }
  let source: Side = { order, keys };
  let target: Side = { order: new Uint32Array(length), keys: new Float64Array(length) };
  for (let run = RUN; run < length; run *= 2) {
    for (let from = 0; from < length; from += run * 2) {
      const middle = Math.min(from + run, length);
      merge(source, target, from, middle, Math.min(middle + run, length), compare);
    }
    [source, target] = [target, source];
  }
  if (source.order !== order) order.set(source.order);
}

interface Side {
  readonly order: Uint32Array;
  readonly keys: Float64Array;
}

function insertionSort(
  order: Uint32Array,
  keys: Float64Array,
  from: number,
  to: number,
  compare: Compare,
): void {
  for (let i = from + 1; i < to; i++) {
    const index = order[i];
    const key = keys[i];
    let place = i;
    for (; place > from; place--) {
      const before = keys[place - 1];
      if (before < key || (before === key && compare(order[place - 1], index) <= 0)) break;
      order[place] = order[place - 1];
      keys[place] = before;
    }
    order[place] = index;
    keys[place] = key;
  }
}

/** Merges two runs of `source`: up to `middle`, and from there up to `end`. */
function merge(
  source: Side,
  target: Side,
  from: number,
  middle: number,
  end: number,
  compare: Compare,
): void {
  const { order, keys } = source;
  const { order: toOrder, keys: toKeys } = target;
  let left = from;
  let right = middle;
  let place = from;
  while (left < middle && right < end) {
    const a = keys[left];
    const b = keys[right];
    const isLeft = a < b || (a === b && compare(order[left], order[right]) <= 0);
    toKeys[place] = isLeft ? a : b;
    toOrder[place++] = isLeft ? order[left++] : order[right++];
  }
  const rest = left < middle ? left : right;
  const restEnd = left < middle ? middle : end;
  for (let i = rest; i < restEnd; i++, place++) {
    toKeys[place] = keys[i];
    toOrder[place] = order[i];
  }
}
