/** A text as far as it can be understood: what all questions of an editor are about. */
import type { KindInference } from "../check/kinds/kind_inference.ts";
import type { CheckedFiles } from "../check/check_files.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { understandProgram } from "../language.ts";
import { brokenOff } from "../run/program.ts";
import { SourceFile } from "../source.ts";
import type { SourceLoader } from "../syntax/load_files.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { type Occurrence, occurrencesIn } from "./occurrences.ts";

export interface Analysis {
  readonly source: SourceFile;
  /** Its tree, with error nodes where the text is broken. */
  readonly file: FileNode;
  readonly checked: CheckedFiles;
  readonly kinds: KindInference;
  /** Every name of the program, by file and place. */
  readonly occurrences: readonly Occurrence[];
  /** What is wrong with it and with the files that it uses, by file and place. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a text and the files that it uses. Never throws, whatever the text. */
export function analyse(source: SourceFile, loader: SourceLoader): Analysis {
  try {
    return analysed(source, loader);
  } catch (error) {
    // Nothing is known of a text that is too much for the host.
    const empty = analysed(new SourceFile(source.name, ""), loader);
    return { ...empty, source, diagnostics: [brokenOff(error, source)] };
  }
}

function analysed(source: SourceFile, loader: SourceLoader): Analysis {
  const { checked, diagnostics, loaded } = understandProgram(source, loader);
  const occurrences = occurrencesIn(checked);
  return { source, file: loaded.file, checked, kinds: checked.kinds, occurrences, diagnostics };
}
