/**
 * Releases: what each does otherwise (`differences.ts`), its defects (`quirks.ts`), and reading a kernel tree's version.
 *
 * State: none; a machine is built with the strategies of its release, and no other code asks for one by name.
 * Proof: `kernels_test.ts`, `tests/releases_test.ts`.
 *
 * What other members use:
 */
export { differencesOf, type ReleaseDifference } from "./differences.ts";
export { hasFeature, NotInReleaseError, requireAttributes, requireFeature } from "./features.ts";
export {
  checkMost,
  kernelOf,
  KNOWN_TREES,
  NESTED,
  TreeError,
  type TreeFiles,
  type TreeFolders,
  treePath,
  type TreeVersion,
  versionOf,
} from "./kernel_tree.ts";
export {
  DEFAULT_KERNEL,
  type Kernel,
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  type KernelConfig,
  type KernelName,
  kernelNamed,
  type KernelProfile,
  type KernelRelease,
  KERNELS,
  type KernelStrategies,
  type Releases,
  resolveKernel,
  rulesOf,
  type RuleWatch,
} from "./kernels.ts";
export { NOT_SIMULATED } from "./not_simulated.ts";
export { isQuirkName, QUIRK_NAMES, type QuirkName, QUIRKS, type QuirkSet } from "./quirks.ts";
