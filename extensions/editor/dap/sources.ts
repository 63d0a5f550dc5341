/** Places of the source, as the client counts lines and writes paths. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Span } from "@dmalab/lang";
import { currentFolder, host } from "@dmalab/cli";
import { resolve, shortPath } from "@dmalab/cli/extend";

/** How a client counts and writes, as it says when it begins. */
interface Form {
  readonly columnsStartAt1?: boolean | undefined;
  readonly linesStartAt1?: boolean | undefined;
  readonly pathFormat?: string | undefined;
}

/** A stretch of a file, in the client's numbers. */
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
  /** Paths that the client has named, by the names of the files. */
  readonly #paths = new Map<string, string>();

  constructor({ columnsStartAt1 = true, linesStartAt1 = true, pathFormat = "path" }: Form) {
    this.#firstLine = linesStartAt1 ? 1 : 0;
    this.#firstColumn = columnsStartAt1 ? 1 : 0;
    this.#areUrls = pathFormat === "uri";
  }

  /** The client's number of a line that is counted from 1. */
  line(line: number): number {
    return line - 1 + this.#firstLine;
  }

  /** A line counted from 1, of the client's number. */
  ownLine(line: number): number {
    return line - this.#firstLine + 1;
  }

  /** How many characters of a line are before the client's column. */
  before(column: number): number {
    return column - this.#firstColumn;
  }

  /** The client's name for a file. @param name As sources are named. */
  source(name: string): DebugProtocol.Source {
    const path = this.#paths.get(name) ??
      resolve(currentFolder(), name);
    const shown = name.slice(name.lastIndexOf("/") + 1);
    return { name: shown, path: this.#areUrls ? pathToFileURL(path).href : path };
  }

  /** The name of the file that a client means; null when it is no file. */
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
