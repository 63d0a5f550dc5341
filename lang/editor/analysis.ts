/** A text, parsed and checked as far as possible: the basis of all requests of an editor. */
import { understandProgram } from "../language.ts";
import type { FileVersions } from "../run/file_versions.ts";
import { brokenOff, type UnderstoodProgram } from "../run/program.ts";
import { SourceFile } from "../source.ts";
import type { SourceLoader } from "../syntax/load_files.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { type Occurrence, occurrencesIn } from "./occurrences.ts";

/** The results of reading a text. */
export class Analysis {
  readonly checked: UnderstoodProgram["checked"];
  readonly diagnostics: UnderstoodProgram["diagnostics"];
  /** The text's tree, with error nodes where the text has errors. */
  readonly file: FileNode;
  #occurrences: readonly Occurrence[] | null = null;

  constructor(readonly source: SourceFile, { checked, diagnostics, loaded }: UnderstoodProgram) {
    this.checked = checked;
    this.diagnostics = diagnostics;
    this.file = loaded.file;
  }

  /**
   * Every name of the program, by file and location. It is computed at the first access, because
   * for most versions of a text only the diagnostics are requested.
   */
  get occurrences(): readonly Occurrence[] {
    return this.#occurrences ??= occurrencesIn(this.checked);
  }
}

/**
 * Parses a text and the files that it uses. Never throws, whatever the text.
 *
 * @param versions The earlier versions of the text: declarations that did not change are not parsed
 *   again. Analyses of earlier versions must not be used any more.
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
    // A text that exceeds a limit of the host is treated as empty.
    const diagnostics = [brokenOff(error, source)];
    const empty = understandProgram(new SourceFile(source.name, ""), loader);
    return new Analysis(source, { ...empty, diagnostics });
  }
}

/** The beginning of the top-level statement that contains an offset. */
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
