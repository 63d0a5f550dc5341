/** Suggests similar names for an unknown name. */
import { nearestNames } from "@dmalab/runtime/basics";

export { nearestNames };

/** Similar names that may be meant by a word. */
export class NearNames {
  constructor(readonly word: string, readonly names: readonly string[]) {}

  /** ``did you mean `x`?`` */
  get text(): string {
    return `did you mean ${this.names.map((name) => `\`${name}\``).join(" or ")}?`;
  }
}

/** A hint as text, or as names that may be meant. */
export type Hint = string | NearNames;

export function nearNames(word: string, candidates: Iterable<string>): NearNames | undefined {
  const names = nearestNames(word, candidates);
  return names.length === 0 ? undefined : new NearNames(word, names);
}

/** ``did you mean `x`?`` for the most similar names; undefined without any. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  return nearNames(word, candidates)?.text;
}

/** Limits for a list of names: how many are shown, and how many are searched for similar names. */
const LISTED = 16;
const COMPARED = 1000;

/** How many similar names a hint shows. */
const SIMILAR = 4;

/**
 * Formats names as `a, b, c`. If there are many names, the text has only the first ones, and the
 * number of the others.
 *
 * @param like If there are many names, the names that share a part with this name (`unmap` of
 *   `unmap_size`) come first.
 */
export function listed(names: readonly string[], like = ""): string {
  const more = names.length - LISTED;
  if (more <= 1) return names.join(", ");
  const ordered = new Set([...namesAlike(like, names).map(({ name }) => name), ...names]);
  return `${[...ordered].slice(0, LISTED).join(", ")} and ${more} more`;
}

/** `it has a, b, c`, see {@linkcode listed}. */
export function itHas(names: readonly string[]): string {
  return `it has ${listed(names)}`;
}

/**
 * ``similar names: `alloc_pages` `` for `alloc`: the names with the most shared parts, the shortest
 * first; undefined if no name shares a part.
 */
export function similarNames(name: string, names: readonly string[]): string | undefined {
  const alike = namesAlike(name, names)
    .toSorted((a, b) => b.shared - a.shared || a.name.length - b.name.length)
    .slice(0, SIMILAR);
  if (alike.length === 0) return undefined;
  return `similar names: ${alike.map(({ name }) => `\`${name}\``).join(", ")}`;
}

/**
 * The names that share parts with `like`, each with the number of shared parts. For example,
 * `map_page` and `dma_map_page` share two parts. Only the first `COMPARED` names are compared.
 */
function namesAlike(like: string, names: readonly string[]): { name: string; shared: number }[] {
  const parts = partsOf(like);
  return names.slice(0, COMPARED).flatMap((name) => {
    // A quick check before splitting the name.
    if (!parts.some((part) => name.toLowerCase().includes(part))) return [];
    const shared = partsOf(name).filter((part) => parts.includes(part)).length;
    return shared === 0 ? [] : [{ name, shared }];
  });
}

function partsOf(name: string): readonly string[] {
  return name.toLowerCase().split(/[._]/).filter((part) => part.length > 2);
}
