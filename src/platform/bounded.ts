/**
 * Options of an `LRUCache` that remembers as many values as this, and takes room as it fills. With `max` it takes all of
 * it at once, which costs two milliseconds for ten thousand values.
 */
export function atMost(count: number): { readonly maxSize: number; readonly sizeCalculation: () => number } {
  return { maxSize: count, sizeCalculation: () => 1 };
}
