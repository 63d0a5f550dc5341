/** The parser's questions about its text, and its notes. */
import type { IToken } from "chevrotain";
import type { SourceFile, Span } from "../../source.ts";
import type { Name } from "./ast.ts";
import type { DiagnosticReporter } from "../report.ts";
import { tokenEnd } from "../tokens.ts";

export type ParseMode = "file" | "repl";

/** A word that may be a mistake, unless the file gives it a meaning. */
interface Suspect {
  readonly word: string;
  readonly report: () => void;
}

export class BuildContext {
  readonly #declared = new Set<string>();
  readonly #suspects: Suspect[] = [];
  #hasUses = false;

  /** @param spans Collects each place that is made; null without an editor. */
  constructor(
    readonly source: SourceFile,
    readonly reporter: DiagnosticReporter,
    readonly mode: ParseMode,
    private readonly spans: Span[] | null = null,
  ) {}

  span(start: number, end: number): Span {
    const span = { source: this.source, start, end };
    if (this.spans !== null) this.spans.push(span);
    return span;
  }

  spanBetween(first: Span, last: Span): Span {
    return this.span(first.start, Math.max(first.end, last.end));
  }

  tokenSpan(token: IToken): Span {
    return this.span(token.startOffset, tokenEnd(token));
  }

  name(token: IToken): Name {
    return { text: token.image, span: this.tokenSpan(token) };
  }

  /** A name that the file gives a meaning. */
  declare(name: Name): Name {
    this.#declared.add(name.text);
    return name;
  }

  /** The file uses another one with names that are not known here. */
  noteUse(): void {
    this.#hasUses = true;
  }

  /** Reports at the end, unless the file declares the word somewhere. */
  suspect(word: string, report: () => void): void {
    this.#suspects.push({ word, report });
  }

  /** Some words may be mistakes; the declarations of the whole file decide. */
  get hasSuspects(): boolean {
    return this.#suspects.length > 0;
  }

  /** Reports the suspects. Names from another file or an earlier line of the REPL may be meant. */
  reportSuspects(): void {
    if (this.#hasUses || this.mode === "repl") return;
    for (const { word, report } of this.#suspects) {
      if (!this.#declared.has(word)) report();
    }
  }
}
