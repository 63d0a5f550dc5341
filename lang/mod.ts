/**
 * The language: reads the text of a program, checks the program and runs it. `laboratory.ts`
 * defines the machines and names of a script.
 *
 * State: a `Laboratory` is a value; two laboratories are independent. Tests:
 * `tests/examples_test.ts` runs every example, `tests/bad/` has each message.
 *
 * Other workspace members use these exports:
 */
export { type Addition, Laboratory, laboratory, PLAIN, type TextOptions } from "./laboratory.ts";
export {
  checkProgram,
  loadForDebugging,
  loadProgram,
  loadProgramOn,
  loadText,
} from "./language.ts";
export { isInside, SourceFile, type Span, spanPlace, spanText } from "./source.ts";
export * from "./builtins/read_machine.ts";
export * from "./check/mod.ts";
export * from "./compile/mod.ts";
export * from "./machine/mod.ts";
