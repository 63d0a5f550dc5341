/** The result of reading a text, in types for callers: without types of the parser library. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { FileNode } from "./tree/ast.ts";

export interface ParseResult {
  /** The tree. With errors it contains error nodes and must not be run. */
  readonly file: FileNode;
  readonly diagnostics: readonly Diagnostic[];
  /** True if the text ends in the middle of a construct: the REPL then reads another line. */
  readonly incomplete: boolean;
}
