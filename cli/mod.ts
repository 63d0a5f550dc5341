/**
 * The command `dmalab`: files, terminal, exit codes. Only this member touches the host, and only
 * through `host.ts`.
 *
 * State: none beyond one process. `extensions.ts` has the extensions that `bin/` provides, and
 * `permissions.ts` says what each command may do. Tests: `tests/cli_test.ts`,
 * `tests/launcher_test.ts`, `tests/hostile/`.
 *
 * Other workspace members use these exports:
 */
export {
  type CompileRequest,
  type FileOfDriver,
  HostCompileCache,
  isCompilerKept,
  isCompilingAllowed,
  keepCompiler,
  type SourceOfTree,
  type WantingLoader,
} from "./compile_cache.ts";
export { parseCommandLine } from "./command_line.ts";
export { host } from "./host.ts";
export { hostReason, isHostError } from "./host_error.ts";
export { currentFolder, readHostBytes, readHostFile, readHostInput } from "./host_file.ts";
export { HostLoader } from "./host_loader.ts";
export { HostMemoryWatch } from "./host_memory.ts";
export { HostTree, ModuleFolder, ModuleTree } from "./host_tree.ts";
export { SignalWatch, withInterrupts } from "./interrupts.ts";
export { isTableRow, readRow } from "./markdown.ts";
export { MemoryScreen } from "./memory_screen.ts";
export { readWholeNumber } from "./numbers.ts";
export {
  areHeadersReadable,
  buildName,
  CAPTURED_REQUESTS,
  COMPILER_CONFIG,
  compilerProgram,
  DOCS,
  EXAMPLES,
  KERNEL_REQUESTS,
  readCompilerLock,
  readGuestSource,
  readHeaders,
  readRulePage,
  readTreeHeaders,
  REPORT_PAGE,
  SUPPORT,
  systemClangProgram,
  TREE_SCENARIOS,
} from "./places.ts";
export { RulePage } from "./explain/rule_book.ts";
export { toItsEnd } from "./process_end.ts";
export { processorMs, threadMs } from "./processor_time.ts";
export { readMatches } from "./read_matches.ts";
export {
  chooseCompiler,
  chosenCompiler,
  CLANG_MAJOR,
  linkerBeside,
  PACKAGED,
  SYSTEM_CLANGS,
} from "./system_clang.ts";
export { loadCompiled, withCompiled } from "./with_compiled.ts";
export * from "./files/mod.ts";
export * from "./host_reading.ts";
