/**
 * The machines a test runs on: `with` changes the machine of the test, `matrix` makes a test for
 * each combination.
 */
import type { LabConfig } from "@dmalab/devices";
import { formatValue } from "../render/value_text.ts";
import type { Registry } from "../values/registry.ts";
import { ListValue, type Value } from "../values/value.ts";
import type { ProgramMachine } from "../check/check_files.ts";
import { ConstantEvaluator } from "../compile/constant_value.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { type Span, spanText } from "../source.ts";
import type {
  CompareExpression,
  Expression,
  MachineModifier,
  PathEntry,
} from "../syntax/tree/ast.ts";
import {
  type ComparedMachine,
  type ConfigModifier,
  describeSettings,
  type MachineVariant,
  type VariantSetting,
} from "../values/machine_variant.ts";

/** Limit of combinations, which would otherwise run for too long. */
const COMBINATION_LIMIT = 1000;

/** Values by name: for a test with a table, those of its row. */
export type Bound = ReadonlyMap<string, Value>;

const NOTHING_BOUND: Bound = new Map();

/** One machine of a test. */
export interface Combination {
  /** `iommu.mode = lazy, cpus = 2`; empty for a test without a matrix. */
  readonly label: string;
  /** The settings of `label`, one by one. */
  readonly settings: readonly VariantSetting[];
  /** The settings of `with`, which every combination has. */
  readonly fixed: readonly VariantSetting[];
  readonly config: LabConfig;
  /** The test's changes of the machine block. */
  readonly variant: MachineVariant;
}

/** Makes every combination of a test's modifiers. Mistakes go into the bag, once. */
export function combinationsOf(
  modifiers: readonly MachineModifier[],
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
  bound: Bound = NOTHING_BOUND,
): readonly Combination[] {
  if (modifiers.length === 0) {
    return [{
      label: "",
      settings: [],
      fixed: [],
      config: machine.config,
      variant: variantIn(scope),
    }];
  }
  const fixed: ConfigModifier[] = [];
  const axes: Axis[] = [];
  for (const modifier of modifiers) {
    for (const entry of modifier.entries) {
      if (modifier.kind === "With") fixed.push(setting(entry, { value: entry.value }));
      else axes.push({ entry, choices: choicesOf(entry, "matrix", scope, bag, bound) });
    }
  }
  if (tooMany(axes, "matrix", modifiers[0]!.span, bag)) return [];
  const reported = new Set<string>();
  return choose(axes).map((varied) => {
    const own = new DiagnosticBag();
    const variant = variantIn(scope, [...fixed, ...varied], bound);
    const config = variantConfig(machine, [variant], registry, own);
    addNew(own, bag, reported);
    const settings = varied.map(settingText);
    return {
      label: describeSettings(settings),
      settings,
      fixed: fixed.map(settingText),
      config,
      variant,
    };
  });
}

/** Settings with values that may use the names of a file. */
export function variantIn(
  scope: FileScope,
  settings: readonly ConfigModifier[] = [],
  bound: Bound = NOTHING_BOUND,
): MachineVariant {
  return {
    settings,
    evaluator(bag) {
      const constants = new ConstantEvaluator(scope, bag, bound);
      const known = new Map(settings.map((each) => [each.value, each.known]));
      return (expression) => known.get(expression) ?? constants.evaluate(expression);
    },
  };
}

/** The machines of a `compare`. Mistakes of the settings go into the bag, once. */
export function comparedMachines(
  { entries, span }: CompareExpression,
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): readonly ComparedMachine[] {
  const axes = entries.map((entry) => ({
    entry,
    choices: choicesOf(entry, "compare", scope, bag),
  }));
  if (tooMany(axes, "comparison", span, bag)) return [];
  const reported = new Set<string>();
  return choose(axes).map((settings) => {
    const own = new DiagnosticBag();
    const variant = variantIn(scope, settings);
    variantConfig(machine, [variant], registry, own);
    addNew(own, bag, reported);
    return {
      settings: settings.map(settingText),
      variant,
      build(test) {
        const problems = new DiagnosticBag();
        const config = variantConfig(machine, [...test, variant], registry, problems);
        return problems.hasErrors ? problems.sorted()[0]!.message : config;
      },
    };
  });
}

/**
 * The configuration of a machine after the variants' changes; later variants override earlier ones.
 */
function variantConfig(
  machine: ProgramMachine,
  variants: readonly MachineVariant[],
  registry: Registry,
  bag: DiagnosticBag,
): LabConfig {
  const own = variantIn(machine.scope).evaluator(bag);
  const evaluators = variants.map((variant) => ({
    evaluate: variant.evaluator(bag),
    values: new Set(variant.settings.map(({ value }) => value)),
  }));
  // Names in the values of the machine block have the meaning of the block's file; names in the
  // values of a modifier have the meaning of the modifier's file.
  const evaluate = (value: Expression) =>
    (evaluators.find(({ values }) => isInside(value, values))?.evaluate ?? own)(value);
  const settings = variants.flatMap((variant) => variant.settings);
  return registry.buildConfig(machine.declaration, settings, evaluate, bag);
}

/** One value to try. */
type Choice = Pick<ConfigModifier, "known" | "value">;

/** One key and the values to try. */
interface Axis {
  readonly entry: PathEntry;
  readonly choices: readonly Choice[];
}

function tooMany(axes: readonly Axis[], noun: string, span: Span, bag: DiagnosticBag): boolean {
  const count = axes.reduce((product, { choices }) => product * choices.length, 1);
  if (count <= COMBINATION_LIMIT) return false;
  bag.error("E0317", span, `The ${noun} has ${count} combinations, more than ${COMBINATION_LIMIT}`);
  return true;
}

/** All combinations with one value for each key. */
function choose(axes: readonly Axis[]): ConfigModifier[][] {
  return product(axes.map(({ choices }) => choices)).map((chosen) =>
    chosen.map((choice, index) => setting(axes[index]!.entry, choice))
  );
}

function setting(entry: PathEntry, choice: Choice): ConfigModifier {
  return { path: entry.path, ...choice };
}

/** The values of `key = [a, b]`. The list may also be a constant, or data from a file. */
function choicesOf(
  entry: PathEntry,
  word: "matrix" | "compare",
  scope: FileScope,
  bag: DiagnosticBag,
  bound: Bound = NOTHING_BOUND,
): readonly Choice[] {
  let { value } = entry;
  while (value.kind === "Name") {
    const binding = scope.find(value.name, false);
    if (binding?.kind !== "const") break;
    binding.reads++;
    value = binding.declaration.value;
  }
  if (value.kind !== "List") {
    const found = new ConstantEvaluator(scope, new DiagnosticBag(), bound).evaluate(entry.value);
    if (found instanceof ListValue && found.items.length > 0) {
      return found.items.map((item) => ({
        known: wordOf(item, scope.registry),
        value: { ...entry.value },
      }));
    }
    bag.error(
      "E0318",
      entry.value.span,
      `\`${word}\` takes a list of values`,
      word === "matrix" ? "`with` is for one value" : "`[…]` around it makes a list of one",
    );
    return [{ value: entry.value }];
  }
  if (value.items.length === 0) {
    bag.error("E0318", entry.value.span, "The list is empty: nothing would run");
  }
  return value.items.map((item) => ({ value: item }));
}

/** Data from a file contains strings only: a string that spells a word means that word. */
function wordOf(item: Value, { words }: Registry): Value {
  return typeof item === "string" ? words.get(item) ?? item : item;
}

/** All combinations with one value from each axis; the last axis changes fastest. */
export function product<T>(axes: readonly (readonly T[])[]): T[][] {
  return axes.reduce<T[][]>(
    (rows, choices) => rows.flatMap((row) => choices.map((choice) => [...row, choice])),
    [[]],
  );
}

function settingText({ known, path, value }: ConfigModifier): VariantSetting {
  return {
    key: path.map(({ text }) => text).join("."),
    value: known === undefined
      ? spanText(value.span).replace(/\s+/g, " ")
      : formatValue(known, null, true),
  };
}

/** Whether the expression is one of the values, or a part of one. */
function isInside(value: Expression, values: ReadonlySet<Expression>): boolean {
  for (const { span } of values) {
    const { end, source, start } = value.span;
    if (source === span.source && start >= span.start && end <= span.end) return true;
  }
  return false;
}

/** Adds only new diagnostics: a mistake in the machine block appears in every combination. */
function addNew(own: DiagnosticBag, bag: DiagnosticBag, reported: Set<string>): void {
  for (const diagnostic of own.sorted()) {
    const { code, message, span } = diagnostic;
    const key = `${code} ${span.source.name} ${span.start} ${message}`;
    if (!reported.has(key)) bag.add(diagnostic);
    reported.add(key);
  }
}
