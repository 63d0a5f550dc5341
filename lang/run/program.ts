/** Loads source text. The result is a program that can be run, or the list of its errors. */
import type { Registry } from "../values/registry.ts";
import { type CheckedFiles, checkFiles, type ProgramMachine } from "../check/check_files.ts";
import { withoutConsequences } from "../check/consequences.ts";
import { TornText } from "../check/torn_text.ts";
import type { FunctionBinding } from "../check/names/bindings.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import { warnUnused } from "../check/names/unused.ts";
import { type ConstCode, ProgramCompiler, type RegisterCode } from "../compile/compile_program.ts";
import { bugDiagnostic } from "../diagnostics/bug.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { firstMistakes } from "../diagnostics/first_mistakes.ts";
import type { SourceFile } from "../source.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { comparisonsIn } from "../syntax/tree/walk.ts";
import type { Code } from "../vm/code.ts";
import { hostLimit } from "../vm/host_limits.ts";
import { LimitError } from "../values/script_error.ts";
import {
  type DriverContext,
  type DriverEntry,
  type DriverFunction,
  readDriver,
} from "./driver_entry.ts";
import { withCDrivers } from "./c_drivers.ts";
import { comparedMachines, variantIn } from "./combinations.ts";
import type { MachineVariant } from "../values/machine_variant.ts";
import { compileTest, type TestEntry } from "./test_entry.ts";
import { type AnyTest, type TestVariants, testVariants } from "./test_variants.ts";
import type { FileVersions } from "./file_versions.ts";
import { FileLoader, type LoadedFile, type SourceLoader } from "../syntax/load_files.ts";

/** A program that was read, checked and compiled: `runProgram` runs it. */
export interface Program {
  /** The file that was loaded. */
  readonly source: SourceFile;
  /** Every file of the program; a file comes after the files that it uses. */
  readonly files: readonly SourceFile[];
  /** @internal */
  readonly registry: Registry;
  /** @internal */
  readonly code: Code;
  /** @internal */
  readonly machine: ProgramMachine;
  /**
   * Indexes of the globals that the machine binds, by name.
   * @internal
   */
  readonly machineGlobals: ReadonlyMap<string, number>;
  /** @internal */
  readonly consts: readonly ConstCode[];
  /** @internal */
  readonly registers: readonly RegisterCode[];
  /**
   * The machine block without changes, for the top-level statements.
   * @internal
   */
  readonly variant: MachineVariant;
  /**
   * Index of the function with the top-level statements; null without top-level statements.
   * @internal
   */
  readonly main: number | null;
  /** The program's tests, properties and benches, one entry for each machine on which they run. */
  readonly tests: readonly TestEntry[];
  /**
   * The file's drivers for the hunt.
   * @internal
   */
  readonly drivers: readonly DriverEntry[];
  /**
   * The context for compiling a debugger's expressions; null unless statements are marked.
   * @internal
   */
  readonly follow: DebugBuild | null;
}

/**
 * The context for compiling expressions that are evaluated in a paused run with marked statements.
 */
export interface DebugBuild {
  readonly compiler: ProgramCompiler;
  readonly scope: FileScope;
}

/** A program, or its errors. */
export interface LoadResult {
  /** Null when there are errors. */
  readonly program: Program | null;
  /** Errors and warnings, by file and place. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A program without errors, before it is compiled. */
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

/**
 * The diagnostic for an error that was thrown while a program was read: a limit of the host, or a
 * bug of dmalab.
 */
export function brokenOff(error: unknown, source: SourceFile): Diagnostic {
  const span = { source, start: 0, end: 0 };
  const limit = error instanceof LimitError ? error : hostLimit(error);
  if (limit === null) return bugDiagnostic(error, span);
  const hint = limit.hint ?? undefined;
  return { code: limit.code, severity: "error", span, message: limit.message, hint };
}

/** The parts of a program that can be understood in spite of errors, for editors. */
export interface UnderstoodProgram {
  readonly loaded: LoadedFile;
  readonly checked: CheckedFiles;
  /** The mistakes in the program's file and in the files that it uses, by file and place. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a program, with the names and types of the parts that can be understood.
 *
 * @param versions The versions of the file so far. The next version takes over nodes of the
 *   previous one, so the result of the previous version must not be used any more.
 */
export function understandProgram(
  entry: SourceFile,
  loader: SourceLoader,
  registry: Registry,
  versions: FileVersions | null = null,
): UnderstoodProgram {
  const read = readProgram(entry, loader, registry, versions);
  if (versions === null || versions.checks.holds) return read;
  versions.forget();
  return readProgram(entry, loader, registry, versions);
}

interface ReadProgram extends UnderstoodProgram {
  readonly right: RightProgram | null;
}

function readProgram(
  entry: SourceFile,
  loader: SourceLoader,
  plain: Registry,
  versions: FileVersions | null = null,
): ReadProgram {
  const bag = new DiagnosticBag();
  const files = new FileLoader(loader, bag);
  const reader = versions?.reader;
  const loaded = files.load(entry, reader && ((source) => reader.parse(source)));
  const torn = bag.hasErrors ? new TornText(files.files, bag.sorted()) : null;
  const found = torn === null ? bag : new DiagnosticBag();
  const registry = withCDrivers(files.files, loader, plain, found);
  const checked = checkFiles(loaded, files, registry, found, torn, versions?.checks);
  if (torn !== null) {
    for (const diagnostic of found.sorted()) if (torn.trusts(diagnostic)) bag.add(diagnostic);
  }
  const machineIsRight = checked.machineIsRight && torn === null;
  // Changes of a wrong machine block would only repeat the block's errors.
  const variants = machineIsRight ? variantsOf(checked, registry, bag) : new Map();
  if (machineIsRight) findComparedMachines(checked, registry, bag);
  const { resolution, scope } = checked;
  const drivers = machineIsRight
    ? driversOf(loaded.file, { scope, resolution, registry, bag })
    : [];
  if (bag.hasErrors) {
    const { declaration } = checked.machine;
    const diagnostics = withoutConsequences(bag.sorted(), declaration?.span ?? null);
    return { loaded, checked, right: null, diagnostics: firstMistakes(diagnostics) };
  }
  warnUnused(loaded.file, checked.scope, checked.resolution, bag);
  const right = { files: files.files, loaded, checked, variants, drivers, registry };
  return { loaded, checked, right, diagnostics: firstMistakes(bag.sorted()) };
}

/**
 * Loads, checks and compiles a program.
 *
 * @param followed True to mark the program's statements, so that a recording contains the current
 *   statement.
 */
export function loadProgram(
  entry: SourceFile,
  loader: SourceLoader,
  plain: Registry,
  followed = false,
): LoadResult {
  try {
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
  } catch (error) {
    return { program: null, diagnostics: [brokenOff(error, entry)] };
  }
}

/** The drivers that a file marks. Mistakes in a driver are reported to the bag. */
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
