/** The structure of a file: its symbols, its foldable parts, and the ranges around a location. */
import type { Span } from "../source.ts";
import { CLOSERS, OPENERS, tokenEnd, tokenize } from "../syntax/tokens.ts";
import type { MachineEntry, Statement } from "../syntax/tree/ast.ts";
import type { Analysis } from "./analysis.ts";
import { pathAt } from "./tree_path.ts";

type OutlineKind = "machine" | "block" | "const" | "function" | "variable" | "driver" | Case;

/** The kinds of declarations that run on a separate machine. */
export type Case = "test" | "property" | "bench";

export interface OutlineEntry {
  readonly name: string;
  readonly kind: OutlineKind;
  readonly span: Span;
  readonly nameSpan: Span;
  readonly children: readonly OutlineEntry[];
}

/** The symbols of a file, in textual order. */
export function outlineOf({ file }: Analysis): readonly OutlineEntry[] {
  return file.items.flatMap((item) => entryOf(item) ?? []);
}

function entryOf(item: Statement): OutlineEntry | null {
  const { span } = item;
  switch (item.kind) {
    case "Machine": {
      const nameSpan = { ...span, end: span.start + "machine".length };
      const children = item.entries.flatMap((entry) => blockEntry(entry));
      return { name: "machine", kind: "machine", span, nameSpan, children };
    }
    case "Const":
    case "Function":
    case "Let":
    case "CDriver":
      return {
        name: item.name.text,
        kind: NAMED[item.kind],
        span,
        nameSpan: item.name.span,
        children: [],
      };
    case "Test":
    case "Property":
    case "Bench":
    case "Driver": {
      const kind = TITLED[item.kind];
      return { name: item.name, kind, span, nameSpan: item.nameSpan, children: [] };
    }
    default:
      return null;
  }
}

const NAMED = { Const: "const", Function: "function", Let: "variable", CDriver: "driver" } as const;
const TITLED = { Test: "test", Property: "property", Bench: "bench", Driver: "driver" } as const;

function blockEntry(entry: MachineEntry): readonly OutlineEntry[] {
  if (entry.kind !== "Block") return [];
  const { entries, keyword, name, span } = entry;
  return [{
    name: name === null ? keyword.text : `${keyword.text} ${name.text}`,
    kind: "block",
    span,
    nameSpan: (name ?? keyword).span,
    children: entries.flatMap(blockEntry),
  }];
}

/** Lines, numbered from 1; all but the first can be hidden. */
export interface Fold {
  readonly first: number;
  readonly last: number;
  readonly isComment: boolean;
}

/** Text between brackets on several lines, and comments of several lines. */
export function foldsOf({ source }: Analysis): readonly Fold[] {
  const folds: Fold[] = [];
  const open: number[] = [];
  for (const token of tokenize(source.text)) {
    if (OPENERS.has(token.tokenType)) open.push(source.position(token.startOffset).line);
    else if (CLOSERS.has(token.tokenType)) {
      const first = open.pop();
      const last = source.position(tokenEnd(token)).line - 1;
      if (first !== undefined && last > first) folds.push({ first, last, isComment: false });
    }
  }
  return [...folds, ...commentFolds(source)].toSorted((a, b) => a.first - b.first);
}

function* commentFolds(source: Analysis["source"]): Generator<Fold> {
  let first = 0;
  for (let line = 1; line <= source.lineStarts.length + 1; line++) {
    const isComment = /^\s*#/.test(source.line(line));
    if (isComment && first === 0) first = line;
    else if (!isComment && first > 0) {
      if (line - first > 1) yield { first, last: line - 1, isComment: true };
      first = 0;
    }
  }
}

/** The ranges of text around an offset, each inside the previous one. */
export function surroundings({ file }: Analysis, offset: number): readonly Span[] {
  const spans: Span[] = [];
  for (const { span } of pathAt(file, offset)) {
    const outer = spans.at(-1);
    const isInside = outer === undefined || span.start >= outer.start && span.end <= outer.end;
    if (isInside && (span.start !== outer?.start || span.end !== outer.end)) spans.push(span);
  }
  return spans;
}
