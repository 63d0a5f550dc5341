/** The result of reading a text: types of the library are made of it, and none of the parser's own. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { FileNode } from "./tree/ast.ts";

export interface ParseResult {
  /** The tree. With errors it holds error nodes and must not be run. */
  readonly file: FileNode;
  readonly diagnostics: readonly Diagnostic[];
  /** The text ends in the middle of something: the REPL asks for more. */
  readonly incomplete: boolean;
}
