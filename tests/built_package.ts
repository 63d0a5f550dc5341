/**
 * Builds the npm package once for all tests of a run, because building takes some seconds, and
 * several processes of the suite need the package.
 */
import { join, relative } from "node:path";
import { buildPackage } from "@dmalab/tools/package";
import { filesBelow } from "./source_text.ts";

/** Environment variable with the folder that the processes of one run share. */
export const SHARED_FOLDER = "DMALAB_TEST_FOLDER";

/** The package's folder, with types. Callers must not change it. */
export function builtPackage(): string {
  const shared = Deno.env.get(SHARED_FOLDER);
  const folder = join(shared ?? temporaryFolder(), "package");
  if (shared === undefined) {
    build(folder);
    return folder;
  }
  const lock = Deno.openSync(`${folder}.lock`, { write: true, create: true });
  try {
    lock.lockSync(true);
    if (filesBelow(folder).length === 0) build(folder);
    return folder;
  } finally {
    lock.close();
  }
}

/** Copies the package to a folder that the caller may change. */
export function putPackage(folder: string): void {
  const built = builtPackage();
  for (const path of filesBelow(built)) {
    const target = join(folder, relative(built, path));
    Deno.mkdirSync(join(target, ".."), { recursive: true });
    Deno.copyFileSync(path, target);
  }
}

/** A folder that is removed when the process ends. */
function temporaryFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-package-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return folder;
}

function build(folder: string): void {
  // The package gets its final name when it is complete.
  const draft = `${folder}.draft`;
  const problem = buildPackage(draft);
  if (problem !== null) throw new Error(problem);
  Deno.renameSync(draft, folder);
}
