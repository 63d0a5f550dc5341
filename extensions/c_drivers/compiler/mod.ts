/** Other workspace members use these exports of `extensions/c_drivers/compiler`. */
export { type Compiled, noDrivers, printProgress } from "./clang.ts";
export { loadPatched } from "./patched.ts";
export { PrecompiledHeaders } from "./precompiled.ts";
export { firstError, moduleFlag, TreeBuild } from "./tree_build.ts";
export { type ClangFiles, SessionClang, type TreeClang } from "./tree_clang.ts";
export { TreeCompiler } from "./system_clang.ts";
