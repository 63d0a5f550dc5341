/** Reading `--match`: a part of a name, or an expression between slashes, which ends in time. */
import type { NameMatch } from "@dmalab/lang/run";

/**
 * Reads what was given; a text is what is wrong with it, as a sentence without its end.
 *
 * @param filters Of `--filter`: `size=64KiB`.
 */
export async function readMatches(
  texts: readonly string[],
  filters: readonly string[] = [],
): Promise<{ readonly matches: readonly NameMatch[] } | string> {
  const matches: NameMatch[] = [];
  for (const text of filters) {
    const [, key, value] = text.match(/^\s*([\w.]+)\s*=\s*(.*?)\s*$/s) ?? [];
    if (key === undefined) return `--filter takes AXIS=VALUE, such as size=64KiB, not "${text}"`;
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

/** How long an expression may search in all names. */
const MAX_MS = 5_000;

/** An expression has searched for longer than anybody waits. */
export class SlowMatch extends Error {}

/**
 * The same, but an expression that takes too long throws: `/^(a+)+$/` can take for ever for one name.
 * Only what runs as a script of another context can be stopped.
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
