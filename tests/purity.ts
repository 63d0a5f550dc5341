/**
 * What the pure layers must not touch: the host's clock, its randomness, its files, its console.
 * `lang/`, `runtime/` and `devices/` run unchanged in a browser page and in a worker, and give the
 * same events for the same file, seed and profile.
 */
import { blankOut, lineAt, type SourceText } from "./source_text.ts";

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
    const code = blankOut(text, { strings: true });
    return FORBIDDEN.flatMap(([pattern, instead]) =>
      [...code.matchAll(pattern)].map((match) =>
        `${path}:${lineAt(code, match.index)} uses ${match[0].trim()}: ${instead}`
      )
    );
  });
}
