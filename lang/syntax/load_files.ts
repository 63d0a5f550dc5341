/** Reads a script and the files it uses. */
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { SourceFile, type Span } from "../source.ts";
import type { FileNode, UseDeclaration } from "./tree/ast.ts";
import { MAX_TEXT_LENGTH, parse } from "./parse.ts";
import type { ParseResult } from "./parse_result.ts";

/** Why a file could not be loaded. */
export class LoadError {
  /** The reason, in two forms: `reason` is a word for code, and `message` is a sentence. */
  constructor(
    readonly reason: "not_found" | "outside_root" | "unreadable",
    /** The mistake, as a sentence without a final period. */
    readonly message: string,
    /** How to correct it, if that is known. */
    readonly hint?: string,
  ) {}
}

/**
 * Loads files. The command line reads files from the disk; tests and a browser page have them in
 * memory.
 */
export interface SourceLoader {
  /**
   * Loads a file that `use` names.
   *
   * Two paths to one file must give source files with the same name, because cycles are found by
   * that name.
   *
   * @param path The path as written.
   * @param from The file with the `use`, to which the path is relative; null for the working
   *   folder.
   * @param limitBytes A longer file is not loaded. If left out, files of every length are loaded.
   */
  load(path: string, from: SourceFile | null, limitBytes?: number): SourceFile | LoadError;
}

/** Files in memory, by path; a path means the same file wherever it is used. */
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

/** The error for a file with more bytes than the limit. */
export function tooLong(path: string, sizeBytes: number, limitBytes: number): LoadError {
  return new LoadError(
    "unreadable",
    `Cannot read "${path}": it has ${sizeBytes} bytes, the limit is ${limitBytes}`,
  );
}

/** A kind of file, recognised by the name. */
export interface FileKind {
  readonly name: RegExp;
  readonly what: string;
}

const SCENARIO: FileKind = { name: /\.dma$/, what: "a scenario (*.dma)" };

/**
 * The error for a file with a name that does not belong to the expected kind of file; null for a
 * valid name. A file with a wrong name is not read, because a message about its text would print a
 * line of an arbitrary file.
 */
export function misnamed(path: string, { name, what }: FileKind): LoadError | null {
  return name.test(path)
    ? null
    : new LoadError("unreadable", `Cannot use "${path}": it is not named as ${what} is`);
}

/**
 * Loads the file that a text names. The path is relative to the folder of the file with that text.
 * Returns null after an error.
 */
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

/**
 * Limits for one program: how deeply `use` is nested, how many files the program has, and how many
 * characters these files have in total.
 */
const MAX_DEPTH = 100;
const MAX_FILES = 1000;
const MAX_CHARACTERS = MAX_TEXT_LENGTH;

/**
 * Reads and parses a file and all files that it uses. Each file is read only once, even if several
 * files use it.
 */
export class FileLoader {
  readonly #known = new Map<string, LoadedFile>();
  readonly #pending: SourceFile[] = [];
  /** All files loaded so far, each after the files it uses. */
  readonly files: LoadedFile[] = [];
  #characters = 0;
  #isFull = false;

  constructor(readonly loader: SourceLoader, readonly bag: DiagnosticBag) {}

  /** @param read Parses the main file; the files that it uses are parsed by `parse`. */
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
    // Reported once: every further file exceeds the limit, too.
    if (!this.#isFull) this.bag.error("E0709", pathSpan, `Cannot use "${path}": ${tooMuch}`);
    this.#isFull = true;
    return null;
  }

  /** The limit that one more file would exceed; null if it would exceed no limit. */
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
