/** How many interrupt vectors a driver wants of its device. */

/** The vectors of a device whose driver wants no more. */
const USUAL = 32;
/** The largest table of MSI-X. */
const MOST = 2048;
/** A call with the smallest number of vectors with which the driver goes on. */
const WANTED =
  /\bpci_(?:alloc_irq_vectors(?:_affinity)?\s{0,20}\([^,;]{1,80}|enable_msix_range\s{0,20}\([^,;]{1,80},[^,;]{1,80}|enable_msix_exact\s{0,20}\([^,;]{1,80},[^,;]{1,80}),\s{0,20}(\w+)\s{0,20}[,)]/g;

/**
 * @param texts Sources and headers of the driver.
 * @param constants Constants of these texts, by name.
 */
export function vectorCount(
  texts: readonly string[],
  constants: ReadonlyMap<string, number>,
): number {
  const wanted = texts.flatMap((text) => [...text.matchAll(WANTED)].map(([, word]) => word!))
    .map((word) => constants.get(word) ?? Number(word))
    .filter((count) => Number.isInteger(count) && count <= MOST);
  return Math.max(USUAL, ...wanted);
}
