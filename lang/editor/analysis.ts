/** A text as far as it can be understood: what all questions of an editor are about. */
import { understandProgram } from "../language.ts";
import { brokenOff, type UnderstoodProgram } from "../run/program.ts";
import { SourceFile } from "../source.ts";
import type { SourceLoader } from "../syntax/load_files.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { type Occurrence, occurrencesIn } from "./occurrences.ts";

export interface Analysis extends Pick<UnderstoodProgram, "checked" | "diagnostics"> {
  readonly source: SourceFile;
  /** Its tree, with error nodes where the text is broken. */
  readonly file: FileNode;
  /** Every name of the program, by file and place. */
  readonly occurrences: readonly Occurrence[];
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

/** Where the statement of the top level begins that an offset is in. */
export function statementStart({ file }: Analysis, offset: number): number {
  return file.items.findLast(({ span }) => span.start <= offset)?.span.start ?? 0;
}

function analysed(source: SourceFile, loader: SourceLoader): Analysis {
  const { checked, diagnostics, loaded } = understandProgram(source, loader);
  return { source, file: loaded.file, checked, occurrences: occurrencesIn(checked), diagnostics };
}
