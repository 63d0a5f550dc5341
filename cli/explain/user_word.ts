/** Words from outside dmalab that users search for. An extension can add some. */

/** A word from outside dmalab, such as a name in sysfs, debugfs or the kernel's command line. */
export interface UserWord {
  /**
   * The spellings of the word. `iommu.strict=` represents every value; a spelling that contains
   * a value is tried before it.
   */
  readonly words: readonly string[];
  /** Where users find the word, such as a file of sysfs or debugfs, or the kernel's command line. */
  readonly place: string;
  /** Sentences about the meaning of the word. */
  readonly doc: string;
  /** Names that `dmalab explain` knows, the closest in meaning first. */
  readonly see: readonly string[];
}
