/**
 * The kind of a value, with the known kinds inside it: the items of a list, the entries of a
 * record.
 *
 * A name has the inner kinds of its literal if the name is never assigned again and no part of the
 * value is changed. Entries that the program changes anywhere have unknown kinds. If the program
 * changes any list, the items of lists have unknown kinds.
 */
import type { Contents, Type } from "../../values/spec.ts";
import type { Expression } from "../../syntax/tree/ast.ts";

/** A kind, and the known kinds inside it. */
export interface StructuralType {
  readonly type: Type;
  /** The common kind of the items of a list; null if unknown. */
  readonly item: StructuralType | null;
  /** The entries of a record; null if unknown. */
  readonly entries: ReadonlyMap<string, StructuralType> | null;
  /**
   * The expression that made an item or an entry: the item in the list literal, or the body of a
   * lambda; null if there is no such expression.
   */
  readonly madeBy: Expression | null;
}

/** A kind without knowledge about its inside. */
export function plainShape(type: Type): StructuralType {
  return { type, item: null, entries: null, madeBy: null };
}

export function recordShape(entries: Iterable<readonly [string, StructuralType]>): StructuralType {
  return { ...plainShape("record"), entries: new Map(entries) };
}

export const UNKNOWN: StructuralType = plainShape("any");

/** The shape of a result, as a builtin declares it. */
export function shapeOf(type: Type, contents: Contents | undefined): StructuralType {
  if (contents === undefined) return plainShape(type);
  const inner = shapeOfContents(contents);
  return type === "list" ? { ...plainShape(type), item: inner } : inner;
}

function shapeOfContents(contents: Contents): StructuralType {
  if (typeof contents === "string") return plainShape(contents);
  // `Array.isArray` does not distinguish a readonly list from a record.
  if (0 in contents) return shapeOf("list", contents[0]);
  return recordShape(
    Object.entries(contents).map(([name, entry]) => [name, shapeOfContents(entry)] as const),
  );
}

/** The common shape of several values. */
export function joined(shapes: readonly StructuralType[]): StructuralType | null {
  const [first, ...others] = shapes;
  if (first === undefined) return null;
  const type = others.every((other) => other.type === first.type) ? first.type : "any";
  const isRecord = type === "record" && shapes.every(({ entries }) => hasKeys(entries, first));
  return {
    type,
    item: type === "list" ? joinedOrNull(shapes.map(({ item }) => item)) : null,
    entries: !isRecord ? null : new Map(
      [...first.entries!.keys()].map((key) =>
        [key, joined(shapes.map(({ entries }) => entries!.get(key)!))!] as const
      ),
    ),
    madeBy: type === "any" ? null : first.madeBy,
  };
}

function joinedOrNull(shapes: readonly (StructuralType | null)[]): StructuralType | null {
  const known = shapes.filter((shape) => shape !== null);
  return known.length === shapes.length ? joined(known) : null;
}

function hasKeys(
  entries: ReadonlyMap<string, StructuralType> | null,
  { entries: wanted }: StructuralType,
): boolean {
  return entries !== null && wanted !== null && entries.size === wanted.size &&
    [...wanted.keys()].every((key) => entries.has(key));
}
