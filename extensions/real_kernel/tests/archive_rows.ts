/**
 * Which modelled releases the kernels of an archive can check: a distribution removes old kernels, and
 * sometimes their modules before their images.
 */
import { KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";
import {
  compareReleases,
  kernelsIn,
  type ListedKernel,
  numbersOf,
} from "../list/listed_kernels.ts";

export interface ArchiveRow {
  readonly profile: KernelProfile;
  /** The kernel of this release, else one of the series with the nearest number; null without one. */
  readonly kernel: ListedKernel | null;
  readonly isExact: boolean;
  /** Images of this release whose modules the archive does not have. */
  readonly withoutModules: readonly string[];
}

export interface ArchiveReport {
  readonly rows: readonly ArchiveRow[];
  /** Kernels that are newer than the newest modelled release. */
  readonly newer: readonly ListedKernel[];
}

/** The usual configuration for x86-64, which the rows were captured with. */
function isUsual({ architecture, flavour }: Pick<ListedKernel, "architecture" | "flavour">) {
  return architecture === "amd64" && flavour === "";
}

/** @param listed The output of `apt-cache show` of the archive's packages. */
export function archiveReport(listed: string): ArchiveReport {
  const { kernels, withoutModules } = kernelsIn(listed);
  const all = kernels.filter(isUsual);
  const bare = withoutModules.filter(isUsual);
  return {
    rows: KERNEL_NAMES.map((profile) => ({
      profile,
      ...nearestOf(profile, all),
      withoutModules: bare.filter(({ release }) => release === profile).map(({ name }) => name),
    })),
    newer: all.filter(({ release }) => compareReleases(release, KERNEL_NAMES.at(-1)!) > 0),
  };
}

function nearestOf(
  profile: KernelProfile,
  kernels: readonly ListedKernel[],
): Pick<ArchiveRow, "kernel" | "isExact"> {
  const [major, minor, patch] = numbersOf(profile);
  const distance = ({ release }: ListedKernel) => Math.abs(numbersOf(release)[2] - patch);
  const [kernel = null] = kernels.filter(({ release }) => {
    const numbers = numbersOf(release);
    return numbers[0] === major && numbers[1] === minor;
  }).toSorted((one, other) => distance(one) - distance(other));
  return { kernel, isExact: kernel !== null && distance(kernel) === 0 };
}

/** One line for each row, then what is newer. */
export function archiveText({ newer, rows }: ArchiveReport): string {
  const lines = rows.map(({ isExact, kernel, profile, withoutModules }) => {
    const gone = withoutModules.length === 0
      ? ""
      : `; without modules: ${withoutModules.join(", ")}`;
    const by = kernel === null
      ? "no kernel of the series"
      : `${isExact ? "" : `only ${kernel.release}: `}${kernel.packages.join(", ")}`;
    return `${profile.padEnd(10)} ${by}${gone}`;
  });
  const later = newer.length === 0
    ? "nothing is newer than the newest modelled release"
    : `newer than the newest modelled release: ${newer.map(({ release }) => release).join(", ")}`;
  return `${[...lines, later].join("\n")}\n`;
}
