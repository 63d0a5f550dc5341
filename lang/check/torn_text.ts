/**
 * The checks of a program with syntax errors.
 *
 * The parser continues after an error, so names in the remaining text can be resolved. But the text
 * that it skipped may have declared a name, ended a block or returned a value. To avoid follow-up
 * errors:
 *
 * - In declarations without a syntax error, all errors are reported on two conditions: no bracket
 *   is missing, and syntax errors are only in tests, properties and benches, which declare nothing
 *   for other code.
 * - In other code, on lines without a syntax error, only two errors are reported: a name that is
 *   not in a fixed list (such as the injection points), and a name that is bound nowhere in the
 *   program and does not occur near an error.
 * - Nothing is reported when declared names may be unknown: after an error in a `use`, or in a
 *   declaration that lost its name.
 */
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { isInside, type SourceFile, type Span } from "../source.ts";
import type { LoadedFile } from "../syntax/load_files.ts";
import type { Statement } from "../syntax/tree/ast.ts";
import { remembered } from "../values/remembered.ts";
import type { UnknownName } from "./names/unknown_names.ts";

/** Errors about brackets: blocks may end elsewhere than they seem to. */
const ABOUT_BRACKETS: ReadonlySet<DiagnosticCode> = new Set(["E0203", "E0204"]);

/** Errors about names of a fixed list: events, outcomes, injection points. */
const ABOUT_LISTS: ReadonlySet<DiagnosticCode> = new Set(["E0310", "E0313", "E0320"]);

const CASES: ReadonlySet<Statement["kind"]> = new Set(["Test", "Property", "Bench"]);

/**
 * After this many errors in a declaration, further errors in the declaration may be hidden
 * (`one_per_statement.ts`).
 */
const MANY_ERRORS = 3;

/**
 * Matches a line with an error if the line may bind unknown names, or if it lacks the name that it
 * binds.
 */
const LOSES_NAMES = /\b(?:use|fn|forall)\b|\b(?:let|const|for)\b(?!\s+[A-Za-z_])/;

const WORD = /[A-Za-z_]\w*/g;

export class TornText {
  readonly #lines = new Map<SourceFile, Set<number>>();
  /** Declarations and top-level statements that have no error, in the order of the text. */
  readonly #sound = new Map<SourceFile, Span[]>();
  /** How often each word occurs in the text with errors. */
  readonly #words = new Map<string, number>();
  /** Unknown names that are certainly bound nowhere. */
  readonly #names = new Set<Span>();
  #losesNames = false;
  /** Whether all items with errors are tests, properties and benches. */
  #onlyCases: boolean;

  constructor(files: readonly LoadedFile[], errors: readonly Diagnostic[]) {
    this.#onlyCases = !errors.some(({ code }) => ABOUT_BRACKETS.has(code));
    for (const { code, span } of errors) {
      const { source, start } = span;
      // If the error is an unexpected block, the parser has read the previous block as another part
      // of the statement, so declared names may be unknown.
      const block = source.text.charAt(start) === "{";
      if (block || code.startsWith("E07")) this.#losesNames = true;
      this.#addLines(span);
      for (const line of linesOf(span)) {
        if (LOSES_NAMES.test(source.line(line))) this.#losesNames = true;
      }
    }
    for (const { file: { items, span } } of files) {
      const starts = errors.filter((error) => error.span.source === span.source)
        .map((error) => error.span.start);
      if (starts.length > 0) this.#read(items, span.source, starts);
    }
  }

  /** @param errors Offsets of the file's errors, ascending. */
  #read(items: readonly Statement[], source: SourceFile, errors: readonly number[]): void {
    const sound: Span[] = [];
    let end = 0;
    let before = 0;
    for (const [index, { kind, span }] of items.entries()) {
      this.#addBetween(source.text.slice(end, span.start));
      const next = items[index + 1]?.span.start ?? Infinity;
      let count = 0;
      for (; (errors[before + count] ?? Infinity) < next; count++);
      before += count;
      const begins = source.position(span.start).column === 1;
      if (count >= MANY_ERRORS) this.#addLines(span);
      if (count === 0 && begins && kind !== "ErrorStatement") sound.push(span);
      else {
        this.#addWords(source.text.slice(span.start, span.end));
        if (!CASES.has(kind)) this.#onlyCases = false;
      }
      end = span.end;
    }
    this.#addBetween(source.text.slice(end));
    this.#sound.set(source, sound);
  }

  /**
   * Adds the words of the text between statements, which the parser has skipped. Comments are left
   * out.
   */
  #addBetween(text: string): void {
    const unread = text.replaceAll(/#.*/g, "");
    if (/\S/.test(unread)) this.#onlyCases = false;
    this.#addWords(unread);
  }

  #addWords(text: string): void {
    for (const [word] of text.matchAll(WORD)) {
      this.#words.set(word, (this.#words.get(word) ?? 0) + 1);
    }
  }

  #addLines(span: Span): void {
    const lines = remembered(this.#lines, span.source, () => new Set());
    for (const line of linesOf(span)) lines.add(line);
  }

  /**
   * Whether text with errors may bind a word. `uses` is the number of places in that text that only
   * use the word.
   */
  mayBind(word: string, uses = 0): boolean {
    return this.#losesNames || (this.#words.get(word) ?? 0) > uses;
  }

  /**
   * The unknown names that are certainly bound nowhere.
   *
   * @param bound Every name that is bound somewhere.
   */
  trusted(unknown: readonly UnknownName[], bound: ReadonlySet<string>): readonly UnknownName[] {
    const right = unknown.filter(({ name, span }) => !bound.has(name) && !this.#isWrong(span));
    const uses = new Map<string, number>();
    for (const { name, span } of right) {
      if (!this.#isSound(span)) uses.set(name, (uses.get(name) ?? 0) + 1);
    }
    const trusted = right.filter(({ name }) => !this.mayBind(name, uses.get(name)));
    for (const { span } of trusted) this.#names.add(span);
    return trusted;
  }

  /** Whether an error would also exist without the syntax errors. */
  trusts({ code, severity, span }: Diagnostic): boolean {
    if (severity !== "error" || this.#losesNames) return false;
    if (this.#names.has(span) || this.#onlyCases && this.#isSound(span)) return true;
    return ABOUT_LISTS.has(code) && !this.#isWrong(span);
  }

  /** Whether a location is on a line with a syntax error. */
  #isWrong(span: Span): boolean {
    const lines = this.#lines.get(span.source);
    return lines !== undefined && [...linesOf(span)].some((line) => lines.has(line));
  }

  #isSound(span: Span): boolean {
    const sound = this.#sound.get(span.source);
    // A file without a syntax error is reliable as a whole.
    if (sound === undefined) return true;
    let [low, high] = [0, sound.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sound[middle]!.end < span.end) low = middle + 1;
      else high = middle;
    }
    return low < sound.length && isInside(span, sound[low]!);
  }
}

function* linesOf({ end, source, start }: Span): Generator<number> {
  const last = source.position(end).line;
  for (let line = source.position(start).line; line <= last; line++) yield line;
}
