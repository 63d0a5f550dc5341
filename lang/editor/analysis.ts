/** A text as far as it can be understood: what all questions of an editor are about. */
import { understandProgram } from "../language.ts";
import type { FileVersions } from "../run/file_versions.ts";
import { brokenOff, type UnderstoodProgram } from "../run/program.ts";
import { SourceFile } from "../source.ts";
import type { SourceLoader } from "../syntax/load_files.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { type Occurrence, occurrencesIn } from "./occurrences.ts";

/** What is known of a text. */
export class Analysis {
  readonly checked: UnderstoodProgram["checked"];
  readonly diagnostics: UnderstoodProgram["diagnostics"];
  /** Its tree, with error nodes where the text is broken. */
  readonly file: FileNode;
  #occurrences: readonly Occurrence[] | null = null;

  constructor(readonly source: SourceFile, { checked, diagnostics, loaded }: UnderstoodProgram) {
    this.checked = checked;
    this.diagnostics = diagnostics;
    this.file = loaded.file;
  }

  /**
   * Every name of the program, by file and place. They are looked for at the first request: of most
   * versions of a text only the mistakes are wanted.
   */
  get occurrences(): readonly Occurrence[] {
    return this.#occurrences ??= occurrencesIn(this.checked);
  }
}

/**
 * Reads a text and the files that it uses. Never throws, whatever the text.
 *
 * @param versions The versions of the text so far: declarations that did not change are not read
 * again. Analyses of earlier versions must not be used any more.
 */
export function analyse(
  source: SourceFile,
  loader: SourceLoader,
  versions: FileVersions | null = null,
): Analysis {
  try {
    return analysed(source, loader, versions);
  } catch (error) {
    versions?.forget();
    // Nothing is known of a text that is too much for the host.
    const diagnostics = [brokenOff(error, source)];
    const empty = understandProgram(new SourceFile(source.name, ""), loader);
    return new Analysis(source, { ...empty, diagnostics });
  }
}

/** Where the statement of the top level begins that an offset is in. */
export function statementStart({ file }: Analysis, offset: number): number {
  return file.items.findLast(({ span }) => span.start <= offset)?.span.start ?? 0;
}

function analysed(
  source: SourceFile,
  loader: SourceLoader,
  versions: FileVersions | null,
): Analysis {
  return new Analysis(source, understandProgram(source, loader, versions));
}
