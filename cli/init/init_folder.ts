/** `dmalab init`: what a folder of scenarios needs to begin. */
import { fromFileUrl, join } from "@std/path";
import { host } from "../host.ts";
import { OWN_PACKAGE } from "../package/places.ts";
import { FAILED_TESTS, HISTORY, OWN_FOLDER } from "../own_folder.ts";
import { INIT_FILES } from "./init_files.ts";

export type InitOutcome =
  | { readonly done: true; readonly written: readonly string[] }
  | { readonly done: false; readonly problem: string };

/** Writes the package into a folder. @returns What went wrong; null when nothing did. */
export type PutPackage = (folder: string) => Promise<string | null>;

/**
 * Writes the files and the package they need; nothing when one of the files is there already.
 *
 * @param putPackage Where the package comes from: the one that runs, or in a checkout a new one.
 */
export async function initFolder(
  folder: string,
  putPackage: PutPackage = OWN_PACKAGE === null ? buildHere : copyOwn,
): Promise<InitOutcome> {
  try {
    const names = Object.keys(INIT_FILES);
    const there = [...names, OWN_FOLDER].filter((name) => exists(join(folder, name)));
    if (there.length > 0) {
      return {
        done: false,
        problem: `"${folder}" has ${there.join(" and ")} already; nothing was written`,
      };
    }
    const problem = await putPackage(join(folder, OWN_FOLDER));
    if (problem !== null) return { done: false, problem };
    for (const name of names) {
      const path = join(folder, name);
      host.mkdirSync(join(path, ".."), { recursive: true });
      host.writeTextFileSync(path, INIT_FILES[name]!, { createNew: true });
    }
    return { done: true, written: [...names, OWN_FOLDER] };
  } catch (error) {
    if (error instanceof host.errors.NotCapable) {
      const andRun = OWN_PACKAGE === null ? " and to run Deno, which makes the package" : "";
      const flags = OWN_PACKAGE === null ? "-R -W --allow-run" : "-R -W";
      return {
        done: false,
        problem: `Not allowed to write "${folder}"${andRun}: start dmalab with ${flags}`,
      };
    }
    if (error instanceof Error) {
      return { done: false, problem: `Cannot start a folder at "${folder}": ${error.message}` };
    }
    throw error;
  }
}

/** In a checkout. By a computed path, so that the package does not carry what builds packages. */
async function buildHere(folder: string): Promise<string | null> {
  const builder = new URL("../package/build_package.ts", import.meta.url).href;
  const { buildPackage } = await import(builder) as typeof import("../package/build_package.ts");
  const built = buildPackage(folder);
  return built.done ? null : built.problem;
}

function copyOwn(folder: string): Promise<null> {
  copyFolder(fromFileUrl(OWN_PACKAGE!), folder);
  return Promise.resolve(null);
}

/** What others put into the package's folder: a package manager, and dmalab itself as it is used. */
const NOT_OURS: ReadonlySet<string> = new Set(["node_modules", HISTORY, FAILED_TESTS]);

/** Copies the package's folder, or one in it. */
function copyFolder(from: string, folder: string): void {
  host.mkdirSync(folder, { recursive: true });
  for (const { name, isDirectory } of host.readDirSync(from)) {
    if (NOT_OURS.has(name)) continue;
    const [inside, target] = [join(from, name), join(folder, name)];
    if (isDirectory) copyFolder(inside, target);
    // Not a copy of the file's rights: a package manager may have made it read-only.
    else host.writeFileSync(target, host.readFileSync(inside));
  }
}

function exists(path: string): boolean {
  try {
    host.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof host.errors.NotFound || error instanceof host.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
