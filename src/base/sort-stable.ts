/** A stable sort of indices by numbers, with a comparison for those whose numbers are equal. */

/** As many neighbours are sorted by insertion before runs are merged. */
const RUN = 8;

/** Sorts `order`, indices into `keys`: by their keys, and by `compare` where those are equal. */
export function sortStable(
  order: Uint32Array,
  keys: Float64Array,
  compare: (a: number, b: number) => number,
): void {
  const { length } = order;
  for (let from = 0; from < length; from += RUN) {
    insertionSort(order, from, Math.min(from + RUN, length), keys, compare);
  }
  let source: Uint32Array = order;
  let target: Uint32Array = new Uint32Array(length);
  for (let run = RUN; run < length; run *= 2) {
    for (let from = 0; from < length; from += run * 2) {
      merge(source, target, from, Math.min(from + run, length), run, keys, compare);
    }
    [source, target] = [target, source];
  }
  if (source !== order) order.set(source);
}

function insertionSort(
  order: Uint32Array,
  from: number,
  to: number,
  keys: Float64Array,
  compare: (a: number, b: number) => number,
): void {
  for (let i = from + 1; i < to; i++) {
    const index = order[i];
    let place = i;
    for (; place > from; place--) {
      const before = order[place - 1];
      const difference = keys[before] - keys[index];
      if (difference < 0 || (difference === 0 && compare(before, index) <= 0)) break;
      order[place] = before;
    }
    order[place] = index;
  }
}

/** Merges the runs that begin at `from` and at `middle`. */
function merge(
  source: Uint32Array,
  target: Uint32Array,
  from: number,
  middle: number,
  run: number,
  keys: Float64Array,
  compare: (a: number, b: number) => number,
): void {
  const end = Math.min(middle + run, source.length);
  let left = from;
  let right = middle;
  for (let place = from; place < end; place++) {
    let takeLeft = right >= end;
    if (!takeLeft && left < middle) {
      const difference = keys[source[left]] - keys[source[right]];
      takeLeft = difference < 0 || (difference === 0 && compare(source[left], source[right]) <= 0);
    }
    target[place] = takeLeft ? source[left++] : source[right++];
  }
}
