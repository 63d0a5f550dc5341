/** The texts that are open in the editor, each with its analysis. */
import { fileURLToPath, pathToFileURL } from "node:url";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Range, TextDocumentContentChangeEvent } from "vscode-languageserver-protocol/node";
import { analyse, type Analysis, FileVersions } from "@dmalab/lang/editor";
import type { Span } from "@dmalab/lang";
import { host, HostLoader, readHostFile, withCompiled } from "@dmalab/cli";

/**
 * A text with its analysis, including the files that the text uses. The analysis is valid until the
 * text is analysed again, because the next version reuses the syntax tree.
 */
export interface Understood {
  readonly uri: string;
  readonly analysis: Analysis;
  readonly loader: HostLoader;
}

/** Largest number of files of a folder that are searched for uses of a name. */
const MAX_FILES = 2000;

export class Documents {
  readonly #open = new Map<string, TextDocument>();
  /** Analyses by URI; dropped when any text changes, since any file may use any other. */
  readonly #understood = new Map<string, Promise<Understood>>();
  readonly #versions = new Map<string, FileVersions>();

  open(uri: string, version: number, text: string): void {
    this.#open.set(uri, TextDocument.create(uri, "dma", version, text));
    this.#versions.set(uri, new FileVersions());
    this.#understood.clear();
  }

  change(uri: string, version: number, changes: TextDocumentContentChangeEvent[]): void {
    const document = this.#open.get(uri);
    if (document === undefined) return;
    TextDocument.update(document, changes, version);
    this.#understood.clear();
  }

  close(uri: string): void {
    this.#open.delete(uri);
    this.#versions.delete(uri);
    this.#understood.clear();
  }

  /** Drops all analyses, because a file on the disk has changed. */
  forget(): void {
    this.#understood.clear();
  }

  get uris(): readonly string[] {
    return [...this.#open.keys()];
  }

  textOf(uri: string): string | undefined {
    return this.#open.get(uri)?.getText();
  }

  versionOf(uri: string): number | undefined {
    return this.#open.get(uri)?.version;
  }

  /** The analysis of an open text, or of a file; null if there is neither. */
  async understand(uri: string): Promise<Understood | null> {
    const text = this.textOf(uri) ?? readText(uri);
    if (text === undefined) return null;
    let known = this.#understood.get(uri);
    if (known === undefined) this.#understood.set(uri, known = this.#read(uri, text));
    return await known;
  }

  async #read(uri: string, text: string): Promise<Understood> {
    const openText = (path: string) => this.textOf(uriOf(path));
    const { entry, loader } = HostLoader.ofEditor(pathOf(uri), text, openText);
    // The earlier versions are not used if the text has changed while a driver was being compiled.
    const versions = () => this.textOf(uri) === text ? this.#versions.get(uri) : undefined;
    const read = () => analyse(entry, loader, versions());
    return { uri, loader, analysis: await withCompiled(loader, read) };
  }

  /** The programs of a folder, open or not, that contain a word. */
  async programsWith(word: string, root: string): Promise<readonly Understood[]> {
    const uris = new Set([...this.uris, ...filesBelow(root)]);
    const found: Understood[] = [];
    for (const uri of uris) {
      const text = this.textOf(uri) ?? readText(uri);
      if (text?.includes(word) !== true) continue;
      const program = await this.understand(uri);
      if (program !== null) found.push(program);
    }
    return found;
  }
}

/**
 * The path of a URI. A URI that names no file of this host is treated as a file of the current
 * folder.
 */
function pathOf(uri: string): string {
  return filePathOf(uri) ?? uri.slice(uri.lastIndexOf("/") + 1);
}

/** The path of a file of this host; null for another scheme, another host, and a broken escape. */
function filePathOf(uri: string): string | null {
  if (!uri.startsWith("file:")) return null;
  try {
    return fileURLToPath(uri);
  } catch {
    return null;
  }
}

function uriOf(path: string): string {
  return pathToFileURL(path).href;
}

function readText(uri: string): string | undefined {
  const path = filePathOf(uri);
  if (path === null) return undefined;
  const file = readHostFile(path);
  return file.found ? file.text : undefined;
}

/** The URIs of the scenarios below a folder, at most {@linkcode MAX_FILES}. */
function filesBelow(root: string): readonly string[] {
  const found: string[] = [];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for (const { isDirectory, name } of host.readDirSync(folder)) {
        const path = `${folder}/${name}`;
        if (isDirectory && !name.startsWith(".") && name !== "node_modules") folders.push(path);
        else if (name.endsWith(".dma")) found.push(uriOf(path));
        if (found.length >= MAX_FILES) return found;
      }
    } catch {
      // Unreadable folders are skipped.
    }
  }
  return found;
}

/** The URI of the file that contains a span. */
export function uriOfSpan({ loader, uri, analysis }: Understood, { source }: Span): string {
  if (source === analysis.source) return uri;
  const path = loader.pathOf(source);
  return path === undefined ? uri : uriOf(path);
}

/** Converts a span to a range of the protocol: lines and columns from 0. */
export function rangeOf({ end, source, start }: Span): Range {
  return { start: positionOf(source, start), end: positionOf(source, end) };
}

export function positionOf(source: Span["source"], offset: number): Range["start"] {
  const { column, line } = source.position(offset);
  return { line: line - 1, character: column - 1 };
}

/**
 * Converts a position to an offset. If the position does not exist, the offset is that of the end
 * of the line or of the text.
 */
export function offsetOf({ analysis: { source } }: Understood, position: Range["start"]): number {
  const { lineStarts, text } = source;
  const start = lineStarts[position.line];
  if (start === undefined) return text.length;
  return start + Math.min(position.character, source.line(position.line + 1).length);
}
