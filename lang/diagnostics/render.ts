/**
 * Prints a diagnostic as text: the mistake, its location, the line with a caret, and a hint.
 *
 * ```text
 * error[E0203]: expected `)` to close the call, found end of line
 *   --> examples/x.dma:4:24
 *    |
 *  4 |   dma_map_phys(ssd, buf
 *    |                        ^ expected `)` here
 *    = hint: …
 * ```
 */
import { type Span, spanPlace } from "../source.ts";
import type { Diagnostic, RelatedSpan, Severity } from "./diagnostic.ts";
import { characterWidth, displayWidth, printable } from "./display_width.ts";

/** The role of a part of the output, for its colour. */
export type StyleRole = "error" | "warning" | "code" | "place" | "caret" | "hint" | "gutter";

/** Options of the output. */
export interface RenderOptions {
  /** Wraps a piece of text, for colour. It must not change the width. */
  readonly style?: (role: StyleRole, text: string) => string;
  /** Width of the screen; wider source lines are cut around the caret. */
  readonly columns?: number;
}

/** Limits of the width at which a source line is shown, in columns. */
const MAX_LINE_WIDTH = 160;
const MIN_LINE_WIDTH = 20;
const CUT = "…";

/** Renders one diagnostic. Lines are separated by `\n`, without a `\n` at the end. */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const { code, severity, message } = diagnostic;
  return renderFinding({ ...diagnostic, word: severity, tag: code, message }, options).join("\n");
}

/** A finding with a location, with or without a code. */
export interface RenderedFinding {
  /** The kind of the finding: `error`, `unexpected report`. */
  readonly word: string;
  readonly severity: Severity;
  /** The text in brackets after the kind. */
  readonly tag: string;
  readonly message: string;
  /** The finding's location; null if the statement is unknown. */
  readonly span: Span | null;
  readonly label?: string | undefined;
  readonly related?: readonly RelatedSpan[] | undefined;
  /** `name: text` lines before the hint. */
  readonly facts?: readonly (readonly [name: string, text: string])[];
  readonly hint?: string | undefined;
}

export function renderFinding(finding: RenderedFinding, options: RenderOptions = {}): string[] {
  const style = options.style ?? ((_role, text) => text);
  const { facts = [], hint, label, message, related = [], severity, span, tag, word } = finding;
  const spans = [...span === null ? [] : [span], ...related.map((other) => other.span)];
  const width = Math.max(1, ...spans.map((one) => String(lineOf(one)).length));
  const margin = " ".repeat(width + 2);
  const look = { gutterWidth: width, columns: options.columns ?? Infinity, style };
  const lines = [
    `${style(severity, word)}${style("code", `[${tag}]`)}: ${shownMessage(message)}`,
    ...span === null ? [] : snippet(span, label ?? "", severity, look),
  ];
  for (const other of related) {
    const note = printable(other.message);
    lines.push(`${margin}${style("gutter", "=")} ${style("hint", "note")}: ${note}`);
    lines.push(...snippet(other.span, "", "gutter", look));
  }
  const said = hint === undefined ? facts : [...facts, ["hint", hint] as const];
  for (const [name, text] of said) {
    const [first = "", ...rest] = text.split("\n").map(printable);
    lines.push(`${margin}${style("gutter", "=")} ${style("hint", name)}: ${first}`);
    for (const line of rest) lines.push(`${margin}  ${" ".repeat(name.length + 2)}${line}`);
  }
  return lines;
}

/** Renders several diagnostics, separated by empty lines. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: RenderOptions = {},
): string {
  return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, options)).join("\n\n");
}

type Style = NonNullable<RenderOptions["style"]>;

function lineOf(span: Span): number {
  return span.source.position(span.start).line;
}

/** A sentence in the form after a colon: its first letter in lower case. */
export function afterColon(sentence: string): string {
  return /^[A-Z](?:[a-z]| )/.test(sentence)
    ? sentence.charAt(0).toLowerCase() + sentence.slice(1)
    : sentence;
}

/**
 * A message may contain text of a script, for example the text of an `assert`. Such text is
 * untrusted, like the source lines.
 */
function shownMessage(message: string): string {
  return afterColon(message.split("\n").map(printable).join("\n"));
}

function snippet(
  span: Span,
  label: string,
  caretRole: StyleRole,
  { columns, gutterWidth, style }: {
    readonly columns: number;
    readonly gutterWidth: number;
    readonly style: Style;
  },
): string[] {
  const { line, column } = span.source.position(span.start);
  const text = span.source.line(line);
  const start = Math.min(column - 1, text.length);
  // A span of several lines is underlined to the end of its first line.
  const end = Math.max(start, Math.min(start + (span.end - span.start), text.length));
  // The line number and a bar are in front of the text. At each end, the text may have a mark that
  // it was cut.
  const room = columns - gutterWidth - 4 - 2 * CUT.length;
  const cut = cutLine(text, start, end, Math.max(MIN_LINE_WIDTH, Math.min(MAX_LINE_WIDTH, room)));
  const number = String(line).padStart(gutterWidth);
  const bar = style("gutter", "|");
  const empty = ` ${" ".repeat(gutterWidth)} ${bar}`;
  const carets = "^".repeat(Math.max(1, displayWidth(cut.text.slice(cut.start, cut.end))));
  const mark = style(
    caretRole === "gutter" ? "gutter" : "caret",
    carets + (label && ` ${printable(label)}`),
  );
  return [
    ` ${" ".repeat(gutterWidth)}${style("place", `--> ${spanPlace(span)}`)}`,
    empty,
    ` ${style("gutter", number)} ${bar}${cut.text === "" ? "" : ` ${cut.text}`}`,
    `${empty} ${blanks(cut.text.slice(0, cut.start))}${mark}`,
  ];
}

/**
 * Spaces with the width of a text. Tabs of the text are kept, so that the caret is in the right
 * column.
 */
function blanks(text: string): string {
  let result = "";
  for (const character of text) {
    result += character === "\t" ? "\t" : " ".repeat(characterWidth(character));
  }
  return result;
}

/** The part of a line that fits, for printing; it includes the marked text. */
function cutLine(
  text: string,
  start: number,
  end: number,
  width: number,
): { text: string; start: number; end: number } {
  if (text.length <= width) return { text: printable(text), start, end };
  const from = start < width * 3 / 4 ? 0 : start - Math.floor(width / 2);
  const to = Math.min(text.length, from + width);
  const before = from > 0 ? CUT : "";
  const after = to < text.length ? CUT : "";
  const shift = before.length - from;
  return {
    text: `${before}${printable(text.slice(from, to))}${after}`,
    start: start + shift,
    end: Math.min(end, to) + shift,
  };
}
