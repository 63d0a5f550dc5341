/** Words of users, which an extension can have, too. */

/** A word of users. */
export interface UserWord {
  /** As users write it. `iommu.strict=` stands for every value; one with a value is looked for first. */
  readonly words: readonly string[];
  /** Where it stands: a file of sysfs or debugfs, or the kernel's command line. */
  readonly place: string;
  /** Sentences: what it is or does. */
  readonly doc: string;
  /** Names that `dmalab explain` knows, the nearest first. */
  readonly see: readonly string[];
}
