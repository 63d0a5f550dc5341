/** What other members use of `lang`. */
export { type Addition, Laboratory, laboratory, PLAIN, type TextOptions } from "./laboratory.ts";
export {
  checkProgram,
  loadForDebugging,
  loadProgram,
  loadProgramOn,
  loadText,
} from "./language.ts";
export { isInside, SourceFile, type Span, spanPlace, spanText } from "./source.ts";
