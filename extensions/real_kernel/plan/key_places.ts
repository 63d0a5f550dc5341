/** Finds the place at which a scenario sets a key of its machine. */
import { type Span, spanPlace } from "@dmalab/lang";
import type { Program, RunnableTest } from "@dmalab/lang/run";

type Declaration = NonNullable<Program["machine"]["declaration"]>;
type Entry = Declaration["entries"][number];

/** `NAME.key` or `key`, at the beginning of a reason. */
const KEY = /^([\w.]+)(?=:| = )/;

/**
 * If a reason begins with a key, adds the place where the key is set: in the test's line or in the
 * machine block. Other reasons are returned unchanged.
 */
export function withPlace(
  reason: string,
  { machine: { declaration } }: Pick<Program, "machine">,
  { axes, span }: Pick<RunnableTest, "axes" | "span">,
): string {
  const key = KEY.exec(reason)?.[1];
  if (key === undefined) return reason;
  const place = axes.some((axis) => axis.key === key)
    ? span
    : declaration === null
    ? null
    : spanOf(declaration.entries, key.split(".")) ?? null;
  return `${reason} (${spanPlace(place ?? span)})`;
}

/**
 * The place of the setting that a path names. At any depth, the path names a block by the block's
 * keyword or by its name.
 */
function spanOf(entries: readonly Entry[], path: readonly string[]): Span | null {
  const [first, ...rest] = path;
  for (const entry of entries) {
    if (entry.kind === "Setting") {
      if (entry.key.text === path.join(".")) return entry.span;
      continue;
    }
    if (entry.kind !== "Block") continue;
    const isMeant = entry.keyword.text === first || entry.name?.text === first;
    if (isMeant && rest.length === 0) return entry.span;
    const within = (isMeant ? spanOf(entry.entries, rest) : null) ?? spanOf(entry.entries, path);
    if (within !== null) return within;
  }
  return null;
}
