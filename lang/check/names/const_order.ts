/** The order in which consts are worked out: each after those it needs. */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { ConstBinding } from "./bindings.ts";
import type { Owner } from "./resolve.ts";

/**
 * Sorts consts so that each comes after the ones it uses, by way of functions too; a const that
 * needs itself is reported.
 *
 * @param uses The consts and functions that each const and function uses.
 */
export function orderConsts(
  uses: ReadonlyMap<Owner, ReadonlySet<Owner>>,
  bag: DiagnosticBag,
): readonly ConstBinding[] {
  const ordered: ConstBinding[] = [];
  const finished = new Set<Owner>();
  for (const first of uses.keys()) {
    if (first.kind !== "const") continue;
    // An explicit stack, because a chain of consts may be longer than the host's goes deep.
    const path: InitOrderStep[] = [];
    const onPath = new Set<Owner>();
    const enter = (owner: Owner) => {
      if (finished.has(owner)) return;
      if (onPath.has(owner)) {
        const from = path.findIndex((step) => step.owner === owner);
        reportCircle(path.slice(from).map((step) => step.owner), bag);
        return;
      }
      onPath.add(owner);
      path.push({ owner, pending: [...uses.get(owner) ?? []].reverse() });
    };
    enter(first);
    while (path.length > 0) {
      const { owner, pending } = path.at(-1)!;
      const next = pending.pop();
      if (next !== undefined) {
        enter(next);
        continue;
      }
      path.pop();
      onPath.delete(owner);
      finished.add(owner);
      if (owner.kind === "const") ordered.push(owner);
    }
  }
  return ordered;
}

/** A const or function on the way, with the names in it that are still to be visited. */
interface InitOrderStep {
  readonly owner: Owner;
  readonly pending: Owner[];
}

/** Functions may call each other in a circle; a const in it could never be worked out. */
function reportCircle(circle: readonly Owner[], bag: DiagnosticBag): void {
  const constant = circle.find((owner) => owner.kind === "const");
  if (constant === undefined) return;
  const { name } = constant.declaration;
  const way = circle.filter((owner) => owner !== constant)
    .map((owner) => `\`${owner.declaration.name.text}\``);
  bag.error(
    "E0314",
    name.span,
    way.length === 0
      ? `\`${name.text}\` needs itself`
      : `\`${name.text}\` depends on itself, through ${way.join(", ")}`,
  );
}
