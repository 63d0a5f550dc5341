/** Links files of a tree as a module that runs beside the model. */
import { IR, withStorage } from "../../c_drivers/tree/ir.ts";
import {
  Layout,
  layoutError,
  layoutSource,
  type LayoutWanted,
} from "../../c_drivers/tree/layout.ts";
import { TreeError } from "../../c_drivers/tree/tree_files.ts";
import { TREE_ARGUMENTS } from "../../c_drivers/tree/unit.ts";
import { firstError, moduleFlag, type TreeBuild } from "../c/tree_build.ts";
import type { LinkedTree } from "./tree_module.ts";

/** What a module is made of. */
export interface Parts {
  /** Files of the tree. */
  readonly files: readonly string[];
  /** C code that is compiled with the tree, and may read what `layout` reads. */
  readonly text: string;
  readonly layout: LayoutWanted;
}

/** What stands for a file of the tree. */
const OWN = "lab/own.c";
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

/** @throws {TreeError} */
export async function linkTree(build: TreeBuild, parts: Parts): Promise<LinkedTree> {
  const settings = build.settings(parts.files);
  await build.checkSettings(settings);
  const args = [...TREE_ARGUMENTS, ...moduleFlag(settings), ...IR];
  const objects: Record<string, string> = {};
  const decoder = new TextDecoder();
  for (const path of parts.files) {
    const { module, said } = await build.compile(await build.unit(path, settings), args);
    if (module === null) throw new TreeError(`${path} does not compile`, firstError(said));
    objects[`${path.replaceAll("/", "-")}.ll`] = withStorage(decoder.decode(module));
  }
  const text = `${layoutSource(parts.layout)}${parts.text}`;
  const own = await build.compile(await build.unit(OWN, settings, { [OWN]: text }), args);
  if (own.module === null) throw layoutError(build.version.name, own.said);
  const table = decoder.decode(own.module);
  objects["own.ll"] = withStorage(table);
  const linked = await build.clang.run([...LINKING, ...Object.keys(objects)], objects, "tree.wasm");
  if (linked.module === null) {
    throw new TreeError(`${parts.files[0]} does not link`, firstError(linked.said));
  }
  const module = new WebAssembly.Module(linked.module);
  return { module, layout: new Layout(parts.layout, table) };
}
