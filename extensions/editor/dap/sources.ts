/** Converts the lines and paths of source locations between the client's form and dmalab's form. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Span } from "@dmalab/lang";
import { currentFolder, host } from "@dmalab/cli";
import { resolve, shortPath } from "@dmalab/cli/extend";

/** The client's conventions for lines, columns and paths, from its first request. */
interface Form {
  readonly columnsStartAt1?: boolean | undefined;
  readonly linesStartAt1?: boolean | undefined;
  readonly pathFormat?: string | undefined;
}

/** A range in a file, in the client's numbers. */
export interface SourceLocation {
  readonly source: DebugProtocol.Source;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export class Sources {
  readonly #firstLine: number;
  readonly #firstColumn: number;
  readonly #areUrls: boolean;
  /** Paths used by the client, by the names of the files. */
  readonly #paths = new Map<string, string>();

  constructor({ columnsStartAt1 = true, linesStartAt1 = true, pathFormat = "path" }: Form) {
    this.#firstLine = linesStartAt1 ? 1 : 0;
    this.#firstColumn = columnsStartAt1 ? 1 : 0;
    this.#areUrls = pathFormat === "uri";
  }

  /** The client's number for a line counted from 1. */
  line(line: number): number {
    return line - 1 + this.#firstLine;
  }

  /** The line, counted from 1, for the client's number. */
  ownLine(line: number): number {
    return line - this.#firstLine + 1;
  }

  /** Number of characters before the client's column. */
  before(column: number): number {
    return column - this.#firstColumn;
  }

  /** The client's name for a file. @param name The source's name. */
  source(name: string): DebugProtocol.Source {
    const path = this.#paths.get(name) ??
      resolve(currentFolder(), name);
    const shown = name.slice(name.lastIndexOf("/") + 1);
    return { name: shown, path: this.#areUrls ? pathToFileURL(path).href : path };
  }

  /** The name of the file to which the client refers; null if the path does not lead to a file. */
  fileOf({ path }: { readonly path: string | undefined }): string | null {
    if (path === undefined) return null;
    try {
      const own = path.startsWith("file:") ? fileURLToPath(path) : path;
      const name = shortPath(host.realPathSync(own), currentFolder());
      this.#paths.set(name, own);
      return name;
    } catch {
      return null;
    }
  }

  place({ end, source, start }: Span): SourceLocation {
    const first = source.position(start);
    const last = source.position(end);
    return {
      source: this.source(source.name),
      line: this.line(first.line),
      column: first.column - 1 + this.#firstColumn,
      endLine: this.line(last.line),
      endColumn: last.column - 1 + this.#firstColumn,
    };
  }
}
