/**
 * Parses a text again after a change, without the declarations that did not change.
 *
 * The changed part is parsed together with the statements of the top level before and after it. If
 * both statements give the same result as before, the change is limited to the text between them:
 * all other nodes are kept, and their spans are moved. The whole text is parsed if a change may
 * affect more: after an error of the lexer (an unclosed comment) or of brackets, and with words
 * that depend for their meaning on the declarations of the whole file.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../source.ts";
import { fileOf, MAX_TEXT_LENGTH, parse, type ReadText, readText, resultOf } from "./parse.ts";
import type { ParseResult } from "./parse_result.ts";
import { MAX_PARSER_ERRORS } from "./recovery/recovering_parser.ts";
import { onePerStatement } from "./recovery/one_per_statement.ts";
import type { Statement } from "./tree/ast.ts";

/** The last text with nodes that can be reused. */
interface KeptText {
  readonly source: SourceFile;
  readonly items: readonly Statement[];
  readonly spans: readonly Span[];
  /** The range of the text's errors; null without errors. */
  readonly torn: Range | null;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The part of a text that is read again. */
interface ChangedPart {
  /**
   * `before`: number of kept statements before the part. `behind`: index of the first kept
   * statement after it.
   */
  readonly before: number;
  readonly behind: number;
  /** By how many characters the text has grown. */
  readonly delta: number;
}

/** Parses the versions of one text. A version's tree takes over nodes of the previous version. */
export class TextReader {
  #kept: KeptText | null = null;

  /** Reads the next version. Trees of earlier versions must not be used any more. */
  parse(source: SourceFile): ParseResult {
    if (source.text.length > MAX_TEXT_LENGTH) return parse(source);
    const again = this.#kept === null ? null : readAgain(this.#kept, source);
    if (again !== null) {
      this.#kept = again.kept;
      return again.result;
    }
    const read = readText(source, { spans: [] });
    // Keep the last reusable text: the next change may correct the mistake in the current text.
    if (isReusable(read)) {
      const { items, phases, spans } = read;
      this.#kept = { source, items, spans, torn: tornRange(phases.flat()) };
    }
    return resultOf(source, read);
  }
}

/**
 * Whether nodes of a text can be reused. A few errors of the parser affect only their statements.
 * Errors of earlier phases may affect more.
 */
function isReusable({ hasSuspects, phases }: ReadText): boolean {
  const [tokens, brackets] = phases;
  return !hasSuspects && tokens!.length === 0 && brackets!.length === 0 &&
    phases.flat().length < MAX_PARSER_ERRORS / 2;
}

function tornRange(errors: readonly Diagnostic[]): Range | null {
  if (errors.length === 0) return null;
  const spans = errors.flatMap((
    { related = [], span },
  ) => [span, ...related.map((each) => each.span)]);
  return {
    start: Math.min(...spans.map(({ start }) => start)),
    end: Math.max(...spans.map(({ end }) => end)),
  };
}

/**
 * Reads the changed statements and the statements next to them again, and keeps the others. Null if
 * the change may affect other statements, too.
 */
function readAgain(
  kept: KeptText,
  source: SourceFile,
): { readonly kept: KeptText; readonly result: ParseResult } | null {
  const part = changedPart(kept, source.text);
  const { before, behind, delta } = part;
  const first = kept.items[before - 1];
  const last = kept.items[behind];
  const read = readText(source, {
    start: first === undefined ? 0 : first.span.start,
    end: last === undefined ? source.text.length : last.span.end + delta,
    spans: [],
  });
  const errors = read.phases.flat();
  const inside = { start: first?.span.end ?? -1, end: (last?.span.start ?? Infinity) + delta };
  const isInside = (span: Range) => span.start > inside.start && span.end < inside.end;
  const torn = tornRange(errors);
  const items = [...read.items];
  const hasFirst = first === undefined || isSame(items.shift(), first, 0);
  const hasLast = last === undefined || isSame(items.pop(), last, delta);
  if (!isReusable(read) || !hasFirst || !hasLast || torn !== null && !isInside(torn)) return null;
  const all = [...kept.items.slice(0, before), ...items, ...kept.items.slice(behind)];
  const spans = moved(kept, part, source);
  for (const span of read.spans) {
    if (span.start > inside.start && span.start < inside.end) spans.push(span);
  }
  const diagnostics = onePerStatement(read.phases, read.words);
  return {
    kept: { source, items: all, spans, torn },
    result: { file: fileOf(source, all), diagnostics, incomplete: false },
  };
}

function isSame(found: Statement | undefined, kept: Statement, delta: number): boolean {
  return found !== undefined && found.kind === kept.kind &&
    found.span.start === kept.span.start + delta && found.span.end === kept.span.end + delta;
}

/**
 * The part that has to be parsed again. Statements outside the change and outside earlier errors
 * are kept.
 */
function changedPart({ items, source, torn }: KeptText, text: string): ChangedPart {
  const old = source.text;
  const shorter = Math.min(old.length, text.length);
  let head = 0;
  while (head < shorter && old.charCodeAt(head) === text.charCodeAt(head)) head++;
  const delta = text.length - old.length;
  let end = old.length;
  const least = head + Math.max(0, -delta);
  while (end > least && old.charCodeAt(end - 1) === text.charCodeAt(end - 1 + delta)) end--;
  const start = Math.min(head, torn?.start ?? Infinity);
  end = Math.max(end, torn?.end ?? 0);
  const before = items.findLastIndex(({ span }) => span.end < start) + 1;
  const found = items.findIndex(({ span }) => span.start > end);
  return { before, behind: found < 0 ? items.length : found, delta };
}

/** Moves the spans of the kept statements into another text. @returns These spans. */
function moved(
  { items, spans }: KeptText,
  { before, behind, delta }: ChangedPart,
  source: SourceFile,
): Span[] {
  const headEnd = items[before - 1]?.span.end ?? -1;
  const tailStart = items[behind]?.span.start ?? Infinity;
  const result: Span[] = [];
  for (const span of spans as readonly { -readonly [K in keyof Span]: Span[K] }[]) {
    const isBehind = span.start >= tailStart;
    if (!isBehind && span.start > headEnd) continue;
    span.source = source;
    if (isBehind) {
      span.start += delta;
      span.end += delta;
    }
    result.push(span);
  }
  return result;
}
