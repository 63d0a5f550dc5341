/** Where a new folder can install dmalab from: what this computer has, since no registry may have it. */
import { host } from "../host.ts";
import { VERSION } from "../package_version.ts";
import { dirname, isInside, join, relative } from "../paths.ts";
import { PACKAGE_FOLDER } from "../places.ts";

/** What npm installs: a packed file, or the folder of a package. */
export interface PackageSource {
  readonly kind: "file" | "folder";
  /** From the new folder, where it is near; else the whole path. */
  readonly path: string;
}

/**
 * The package that can be installed in a folder: the packed file of this version in the folder or
 * one above it or the current one, else the package that runs.
 *
 * @param folder Exists.
 * @param ownPackage The folder of the package that runs; null for sources.
 * @returns Null in a checkout without a built package.
 */
export function packageSource(
  folder: string,
  ownPackage: string | null = PACKAGE_FOLDER,
): PackageSource | null {
  const real = host.realPathSync(folder);
  for (const start of [real, host.cwd()]) {
    for (let above = start;; above = dirname(above)) {
      const path = join(above, `dmalab-${VERSION}.tgz`);
      if (isFile(path)) return { kind: "file", path: nearPath(real, path) };
      if (above === dirname(above)) break;
    }
  }
  return ownPackage === null ? null : { kind: "folder", path: nearPath(real, ownPackage) };
}

/** A relative path, such as `../dist`, below the parent folder; elsewhere the whole path. */
function nearPath(folder: string, path: string): string {
  if (!isInside(path, dirname(folder))) return path;
  const from = relative(folder, path).replaceAll("\\", "/");
  return from.startsWith(".") ? from : `./${from}`;
}

function isFile(path: string): boolean {
  try {
    return host.statSync(path).isFile;
  } catch {
    // Not there, or not for this program to look at.
    return false;
  }
}
