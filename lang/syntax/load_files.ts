/** Reads a script and the files it uses. */
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { SourceFile, type Span } from "../source.ts";
import type { FileNode, UseDeclaration } from "./tree/ast.ts";
import { MAX_TEXT_LENGTH, parse } from "./parse.ts";
import type { ParseResult } from "./parse_result.ts";

/** Why a file could not be had. */
export class LoadError {
  /** Why, in one word for the code, and as a sentence. */
  constructor(
    readonly reason: "not_found" | "outside_root" | "unreadable",
    /** The mistake, as a sentence without a final period. */
    readonly message: string,
    /** How to put it right, where that is known. */
    readonly hint?: string,
  ) {}
}

/**
 * Where files come from. The command line reads them from the disk; tests and a browser page have
 * them in memory.
 */
export interface SourceLoader {
  /**
   * Loads a file that `use` names.
   *
   * Two paths to one file give source files of one name: that is how circles are found.
   *
   * @param path As written.
   * @param from The file that uses it, which the path is relative to; null for the working folder.
   * @param limitBytes A longer file is not read; any when it is left out.
   */
  load(path: string, from: SourceFile | null, limitBytes?: number): SourceFile | LoadError;
}

/** Files that are in memory, by their paths; a path is the same wherever it is used. */
export function memoryFiles(files: Readonly<Record<string, string>> = {}): SourceLoader {
  const sources = new Map<string, SourceFile>();
  return {
    load(path, _from, limitBytes = Infinity) {
      const text = Object.hasOwn(files, path) ? files[path] : undefined;
      if (text === undefined) return new LoadError("not_found", `There is no file "${path}"`);
      if (text.length > limitBytes) return tooLong(path, text.length, limitBytes);
      const source = sources.get(path) ?? new SourceFile(path, text);
      sources.set(path, source);
      return source;
    },
  };
}

/** That a file has more bytes than are read. */
export function tooLong(path: string, sizeBytes: number, limitBytes: number): LoadError {
  return new LoadError(
    "unreadable",
    `Cannot read "${path}": it has ${sizeBytes} bytes, the limit is ${limitBytes}`,
  );
}

/** The use of a file, known by its name. */
export interface FileKind {
  readonly name: RegExp;
  readonly what: string;
}

const SCENARIO: FileKind = { name: /\.dma$/, what: "a scenario (*.dma)" };

/**
 * Why a file is not even read, for its name: a message about its text would show a line of whatever it
 * is. Null where nothing is wrong with it.
 */
export function misnamed(path: string, { name, what }: FileKind): LoadError | null {
  return name.test(path)
    ? null
    : new LoadError("unreadable", `Cannot use "${path}": it is not named as ${what} is`);
}

/** Loads the file that a text names, from the folder of the file around it; null after an error. */
export function loadNamedFile(
  path: string,
  span: Span,
  loader: SourceLoader,
  bag: DiagnosticBag,
  { kind, limitBytes }: { readonly kind?: FileKind; readonly limitBytes?: number } = {},
): SourceFile | null {
  if (/^([/\\]|[A-Za-z][A-Za-z0-9+.-]*:)/.test(path)) {
    bag.error(
      "E0702",
      span,
      `Cannot use "${path}": the path must be relative to this file`,
      'write it from this file\'s folder, as "lib/name" or "../name"',
    );
    return null;
  }
  const source = (kind === undefined ? null : misnamed(path, kind)) ??
    loader.load(path, span.source, limitBytes);
  if (!(source instanceof LoadError)) return source;
  const code = { not_found: "E0701", outside_root: "E0702", unreadable: "E0706" } as const;
  bag.error(code[source.reason], span, source.message, source.hint);
  return null;
}

export interface LoadedFile {
  readonly file: FileNode;
  readonly uses: readonly { readonly declaration: UseDeclaration; readonly loaded: LoadedFile }[];
}

/** Files that may use one another in a row, files of one program, and characters of all of them. */
const MAX_DEPTH = 100;
const MAX_FILES = 1000;
const MAX_CHARACTERS = MAX_TEXT_LENGTH;

/** Reads and parses a file with all it uses. Each file is read once, however often it is used. */
export class FileLoader {
  readonly #known = new Map<string, LoadedFile>();
  readonly #pending: SourceFile[] = [];
  /** Every file so far, each after those it uses. */
  readonly files: LoadedFile[] = [];
  #characters = 0;
  #isFull = false;

  constructor(readonly loader: SourceLoader, readonly bag: DiagnosticBag) {}

  /** @param read Parses the file itself; used files are parsed as always. */
  load(source: SourceFile, read: (source: SourceFile) => ParseResult = parse): LoadedFile {
    const { diagnostics, file } = read(source);
    for (const diagnostic of diagnostics) this.bag.add(diagnostic);
    this.#pending.push(source);
    const loaded = this.withUses(file);
    this.#pending.pop();
    this.#known.set(source.name, loaded);
    return loaded;
  }

  withUses(file: FileNode): LoadedFile {
    const uses: { declaration: UseDeclaration; loaded: LoadedFile }[] = [];
    for (const declaration of file.items) {
      if (declaration.kind !== "Use") continue;
      const loaded = this.#use(declaration);
      if (loaded !== null) uses.push({ declaration, loaded });
    }
    const loaded = { file, uses };
    this.files.push(loaded);
    return loaded;
  }

  #use(declaration: UseDeclaration): LoadedFile | null {
    const { path, pathSpan } = declaration;
    const source = loadNamedFile(path, pathSpan, this.loader, this.bag, { kind: SCENARIO });
    if (source === null) return null;
    const known = this.#known.get(source.name);
    if (known !== undefined) return known;
    const circle = this.#pending.findIndex(({ name }) => name === source.name);
    if (circle >= 0) {
      const way = this.#pending.slice(circle).map(({ name }) => name);
      this.bag.error(
        "E0703",
        pathSpan,
        `Circular \`use\`: ${[...way, source.name].join(" → ")}`,
      );
      return null;
    }
    const tooMuch = this.#tooMuch(source);
    if (tooMuch === null) return this.load(source);
    // Once is enough: what else is used is too much as well.
    if (!this.#isFull) this.bag.error("E0709", pathSpan, `Cannot use "${path}": ${tooMuch}`);
    this.#isFull = true;
    return null;
  }

  /** Why one more file is too much; null when it is not. */
  #tooMuch(source: SourceFile): string | null {
    this.#characters += source.text.length;
    if (this.#pending.length >= MAX_DEPTH) {
      return `\`use\` is nested more than ${MAX_DEPTH} deep`;
    }
    if (this.#known.size + this.#pending.length >= MAX_FILES) {
      return `a program has at most ${MAX_FILES} files`;
    }
    return this.#characters > MAX_CHARACTERS
      ? `the files of a program have at most ${MAX_CHARACTERS} characters in all`
      : null;
  }
}
