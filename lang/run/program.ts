/** From source text to a program that can be run, or to the reasons why not. */
import type { LabConfig } from "../../devices/lab_config.ts";
import type { Registry } from "../values/registry.ts";
import { type CheckedFiles, checkFiles, type ProgramMachine } from "../check/check_files.ts";
import { ConstantEvaluator } from "../check/kinds/constant_value.ts";
import { withoutConsequences } from "../check/consequences.ts";
import type { FunctionBinding } from "../check/names/bindings.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { warnUnused } from "../check/names/unused.ts";
import { type ConstCode, ProgramCompiler, type RegisterCode } from "../compile/compile_program.ts";
import { bugDiagnostic } from "../diagnostics/bug.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { firstMistakes } from "../diagnostics/first_mistakes.ts";
import type { SourceFile, Span } from "../source.ts";
import type {
  BenchDeclaration,
  CallExpression,
  Expression,
  FileNode,
  PropertyDeclaration,
  Statement,
  TestDeclaration,
} from "../syntax/tree/ast.ts";
import { innerBlocks, statementExpressions } from "../syntax/tree/statement_kinds.ts";
import { comparisonsIn, someExpression } from "../syntax/tree/walk.ts";
import type { Code } from "../vm/code.ts";
import { hostLimit } from "../vm/host_limits.ts";
import { LimitError } from "../values/script_error.ts";
import { ListValue, RangeValue, type Value } from "../values/value.ts";
import { isSequenceCall } from "../check/kinds/sequence_call.ts";
import { type SequenceChoices, sequenceChoices } from "../values/sequences.ts";
import {
  type DriverContext,
  type DriverEntry,
  type DriverFunction,
  readDriver,
} from "./driver_entry.ts";
import { withCDrivers } from "./c_drivers.ts";
import { type Combination, combinationsOf, comparedMachines, variantIn } from "./combinations.ts";
import type { MachineSetting, MachineVariant } from "../values/machine_variant.ts";
import { type TableRow, tableRows } from "./table_rows.ts";
import { FileLoader, type LoadedFile, type SourceLoader } from "../syntax/load_files.ts";

/** A name of a property's `forall` and what it may be. */
export interface ForallValues {
  readonly name: string;
  readonly values: RangeValue | ListValue | SequenceChoices;
}

export interface BudgetCode {
  readonly functionIndex: number;
  readonly span: Span;
  readonly perIteration: boolean;
}

/** One test, property or bench on one machine. */
export interface TestEntry {
  /** What it was declared as. */
  readonly kind: "test" | "property" | "bench";
  /** Its name. */
  readonly name: string;
  /** The machine's part of the name: `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /**
   * The same, one by one.
   * @internal
   */
  readonly settings: readonly MachineSetting[];
  /** Where its name stands. */
  readonly span: Span;
  /** It is declared and not run. */
  readonly skip: boolean;
  /** All that its machine is built from. */
  readonly config: LabConfig;
  /**
   * What it changes of the machine block.
   * @internal
   */
  readonly variant: MachineVariant;
  /** @internal */
  readonly functionIndex: number;
  /** @internal */
  readonly declaration: AnyTest;
  /**
   * Of a test of a table: its row.
   * @internal
   */
  readonly args: readonly Value[];
  /**
   * Of a property.
   * @internal
   */
  readonly forall: readonly ForallValues[];
  /**
   * Of a bench.
   * @internal
   */
  readonly budgets: readonly BudgetCode[];
  /**
   * True when a bench asks for events, so that they must be kept.
   * @internal
   */
  readonly usesEvents: boolean;
}

/** A program that was read, checked and compiled: `runProgram` runs it. */
export interface Program {
  /** The file that was loaded. */
  readonly source: SourceFile;
  /** Every file it consists of, the used ones first. */
  readonly files: readonly SourceFile[];
  /** @internal */
  readonly registry: Registry;
  /** @internal */
  readonly code: Code;
  /** @internal */
  readonly machine: ProgramMachine;
  /**
   * Globals that the machine binds, by name.
   * @internal
   */
  readonly machineGlobals: ReadonlyMap<string, number>;
  /** @internal */
  readonly consts: readonly ConstCode[];
  /** @internal */
  readonly registers: readonly RegisterCode[];
  /**
   * The machine block as it stands: what the top-level statements run on.
   * @internal
   */
  readonly variant: MachineVariant;
  /**
   * The top-level statements; null when there are none.
   * @internal
   */
  readonly main: number | null;
  /** Its tests, properties and benches, one for each machine they run on. */
  readonly tests: readonly TestEntry[];
  /**
   * What the file marks for the hunt.
   * @internal
   */
  readonly drivers: readonly DriverEntry[];
  /**
   * Of a program whose runs can be followed: what looks are compiled with.
   * @internal
   */
  readonly follow: Followed | null;
}

/** What is needed to compile a look at a run: its statements are marked. */
export interface Followed {
  readonly compiler: ProgramCompiler;
  readonly scope: FileScope;
}

/** A program, or what is wrong with it. */
export interface LoadResult {
  /** Null when there are errors. */
  readonly program: Program | null;
  /** Errors and warnings, by file and place. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A program with nothing wrong in it, before it is compiled. */
interface RightProgram {
  readonly files: readonly LoadedFile[];
  readonly loaded: LoadedFile;
  readonly checked: CheckedFiles;
  readonly variants: ReadonlyMap<AnyTest, TestVariants>;
  readonly drivers: readonly DriverEntry<FunctionBinding>[];
  readonly registry: Registry;
}

/** Loads and checks a program; errors are ordered by file and place. */
export function checkProgram(
  entry: SourceFile,
  loader: SourceLoader,
  registry: Registry,
): readonly Diagnostic[] {
  try {
    return readProgram(entry, loader, registry).diagnostics;
  } catch (error) {
    return [brokenOff(error, entry)];
  }
}

/** Why a text could not be read to its end: it is too much for the host, or dmalab is wrong. */
export function brokenOff(error: unknown, source: SourceFile): Diagnostic {
  const span = { source, start: 0, end: 0 };
  const limit = error instanceof LimitError ? error : hostLimit(error);
  if (limit === null) return bugDiagnostic(error, span);
  const hint = limit.hint ?? undefined;
  return { code: limit.code, severity: "error", span, message: limit.message, hint };
}

function readProgram(
  entry: SourceFile,
  loader: SourceLoader,
  plain: Registry,
): { readonly right: RightProgram | null; readonly diagnostics: readonly Diagnostic[] } {
  const bag = new DiagnosticBag();
  const files = new FileLoader(loader, bag);
  const loaded = files.entry(entry);
  // A tree with error nodes has no meaning to be checked.
  if (bag.hasErrors) return { right: null, diagnostics: firstMistakes(bag.sorted()) };
  const registry = withCDrivers(files.files, loader, plain, bag);
  const checked = checkFiles(loaded, files, registry, bag);
  const { machineIsRight } = checked;
  // What changes a machine that is wrong would repeat what is wrong with it.
  const variants = machineIsRight ? variantsOf(checked, registry, bag) : new Map();
  if (machineIsRight) findComparedMachines(checked, registry, bag);
  const { resolution, scope } = checked;
  const drivers = machineIsRight
    ? driversOf(loaded.file, { scope, resolution, registry, bag })
    : [];
  if (bag.hasErrors) {
    const { declaration } = checked.machine;
    return {
      right: null,
      diagnostics: firstMistakes(withoutConsequences(bag.sorted(), declaration?.span ?? null)),
    };
  }
  warnUnused(loaded.file, checked.scope, checked.resolution, bag);
  const right = { files: files.files, loaded, checked, variants, drivers, registry };
  return { right, diagnostics: firstMistakes(bag.sorted()) };
}

/**
 * Loads, checks and compiles a program.
 *
 * @param followed Whether its statements are marked, so that a recording can tell where it was.
 */
export function loadProgram(
  entry: SourceFile,
  loader: SourceLoader,
  registry: Registry,
  followed = false,
): LoadResult {
  try {
    return compiledProgram(entry, loader, registry, followed);
  } catch (error) {
    return { program: null, diagnostics: [brokenOff(error, entry)] };
  }
}

function compiledProgram(
  entry: SourceFile,
  loader: SourceLoader,
  plain: Registry,
  followed: boolean,
): LoadResult {
  const { diagnostics, right } = readProgram(entry, loader, plain);
  if (right === null) return { program: null, diagnostics };
  const { checked, drivers, files, loaded, registry, variants } = right;
  const compiler = new ProgramCompiler(registry, checked.resolution, followed);
  const { parts } = checked.machine;
  const consts = [...compiler.consts(checked.consts), ...compiler.machine(parts)];
  for (const { file } of files) {
    for (const item of file.items) if (item.kind === "Function") compiler.function(item);
  }
  const program: Program = {
    source: entry,
    files: files.map(({ file }) => file.span.source),
    registry,
    code: compiler.code,
    machine: checked.machine,
    machineGlobals: compiler.tables.machineGlobals,
    consts,
    registers: compiler.registers(parts),
    variant: variantIn(checked.scope),
    main: compiler.main(loaded.file),
    tests: [...variants].flatMap(([declaration, variant]) =>
      compileTest(declaration, variant, compiler)
    ),
    drivers: drivers.map((driver) => compileDriver(driver, compiler)),
    follow: followed ? { compiler, scope: checked.scope } : null,
  };
  return { program, diagnostics };
}

/** The drivers that a file marks; what is wrong with one goes into the bag. */
export function driversOf(
  file: FileNode,
  context: DriverContext,
): readonly DriverEntry<FunctionBinding>[] {
  return file.items.flatMap((item) => {
    if (item.kind !== "Driver") return [];
    const driver = readDriver(item, context);
    return driver === null ? [] : [driver];
  });
}

function compileDriver(
  driver: DriverEntry<FunctionBinding>,
  { tables }: ProgramCompiler,
): DriverEntry {
  const compiled = (each: DriverFunction<FunctionBinding>): DriverFunction => ({
    ...each,
    function: tables.functionIndex(each.function.declaration),
  });
  const { map, takes, unmap } = driver;
  return {
    ...driver,
    map: compiled(map),
    unmap: compiled(unmap),
    takes: takes === null ? null : compiled(takes),
  };
}

export type AnyTest = TestDeclaration | PropertyDeclaration | BenchDeclaration;

/** What is known of a test before it is compiled. */
export interface TestVariants {
  /** A test for each row of its table, one for a test without, and for each the machines it runs on. */
  readonly rows: readonly (TableRow & { readonly combinations: readonly Combination[] })[];
  readonly forall: readonly ForallValues[];
}

function variantsOf(
  checked: CheckedFiles,
  registry: Registry,
  bag: DiagnosticBag,
): Map<AnyTest, TestVariants> {
  const variants = new Map<AnyTest, TestVariants>();
  for (const item of checked.entry.file.items) {
    if (item.kind !== "Test" && item.kind !== "Property" && item.kind !== "Bench") continue;
    variants.set(item, testVariants(item, checked.machine, checked.scope, registry, bag));
  }
  return variants;
}

/** Works out the machines of every `compare`. */
export function findComparedMachines(
  { machine, resolution, scopes }: Pick<CheckedFiles, "machine" | "resolution" | "scopes">,
  registry: Registry,
  bag: DiagnosticBag,
): void {
  for (const [{ file }, scope] of scopes) {
    for (const item of file.items) {
      for (const comparison of comparisonsIn(item)) {
        const machines = comparedMachines(comparison, machine, scope, registry, bag);
        resolution.comparisons.set(comparison, machines);
      }
    }
  }
}

/** The machines a test runs on, and the values of its `forall`. */
export function testVariants(
  test: AnyTest,
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): TestVariants {
  const rows = test.kind === "Test" && test.table !== null
    ? tableRows(test, test.table, scope, bag)
    : [{ name: test.name, args: [], bound: new Map() }];
  return {
    rows: withCombinations(test, rows, machine, scope, registry, bag),
    forall: test.kind === "Property" ? forallValues(test, scope, bag) : [],
  };
}

/** Rows with their machines: the same for all, unless what changes the machine names the row. */
function withCombinations(
  test: AnyTest,
  rows: readonly TableRow[],
  machine: ProgramMachine,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): TestVariants["rows"] {
  const combinations = ({ bound }: TableRow, own: DiagnosticBag) =>
    combinationsOf(test.modifiers, machine, scope, registry, own, bound);
  const [first] = rows;
  if (first === undefined) return [];
  const ofFirst = combinations(first, bag);
  const isRow = (inner: Expression) => inner.kind === "Name" && first.bound.has(inner.name);
  const namesRow = test.modifiers.some(({ entries }) =>
    entries.some(({ value }) => someExpression(value, isRow))
  );
  return rows.map((row) => {
    if (row === first || !namesRow || bag.hasErrors) return { ...row, combinations: ofFirst };
    return { ...row, combinations: combinations(row, bag) };
  });
}

function forallValues(
  property: PropertyDeclaration,
  scope: FileScope,
  bag: DiagnosticBag,
): ForallValues[] {
  const evaluator = new ConstantEvaluator(scope, bag);
  const all: ForallValues[] = [];
  for (const { name, values: expression } of property.forall) {
    if (isSequenceCall(expression)) {
      const choices = readSequence(expression, evaluator, bag);
      if (choices !== null) all.push({ name: name.text, values: choices });
      continue;
    }
    const values = evaluator.evaluate(expression);
    if (values === undefined) continue;
    if (!(values instanceof RangeValue || values instanceof ListValue)) {
      bag.error("E0405", expression.span, "`forall` takes a range or a list");
    } else if (isEmpty(values)) {
      bag.error("E0405", expression.span, "There is nothing to choose from: it is empty");
    } else {
      all.push({ name: name.text, values });
    }
  }
  return all;
}

/** The choices of `sequence(0..=20, { … })`; what is wrong with them goes into the bag. */
function readSequence(
  call: CallExpression,
  evaluator: ConstantEvaluator,
  bag: DiagnosticBag,
): SequenceChoices | null {
  // How many arguments there are, and their names, the checker has looked at.
  const given = (name: string, place: number) => {
    const { arguments: all } = call;
    const argument = all.find((each) => each.name?.text === name) ?? all[place];
    return argument === undefined ? undefined : evaluator.evaluate(argument.value);
  };
  const length = given("length", 0);
  const of = given("of", 1);
  if (length === undefined || of === undefined) return null;
  const choices = sequenceChoices(length, of);
  if (typeof choices !== "string") return choices;
  bag.error("E0405", call.span, choices);
  return null;
}

function isEmpty(values: RangeValue | ListValue): boolean {
  return values instanceof RangeValue ? values.end <= values.first : values.items.length === 0;
}

/** Compiles a test once; each combination is an entry of its own. */
export function compileTest(
  test: AnyTest,
  variants: TestVariants,
  compiler: ProgramCompiler,
): TestEntry[] {
  const budgets = test.kind === "Bench" ? test.budgets : [];
  const common = {
    span: test.nameSpan,
    skip: test.skip,
    declaration: test,
    functionIndex: test.kind === "Test"
      ? compiler.test(test)
      : test.kind === "Property"
      ? compiler.property(test)
      : compiler.bench(test),
    forall: variants.forall,
    budgets: budgets.map((budget) => ({
      functionIndex: compiler.budget(budget),
      span: budget.span,
      perIteration: budget.perIteration,
    })),
    usesEvents: usesEvents(test),
    kind: test.kind.toLowerCase() as TestEntry["kind"],
  };
  return variants.rows.flatMap(({ args, combinations, name }) =>
    combinations.map(({ config, label, settings, variant }) => ({
      ...common,
      args,
      name,
      combination: label,
      settings,
      config,
      variant,
    }))
  );
}

/** True when a bench asks for events or commands: then they must be kept. */
function usesEvents(statement: Statement): boolean {
  if (statement.kind === "ExpectEvents") return true;
  if (statementExpressions(statement).some((one) => someExpression(one, asksForEvents))) {
    return true;
  }
  for (const block of innerBlocks(statement)) if (block.statements.some(usesEvents)) return true;
  return false;
}

function asksForEvents(expression: Expression): boolean {
  switch (expression.kind) {
    case "Trace":
      return true;
    case "Field":
      return ["events", "command"].includes(expression.field.text);
    case "Name":
      return expression.name === "events";
    default:
      return false;
  }
}
