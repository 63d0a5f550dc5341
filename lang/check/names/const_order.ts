/** The order in which consts are evaluated: each after the consts it depends on. */
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { ConstBinding } from "./bindings.ts";
import type { Owner } from "./resolve.ts";

/**
 * Sorts consts so that each const comes after the consts that it uses, directly or through
 * functions. Reports a const that depends on itself.
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
    // An explicit stack, because a chain of consts may be longer than the host's stack allows.
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

/** A const or function on the current path, with those of its names that are still to be visited. */
interface InitOrderStep {
  readonly owner: Owner;
  readonly pending: Owner[];
}

/**
 * Reports a cycle with a const, which could never be evaluated. Functions alone may be recursive.
 */
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
