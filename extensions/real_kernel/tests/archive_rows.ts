/**
 * Which modelled releases the kernels of an archive can check: a distribution removes old kernels, and
 * sometimes their modules before their images.
 */
import { KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";

/** A kernel of the archive that can be booted with a driver: one package, or an image with modules. */
export interface ArchiveKernel {
  /** `7.3.4`. */
  readonly release: string;
  readonly packages: readonly string[];
}

export interface ArchiveRow {
  readonly profile: KernelProfile;
  /** The kernel of this release, else one of the series with the nearest number; null without one. */
  readonly kernel: ArchiveKernel | null;
  readonly isExact: boolean;
  /** Images of this release whose modules the archive does not have. */
  readonly withoutModules: readonly string[];
}

export interface ArchiveReport {
  readonly rows: readonly ArchiveRow[];
  /** Kernels that are newer than the newest modelled release. */
  readonly newer: readonly ArchiveKernel[];
}

const IMAGE = /^linux-(image|binary)-(?:unsigned-)?(.+)-amd64(?:-unsigned)?$/;
/** Kernels of another configuration. */
const OTHER = /-(?:cloud|rt)$/;

/** @param listed The output of `apt-cache show` of the archive's packages. */
export function archiveReport(listed: string): ArchiveReport {
  const packages = packagesOf(listed);
  const kernels = new Map<string, ArchiveKernel>();
  const bare: { release: string; name: string }[] = [];
  for (const { dependsOnBinary, name, version } of packages) {
    const [, kind, full] = IMAGE.exec(name) ?? [];
    const release = releaseOf(version);
    // From 7.0 on Debian's `linux-image-…` has no files, and depends on the image and the modules.
    if (full === undefined || release === null || OTHER.test(full) || dependsOnBinary) continue;
    const modules = `linux-modules-${full}-amd64`;
    const needed = kind === "binary" ? [modules] : [];
    const isWhole = needed.every((each) =>
      packages.some((other) => other.name === each && other.version === version)
    );
    if (isWhole) kernels.set(release, { release, packages: [name, ...needed] });
    else bare.push({ release, name });
  }
  const all = [...kernels.values()];
  const newest = numbersOf(KERNEL_NAMES.at(-1)!);
  return {
    rows: KERNEL_NAMES.map((profile) => ({
      profile,
      ...nearestOf(profile, all),
      withoutModules: bare.filter(({ release }) => release === profile).map(({ name }) => name),
    })),
    newer: all.filter(({ release }) => order(numbersOf(release), newest) > 0),
  };
}

function nearestOf(
  profile: KernelProfile,
  kernels: readonly ArchiveKernel[],
): Pick<ArchiveRow, "kernel" | "isExact"> {
  const [major, minor, patch] = numbersOf(profile);
  const distance = ({ release }: ArchiveKernel) => Math.abs(numbersOf(release)[2] - patch);
  const [kernel = null] = kernels.filter(({ release }) => {
    const numbers = numbersOf(release);
    return numbers[0] === major && numbers[1] === minor;
  }).toSorted((one, other) => distance(one) - distance(other));
  return { kernel, isExact: kernel !== null && distance(kernel) === 0 };
}

interface ListedPackage {
  readonly name: string;
  readonly version: string;
  readonly dependsOnBinary: boolean;
}

/** The packages, each version once. */
function packagesOf(listed: string): readonly ListedPackage[] {
  const found = new Map<string, ListedPackage>();
  for (const paragraph of listed.split("\n\n")) {
    const field = (key: string) => new RegExp(`^${key}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
    const [name, version] = [field("Package"), field("Version")];
    const dependsOnBinary = field("Depends").includes("linux-binary-");
    if (name !== "") found.set(`${name} ${version}`, { name, version, dependsOnBinary });
  }
  return [...found.values()];
}

/** The release of a package's version: `7.3-rc7` of `7.3~rc7-1~exp1`. */
function releaseOf(version: string): string | null {
  const [, release, candidate] = /^(\d+\.\d+(?:\.\d+)?)(?:~(rc\d+))?/.exec(version) ?? [];
  return release === undefined
    ? null
    : candidate === undefined
    ? release
    : `${release}-${candidate}`;
}

type Numbers = readonly [number, number, number];

/** A release candidate comes before the release. */
function numbersOf(release: string): Numbers {
  const [, major, minor, patch = "0", candidate] =
    /^(\d+)\.(\d+)(?:\.(\d+))?(?:-rc(\d+))?/.exec(release) ?? [];
  const last = candidate === undefined ? Number(patch) : Number(candidate) / 1000 - 1;
  return [Number(major), Number(minor), last];
}

function order(one: Numbers, other: Numbers): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
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
