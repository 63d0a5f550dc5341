/** Words of users, which an extension can have, too. */

/** A word of users. */
export interface UserWord {
  /** As users write it. `iommu.strict=` means every value; one with a value is searched first. */
  readonly words: readonly string[];
  /** Its place: a file of sysfs or debugfs, or the kernel's command line. */
  readonly place: string;
  /** Sentences about its meaning. */
  readonly doc: string;
  /** Names that `dmalab explain` knows, the nearest first. */
  readonly see: readonly string[];
}
