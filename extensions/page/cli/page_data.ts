/** The data inside the page of a report. `dmalab report` writes the data, and the page reads it. */

import type { SourceFile } from "@dmalab/lang";
import type { BenchEntry, SaidVerdict } from "../engine/bench_verdict.ts";
import type { Colour } from "../page/highlight.ts";

/** The placeholder in the page, which the page's data replaces. */
export const EMPTY_DATA = '"{{data}}"';

/** A value as the text of a data block. The text is escaped, so that the value cannot end the block. */
export function dataText(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** The version of the written data: the page refuses any other. */
export const REPORT_VERSION = 4;

/** The coloured pieces of each scenario's text, by its key. */
export type SourceColours = Readonly<Record<string, readonly Colour[]>>;

/**
 * The key of a text. The blocks of a Markdown page are scenarios with one name, in which all lines before the
 * block are comments.
 */
export function colourKey({ name, text }: Pick<SourceFile, "name" | "text">): string {
  return `${name}:${text.search(/^[^#\s]/m)}`;
}

export interface PageData {
  readonly report: number;
  /** Program and version. */
  readonly by: string;
  readonly title: string;
  readonly printed: string;
  /** The first failure of a bench; null for none. */
  readonly failedBench: SaidVerdict | null;
  /** The benches that ran, in the order of the file, with their plots. */
  readonly benches: readonly BenchEntry[];
  /**
   * Recorded runs in the format of `serialise` of recording/views, packed; the failed runs come
   * first.
   */
  readonly recordings: string;
  /** `SourceColours` of the scenarios, packed: the page contains no lexer. */
  readonly colours: string;
}
