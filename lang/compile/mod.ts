/** What other members use of `lang/compile`. */
export { ProgramCompiler } from "./compile_program.ts";
