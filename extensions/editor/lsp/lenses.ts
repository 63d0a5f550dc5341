/** What can be done with the tests of a text, above each. */
import type * as Lsp from "vscode-languageserver-protocol/node";
import { outlineOf } from "@dmalab/lang/editor";
import { rangeOf, type Understood } from "./documents.ts";

/** Commands that the editor's side carries out, with the address of the file and a line of the test. */
const COMMANDS = [
  { title: "Run", command: "dmalab.run" },
  { title: "Debug", command: "dmalab.debug" },
  { title: "Report", command: "dmalab.report" },
] as const;

export function lenses({ analysis, uri }: Understood): Lsp.CodeLens[] {
  return outlineOf(analysis).flatMap(({ kind, nameSpan }) => {
    if (kind !== "test" && kind !== "property") return [];
    const range = rangeOf(nameSpan);
    return COMMANDS.map((command) => ({
      range,
      command: { ...command, arguments: [uri, range.start.line + 1] },
    }));
  });
}
