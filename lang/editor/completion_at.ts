/** Completion at a place of a text. */
import { type Analysis, statementStart } from "./analysis.ts";
import { suggestInStatement } from "./completion.ts";
import { NamesAt } from "./names_at.ts";
import type { Suggestions } from "./suggestion.ts";

/** What could stand at an offset. */
export function completeAt(analysis: Analysis, offset: number): Suggestions {
  const { text } = analysis.source;
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  // Nothing is offered in a comment: it takes whatever is written.
  if (/^(?:[^"#]|"(?:[^"\\]|\\.)*")*#/.test(line)) return { all: [], part: "" };
  const names = new NamesAt(analysis, offset);
  return suggestInStatement(text.slice(statementStart(analysis, offset), offset), names, true);
}
