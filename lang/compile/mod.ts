/**
 * Compiles a checked tree into flat bytecode with tables. Tests: `compile_test.ts`.
 *
 * What other members use:
 */
export { ProgramCompiler } from "./compile_program.ts";
export { literalValue } from "./function_compiler.ts";
