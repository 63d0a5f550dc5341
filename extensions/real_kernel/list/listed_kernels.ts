/** Kernels in a machine's package lists, as Debian names them. */

/** A kernel that can be booted with a driver: one package, or an image with its modules. */
export interface ListedKernel {
  /** `7.3.4`. */
  readonly release: string;
  /** `amd64` or `arm64`. */
  readonly architecture: string;
  /** What the release is built as: `rt`; empty for the usual configuration. */
  readonly flavour: string;
  /** The package with the kernel image, and the package with its modules if they are apart. */
  readonly packages: readonly string[];
}

/** An image for which the lists have no modules. */
export type ImageWithoutModules = Pick<ListedKernel, "release" | "architecture" | "flavour"> & {
  readonly name: string;
};

export interface ListedKernels {
  /** From the oldest release to the newest. */
  readonly kernels: readonly ListedKernel[];
  readonly withoutModules: readonly ImageWithoutModules[];
}

const IMAGE = /^linux-(image|binary)-(?:unsigned-)?(.+)-(amd64|arm64)(?:-unsigned)?$/;
/** The end of a name that tells the configuration. */
const FLAVOUR = /-(rt|cloud|16k)$/;
/** The configuration of virtual machines has no driver for a disk on PCI. */
const WITHOUT_DRIVERS = "cloud";

/** @param listed The output of `apt-cache show` of the lists' kernels. */
export function kernelsIn(listed: string): ListedKernels {
  const packages = packagesOf(listed);
  const versions = new Set(packages.map(({ name, version }) => `${name} ${version}`));
  const kernels = new Map<string, ListedKernel>();
  const withoutModules: ImageWithoutModules[] = [];
  for (const { dependsOnBinary, name, version } of packages) {
    const [, kind, full, architecture] = IMAGE.exec(name) ?? [];
    const release = releaseOf(version);
    // From 7.0 on Debian's `linux-image-…` has no files, and depends on the image and the modules.
    if (full === undefined || release === null || dependsOnBinary) continue;
    const flavour = FLAVOUR.exec(full)?.[1] ?? "";
    if (flavour === WITHOUT_DRIVERS) continue;
    const kernel = { release, architecture: architecture!, flavour };
    const modules = `linux-modules-${full}-${architecture}`;
    const needed = kind === "binary" ? [modules] : [];
    if (needed.every((each) => versions.has(`${each} ${version}`))) {
      kernels.set(JSON.stringify(kernel), { ...kernel, packages: [name, ...needed] });
    } else withoutModules.push({ ...kernel, name });
  }
  return {
    kernels: [...kernels.values()].toSorted((one, other) =>
      compareReleases(one.release, other.release) ||
      // The usual configuration is the last of its release.
      Number(one.flavour === "") - Number(other.flavour === "")
    ),
    withoutModules,
  };
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

/** The numbers of a release. A release candidate comes before the release. */
export function numbersOf(release: string): readonly [major: number, minor: number, patch: number] {
  const [, major, minor, patch = "0", candidate] =
    /^(\d+)\.(\d+)(?:\.(\d+))?(?:-rc(\d+))?/.exec(release) ?? [];
  const last = candidate === undefined ? Number(patch) : Number(candidate) / 1000 - 1;
  return [Number(major), Number(minor), last];
}

/** Less than 0 if one release is older than another. */
export function compareReleases(one: string, other: string): number {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
