/**
 * What the pure layers must not touch: the host's clock, its randomness, its files, its console.
 * `lang/`, `runtime/` and `devices/` run unchanged in a browser page and in a worker, and give the
 * same events for the same file, seed and profile.
 */
import ts from "typescript";
import type { SourceText } from "./source_text.ts";
import { commentsOf, walk } from "./tidy.ts";

/** A use of the host, as a pattern over code without comments and strings, and what to use instead. */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bDeno\b/g, "the host belongs to cli/"],
  [/\bMath\s*\.\s*random\b/g, "randomness comes from the machine's seeded generator"],
  [/\bDate\b/g, "time is virtual and comes from the machine's clock"],
  [/\bperformance\b/g, "time is virtual and comes from the machine's clock"],
  [/\bset(?:Timeout|Interval|Immediate)\b/g, "time is virtual: post an activity"],
  [/\bqueueMicrotask\b/g, "order is defined: post an activity"],
  [/\bconsole\s*\./g, "text goes through the run's output"],
  [/\bglobalThis\b/g, "there is no global state"],
  [/\bprocess\s*\.\s*(?:env|argv|exit|hrtime|stdout|stderr)\b/g, "the host belongs to cli/"],
  [/\bcrypto\s*\./g, "randomness comes from the machine's seeded generator"],
  // A controller may have a method of that name; the host's function stands in an expression.
  [/(?:[=(,?:&|!]|\bawait|\breturn)\s*fetch\s*\(/g, "the host belongs to cli/"],
  [/\bnew\s+Worker\b/g, "the host belongs to cli/"],
];

/** One sentence for each use of the host in a source that must be pure; tests may use it. */
export function purityViolations(sources: readonly SourceText[]): string[] {
  return sources.flatMap(({ path, text }) => {
    if (path.endsWith("_test.ts")) return [];
    const code = blankOut(text);
    return FORBIDDEN.flatMap(([pattern, instead]) =>
      [...code.matchAll(pattern)].map((match) =>
        `${path}:${code.slice(0, match.index).split("\n").length} uses ${
          match[0].trim()
        }: ${instead}`
      )
    );
  });
}

/**
 * The text with comments and the insides of strings replaced by blanks; line breaks stay, so that a place
 * in the result is the same place in the source.
 */
export function blankOut(text: string): string {
  const tree = ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, true);
  const out = text.split("");
  const blank = (start: number, end: number) => {
    for (let index = start; index < end; index++) if (out[index] !== "\n") out[index] = " ";
  };
  for (const comment of commentsOf({ text, tree })) {
    blank(comment.start, comment.start + comment.text.length);
  }
  walk(tree, (node) => {
    if (ts.isStringLiteral(node) || ts.isTemplateLiteralToken(node)) {
      blank(node.getStart(tree) + 1, node.getEnd() - 1);
    }
  });
  return out.join("");
}
