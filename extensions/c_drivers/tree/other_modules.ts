/**
 * Other modules that a driver needs: those of an out-of-tree driver's folder, and files of the tree that are
 * compiled along. `load()` starts them before the driver, as the kernel does.
 */
import { missingIn } from "./ir.ts";
import { exitOf, initOf } from "./module_names.ts";

/**
 * The order in which modules start: each module after the modules that it needs.
 *
 * @param roots The driver's own files, in LLVM IR.
 * @param added Linked files, by their paths.
 * @param fileOf Returns the path of the file that defines a name.
 * @param modules Paths of files with an init function.
 */
export function startOrder(
  roots: readonly string[],
  added: ReadonlyMap<string, string>,
  fileOf: (name: string) => string | undefined,
  modules: ReadonlySet<string>,
): readonly string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (texts: readonly string[]): void => {
    for (const name of missingIn(texts)) {
      const path = fileOf(name);
      const text = path === undefined ? undefined : added.get(path);
      if (text === undefined || seen.has(path!)) continue;
      seen.add(path!);
      visit([text]);
      if (modules.has(path!)) order.push(path!);
    }
  };
  visit(roots);
  // Some modules are not called by the file with the init function, but only by the driver's other
  // files.
  for (const [path, text] of added) {
    if (!modules.has(path) || seen.has(path)) continue;
    seen.add(path);
    visit([text]);
    order.push(path);
  }
  return order;
}

/** A line that names an init function. */
const INIT = /^[ \t]*(?:\w+_initcall(?:_sync)?|module_init|(?:builtin|module)_\w*driver)[ \t]*\(/m;

/** Whether a source has an init function. */
export function hasInit(text: string): boolean {
  return INIT.test(text);
}

/** A module of the table. */
export interface StartedModule {
  readonly name: string;
  /** Whether it is a part of the kernel: if it does not start, the driver starts nevertheless. */
  readonly isOfTree: boolean;
}

/**
 * The source of the table of modules for `dmalab/bus.c`.
 * @param modules The modules, in the order of their start.
 */
export function modulesSource(modules: readonly StartedModule[]): string {
  const functions = modules.map((_, at) =>
    `int ${initOf(at)}(void) __attribute__((weak));\nvoid ${
      exitOf(at)
    }(void) __attribute__((weak));`
  );
  const rows = modules.map(({ isOfTree, name }, at) =>
    `\t{ ${JSON.stringify(name)}, ${initOf(at)}, ${exitOf(at)}, ${isOfTree} },`
  );
  return [
    "#include <dmalab/bus.h>",
    ...functions,
    "struct lab_module lab_modules[] = {",
    ...rows,
    "\t{ }",
    "};",
    "",
  ].join("\n");
}
