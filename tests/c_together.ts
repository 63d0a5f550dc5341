/** Compiling the drivers of several scenarios by one start of the compiler, which takes seconds. */
import { join } from "@std/path";
import { compileWanted } from "../cli/c/compile_wanted.ts";
import { HostLoader } from "../cli/host_loader.ts";
import { loadProgram } from "../lang/language.ts";
import { ROOT } from "./source_text.ts";

/** Afterwards the modules are in the cache, and each scenario takes its own from there. */
export async function compileTogether(paths: readonly string[]): Promise<void> {
  const opened = paths.map((path) => {
    const files = HostLoader.open(join(ROOT, path));
    if (typeof files === "string") throw new Error(files);
    loadProgram(files.entry, files.loader);
    return files.loader;
  });
  await compileWanted(opened);
}
