/**
 * Releases: one table of their differences (`behaviours.ts`), the kernel of a machine (`kernels.ts`), and
 * reading a kernel tree's version.
 *
 * State: none; `machine.kernel` is a record of booleans, and no other code checks for a release by name. Tests:
 * `kernels_test.ts`, `tests/releases_test.ts`.
 *
 * Other workspace members use these exports:
 */
export {
  type Behaviour,
  type BehaviourName,
  BEHAVIOURS,
  DEFAULT_KERNEL,
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  type KernelProfile,
  OLDER_WAYS,
  type OlderWay,
  type QuirkName,
  QUIRKS,
  type QuirkSet,
  RELEASES,
  type ReleaseSpan,
} from "./behaviours.ts";
export {
  checkMost,
  kernelOf,
  KNOWN_TREES,
  MODULE_FOLDER,
  NESTED,
  TreeError,
  type TreeFiles,
  type TreeFolders,
  treePath,
  type TreeVersion,
  versionOf,
} from "./kernel_tree.ts";
export {
  differencesOf,
  hasBehaviour,
  hasFeature,
  isQuirkName,
  type Kernel,
  type KernelConfig,
  type KernelName,
  kernelNamed,
  type KernelRelease,
  KERNELS,
  nearestReleases,
  NotInReleaseError,
  QUIRK_NAMES,
  quirksOf,
  type ReleaseDifference,
  releaseWith,
  requireAttributes,
  requireFeature,
  resolveKernel,
} from "./kernels.ts";
export * from "./behaviours.ts";
export * from "./not_simulated.ts";
