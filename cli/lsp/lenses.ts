/** What can be done with the tests of a text, above each. */
import type * as Lsp from "vscode-languageserver-protocol/node";
import { outlineOf } from "../../lang/editor/outline.ts";
import { rangeOf, type Understood } from "./documents.ts";

/** Commands that the editor's side carries out, with the address of the file and the test's name. */
const RUN = { title: "Run", command: "dmalab.run" };
const DEBUG = { title: "Debug", command: "dmalab.debug" };

export function lenses({ analysis, uri }: Understood): Lsp.CodeLens[] {
  return outlineOf(analysis).flatMap(({ kind, name, nameSpan }) => {
    if (kind !== "test" && kind !== "property" && kind !== "bench") return [];
    // A bench is measured by a command of its own, and has no run to go through.
    return (kind === "bench" ? [RUN] : [RUN, DEBUG]).map((command) => ({
      range: rangeOf(nameSpan),
      command: { ...command, arguments: [uri, name, kind] },
    }));
  });
}
