/**
 * State of the parser for one text: its source, and possible mistakes that can be judged only at
 * the end.
 */
import type { IToken } from "chevrotain";
import type { SourceFile, Span } from "../../source.ts";
import type { Name } from "./ast.ts";
import type { DiagnosticReporter } from "../report.ts";
import { tokenEnd } from "../tokens.ts";

export type ParseMode = "file" | "repl";

/** A word that may be a mistake, unless the file declares it. */
interface Suspect {
  readonly word: string;
  readonly report: () => void;
}

export class BuildContext {
  readonly #declared = new Set<string>();
  readonly #suspects: Suspect[] = [];
  #hasUses = false;

  /** @param spans Collects each span that is made; null without an editor. */
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

  /** Records a name that the file declares. */
  declare(name: Name): Name {
    this.#declared.add(name.text);
    return name;
  }

  /** Records that the file uses another file: the names in that file are not known here. */
  noteUse(): void {
    this.#hasUses = true;
  }

  /** Records a possible mistake, reported at the end unless the file declares the word. */
  suspect(word: string, report: () => void): void {
    this.#suspects.push({ word, report });
  }

  /** Whether there are possible mistakes, which depend on the declarations of the whole file. */
  get hasSuspects(): boolean {
    return this.#suspects.length > 0;
  }

  /**
   * Reports the possible mistakes. Nothing is reported in the REPL, or if the file uses other
   * files, because a name from an earlier line or from another file may be meant.
   */
  reportSuspects(): void {
    if (this.#hasUses || this.mode === "repl") return;
    for (const { word, report } of this.#suspects) {
      if (!this.#declared.has(word)) report();
    }
  }
}
