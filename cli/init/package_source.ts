/**
 * Finds the package from which a new folder can install dmalab. The package is a file or folder of
 * this computer, because a registry may not have dmalab.
 */
import { host } from "../host.ts";
import { VERSION } from "../package_version.ts";
import { dirname, isInside, join, relative } from "../paths.ts";
import { PACKAGE_FOLDER } from "../places.ts";

/** A package that npm can install: a packed file, or a folder. */
export interface PackageSource {
  readonly kind: "file" | "folder";
  /** The path, relative to the new folder if the package is near that folder, else absolute. */
  readonly path: string;
}

/**
 * The package to install in a folder: a packed file of this version in the folder, in the current
 * folder, or in a folder above one of the two. Without such a file, the package that is running.
 *
 * @param folder An existing folder.
 * @param ownPackage The folder of the package that is running; null for sources.
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

/**
 * The path of a package relative to a folder, such as `../dist`, if the package is below the
 * folder's parent; otherwise the absolute path.
 */
function nearPath(folder: string, path: string): string {
  if (!isInside(path, dirname(folder))) return path;
  const from = relative(folder, path).replaceAll("\\", "/");
  return from.startsWith(".") ? from : `./${from}`;
}

function isFile(path: string): boolean {
  try {
    return host.statSync(path).isFile;
  } catch {
    // The file does not exist, or dmalab may not access it.
    return false;
  }
}
