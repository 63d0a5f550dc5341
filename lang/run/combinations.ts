/** The machines a test runs on: `with` changes one, `matrix` makes a test for each combination. */
import type { LabConfig } from "../../devices/lab_config.ts";
import type { ConfigModifier, Registry } from "../builtins/registry.ts";
import type { ProgramMachine } from "../check/check_files.ts";
import { ConstantEvaluator } from "../check/constant_value.ts";
import type { FileScope } from "../check/file_scope.ts";
import { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { spanText } from "../source.ts";
import type { Expression, MachineModifier, PathEntry } from "../syntax/ast.ts";

/** More combinations than anybody would wait for. */
const COMBINATION_LIMIT = 1000;

/** One machine of a test. */
export interface Combination {
  /** `iommu.mode = lazy, cpus = 2`; empty for a test without a matrix. */
  readonly label: string;
  readonly config: LabConfig;
}

/** Works out every combination of a test's modifiers; what is wrong goes into the bag, once. */
export function combinationsOf(
  modifiers: readonly MachineModifier[],
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): readonly Combination[] {
  if (modifiers.length === 0) return [{ label: "", config: machine.config }];
  const fixed: ConfigModifier[] = [];
  const axes: { readonly entry: PathEntry; readonly choices: readonly Expression[] }[] = [];
  for (const modifier of modifiers) {
    for (const entry of modifier.entries) {
      if (modifier.kind === "With") fixed.push(setting(entry, entry.value));
      else axes.push({ entry, choices: choicesOf(entry, scope, bag) });
    }
  }
  const count = axes.reduce((product, { choices }) => product * choices.length, 1);
  if (count > COMBINATION_LIMIT) {
    bag.error(
      "E0317",
      modifiers[0]!.span,
      `The matrix has ${count} combinations, more than ${COMBINATION_LIMIT}`,
    );
    return [];
  }
  const reported = new Set<string>();
  return product(axes.map(({ choices }) => choices)).map((chosen) => {
    const varied = chosen.map((value, index) => setting(axes[index]!.entry, value));
    const own = new DiagnosticBag();
    const evaluator = new ConstantEvaluator(machine.scope, own);
    const local = new ConstantEvaluator(scope, own);
    const settings = [...fixed, ...varied];
    const values = new Set(settings.map(({ value }) => value));
    // The block's own values mean what they mean in its file, a modifier's what they mean in ours.
    const evaluate = (value: Expression) =>
      (isInside(value, values) ? local : evaluator).evaluate(value);
    const config = registry.buildConfig(machine.declaration, settings, evaluate, own);
    addNew(own, bag, reported);
    return { label: labelOf(varied), config };
  });
}

function setting(entry: PathEntry, value: Expression): ConfigModifier {
  return { path: entry.path, value, span: entry.span };
}

/** The choices of `key = [a, b]`; the list may have a name. */
function choicesOf(entry: PathEntry, scope: FileScope, bag: DiagnosticBag): readonly Expression[] {
  let { value } = entry;
  while (value.kind === "Name") {
    const binding = scope.find(value.name, false);
    if (binding?.kind !== "const") break;
    binding.reads++;
    value = binding.declaration.value;
  }
  if (value.kind !== "List") {
    bag.error(
      "E0318",
      entry.value.span,
      "`matrix` takes a list of values",
      "`with` is for one value",
    );
    return [entry.value];
  }
  if (value.items.length === 0) {
    bag.error("E0318", entry.value.span, "The list is empty, so nothing would be run");
  }
  return value.items;
}

function product(axes: readonly (readonly Expression[])[]): Expression[][] {
  return axes.reduce<Expression[][]>(
    (rows, choices) => rows.flatMap((row) => choices.map((choice) => [...row, choice])),
    [[]],
  );
}

function labelOf(settings: readonly ConfigModifier[]): string {
  return settings
    .map(({ path, value }) =>
      `${path.map(({ text }) => text).join(".")} = ${spanText(value.span).replace(/\s+/g, " ")}`
    )
    .join(", ");
}

/** True for one of the values, or for a part of one. */
function isInside(value: Expression, values: ReadonlySet<Expression>): boolean {
  for (const { span } of values) {
    const { end, source, start } = value.span;
    if (source === span.source && start >= span.start && end <= span.end) return true;
  }
  return false;
}

/** A mistake in the machine block shows in every combination; it is reported once. */
function addNew(own: DiagnosticBag, bag: DiagnosticBag, reported: Set<string>): void {
  for (const diagnostic of own.sorted()) {
    const { code, message, span } = diagnostic;
    const key = `${code} ${span.source.name} ${span.start} ${message}`;
    if (!reported.has(key)) bag.add(diagnostic);
    reported.add(key);
  }
}
