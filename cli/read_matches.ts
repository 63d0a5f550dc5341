/**
 * Reads `--match`: a part of a name, or a regular expression between slashes. Regular expressions
 * have a time limit.
 */
import type { NameMatch } from "@dmalab/lang/run";

/**
 * Reads values of `--match` and `--filter`. If a value is wrong, returns the problem as a sentence
 * without its full stop.
 *
 * @param filters Values of `--filter`: `size=64KiB`.
 */
export async function readMatches(
  texts: readonly string[],
  filters: readonly string[] = [],
): Promise<{ readonly matches: readonly NameMatch[] } | string> {
  const matches: NameMatch[] = [];
  for (const text of filters) {
    const [, key, value] = text.match(/^\s*([\w.]+)\s*=\s*(.*?)\s*$/s) ?? [];
    if (key === undefined) {
      return `--filter takes AXIS=VALUE, such as size=64KiB, not "${text}"; --match takes a name`;
    }
    matches.push({ key, value: value! });
  }
  for (const text of texts) {
    const [, pattern, flags] = text.match(/^\/(.+)\/([a-z]*)$/s) ?? [];
    if (pattern === undefined) {
      matches.push(text);
      continue;
    }
    try {
      matches.push(new RegExp(pattern, flags));
    } catch (error) {
      return `--match ${text} is not a regular expression: ${
        error instanceof Error ? error.message : error
      }`;
    }
  }
  return { matches: await limited(matches) };
}

/** Time limit of an expression for searching all names. */
const MAX_MS = 5_000;

/** Thrown when an expression has reached its time limit. */
export class SlowMatch extends Error {}

/**
 * The same matches, but with a time limit: an expression such as `/^(a+)+$/` can run for ever on a
 * single name, and throws at the limit. The expressions run as a script in another context, because
 * only such a script can be stopped.
 */
export async function limited(matches: readonly NameMatch[]): Promise<readonly NameMatch[]> {
  if (!matches.some((match) => match instanceof RegExp)) return matches;
  const { default: vm } = await import("node:vm");
  const script = new vm.Script("name.search(expression)");
  return matches.map((match) => {
    if (!(match instanceof RegExp)) return match;
    const context = vm.createContext({ expression: new RegExp(match), name: "" });
    let leftMs = MAX_MS;
    const search = (name: string): number => {
      const startMs = performance.now();
      context["name"] = name;
      try {
        return script.runInContext(context, { timeout: Math.max(1, Math.ceil(leftMs)) });
      } catch (error) {
        if (Reflect.get(error as object, "code") !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        throw new SlowMatch(
          `--match ${match} takes more than ${MAX_MS / 1000} s to search "${name}"`,
        );
      } finally {
        leftMs -= performance.now() - startMs;
      }
    };
    return Object.assign(new RegExp(match), { [Symbol.search]: search });
  });
}
