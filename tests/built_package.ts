/**
 * The npm package, built once for all tests of a run: it takes some seconds, and several processes of
 * the suite want it.
 */
import { join, relative } from "node:path";
import { buildPackage } from "@dmalab/tools/package";
import { filesBelow } from "./source_text.ts";

/** Names the folder that the processes of one run share. */
export const SHARED_FOLDER = "DMALAB_TEST_FOLDER";

/** The package's folder, types included: nothing may be changed in it. */
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

/** A copy of the package of one's own. */
export function putPackage(folder: string): void {
  const built = builtPackage();
  for (const path of filesBelow(built)) {
    const target = join(folder, relative(built, path));
    Deno.mkdirSync(join(target, ".."), { recursive: true });
    Deno.copyFileSync(path, target);
  }
}

/** One that goes when the process ends. */
function temporaryFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-package-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return folder;
}

function build(folder: string): void {
  // Under its name only when it is whole.
  const draft = `${folder}.draft`;
  const problem = buildPackage(draft);
  if (problem !== null) throw new Error(problem);
  Deno.renameSync(draft, folder);
}
