/** Other workspace members use these exports of `extensions/c_drivers/tree`. */
export { Architectures, withoutAssembler } from "./architecture.ts";
export { boundsHeader, generatedHeaders } from "./generated.ts";
export {
  asFurther,
  type BlockMarks,
  IR,
  pointersIn,
  withMarks,
  withRounds,
  withStorage,
} from "./ir.ts";
export { closureOf, readKconfig } from "./kconfig.ts";
export { layoutError, layoutSource, type LayoutWanted, TreeLayout } from "./layout.ts";
export { ModuleLines } from "../wasm/module_lines.ts";
export { companionsOf, exportsIn, requestFilesOf, siblingsOf } from "./library.ts";
export { Makefiles } from "./makefile.ts";
export { RunFiles } from "./run_files.ts";
export { settingsFor } from "./settings.ts";
export { TreeReading } from "./tree_reading.ts";
export { TREE_ARGUMENTS, Units } from "./unit.ts";
