/** Makes the tree's own allocator a module that runs beside the model. */
import { IR, withStorage } from "../../c_drivers/tree/ir.ts";
import { Layout, layoutError, layoutSource } from "../../c_drivers/tree/layout.ts";
import { TreeError } from "../../c_drivers/tree/tree_files.ts";
import { TREE_ARGUMENTS } from "../../c_drivers/tree/unit.ts";
import { firstError, moduleFlag, type TreeBuild } from "../c/tree_build.ts";
import {
  ALLOCATOR_FILES,
  ALLOCATOR_LAYOUT,
  ALLOCATOR_TEXT,
  TreeAllocator,
} from "./tree_allocator.ts";

/** What stands for a file of the tree, in the folder of the first one. */
const OWN = "lab/allocator.c";
const LINKING: readonly string[] = [
  "--target=wasm64",
  "-mbulk-memory",
  "-O1",
  "-nostdlib",
  "-Xclang",
  "-disable-llvm-passes",
  "-Wno-override-module",
  ...["--no-entry", "--allow-undefined", "--export-all", "--export-table", "--stack-first"]
    .map((option) => `-Wl,${option}`),
  "-Wl,-z,stack-size=1048576",
];

/** @returns What makes an allocator. @throws {TreeError} */
export async function buildTreeAllocator(build: TreeBuild): Promise<() => TreeAllocator> {
  const settings = build.settings(ALLOCATOR_FILES);
  await build.checkSettings(settings);
  const args = [...TREE_ARGUMENTS, ...moduleFlag(settings), ...IR];
  const objects: Record<string, string> = {};
  const decoder = new TextDecoder();
  for (const path of ALLOCATOR_FILES) {
    const { module, said } = await build.compile(await build.unit(path, settings), args);
    if (module === null) throw new TreeError(`${path} does not compile`, firstError(said));
    objects[`${path.replaceAll("/", "-")}.ll`] = withStorage(decoder.decode(module));
  }
  const text = `${layoutSource(ALLOCATOR_LAYOUT)}${ALLOCATOR_TEXT}`;
  const own = await build.compile(await build.unit(OWN, settings, { [OWN]: text }), args);
  if (own.module === null) throw layoutError(build.version.name, own.said);
  const table = decoder.decode(own.module);
  objects["allocator.ll"] = withStorage(table);
  const linked = await build.clang.run([...LINKING, ...Object.keys(objects)], objects, "tree.wasm");
  if (linked.module === null) {
    throw new TreeError("The tree's allocator does not link", firstError(linked.said));
  }
  const module = new WebAssembly.Module(linked.module);
  const layout = new Layout(ALLOCATOR_LAYOUT, table);
  return () => new TreeAllocator(module, layout);
}
