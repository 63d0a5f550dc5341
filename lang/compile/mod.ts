/**
 * Compiles a checked tree into flat bytecode with tables. Tests: `compile_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { ProgramCompiler } from "./compile_program.ts";
export { literalValue } from "./function_compiler.ts";
