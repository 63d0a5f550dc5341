/** The order in which consts are worked out: each after those it needs. */
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
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
  const path: Owner[] = [];
  const visit = (owner: Owner) => {
    if (finished.has(owner)) return;
    const from = path.indexOf(owner);
    if (from >= 0) {
      reportCircle(path.slice(from), bag);
      return;
    }
    path.push(owner);
    for (const used of uses.get(owner) ?? []) visit(used);
    path.pop();
    finished.add(owner);
    if (owner.kind === "const") ordered.push(owner);
  };
  for (const owner of uses.keys()) if (owner.kind === "const") visit(owner);
  return ordered;
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
      : `\`${name.text}\` needs itself, by way of ${way.join(", ")}`,
  );
}
