/**
 * Checks parsed files: names, calls, kinds, the machine. All mistakes that can be found before a
 * program runs are reported here.
 */
import type { LabConfig } from "@dmalab/devices";
import type { Registry } from "../values/registry.ts";
import type { Type } from "../values/spec.ts";
import type { Span } from "../source.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { FileLoader, LoadedFile } from "../syntax/load_files.ts";
import type { FileNode, MachineDeclaration } from "../syntax/tree/ast.ts";
import { isDeclaration } from "../syntax/tree/nodes.ts";
import {
  type ConstBinding,
  type DescribedRegister,
  type MachineParts,
  Resolution,
  Variable,
} from "./names/bindings.ts";
import { checkTypes } from "./types/statement_check.ts";
import type { TypeInference } from "./types/type_inference.ts";
import type { EarlierCheck } from "./earlier_check.ts";
import { withoutEchoes } from "./consequences.ts";
import { orderConsts } from "./names/const_order.ts";
import { ConstantEvaluator } from "../compile/constant_value.ts";
import { DataFiles } from "./names/data_files.ts";
import { FileScope } from "./names/file_scope.ts";
import { type Owner, Resolver } from "./names/resolve.ts";
import type { TornText } from "./torn_text.ts";
import { machineLets, registersOf } from "../syntax/tree/machine_entries.ts";
import { Quantity } from "../values/value.ts";

/** The machine of a program, and the names that its block may use. */
export interface ProgramMachine {
  readonly declaration: MachineDeclaration | null;
  readonly scope: FileScope;
  readonly config: LabConfig;
  /** Variables and registers that the machine's block declares besides keys. */
  readonly parts: MachineParts;
}

export interface CheckedFiles {
  readonly entry: LoadedFile;
  readonly scope: FileScope;
  readonly scopes: ReadonlyMap<LoadedFile, FileScope>;
  readonly resolution: Resolution;
  readonly machine: ProgramMachine;
  /**
   * False when the machine block has errors: then the configuration contains only its valid
   * settings.
   */
  readonly machineIsRight: boolean;
  /** Every const of every file, each after the consts it depends on. */
  readonly consts: readonly ConstBinding[];
  /** The kind of every expression. */
  readonly kinds: TypeInference;
}

/**
 * Checks a program's files. In `files`, a file comes after the files that it uses.
 *
 * @param torn Which checks to suppress after syntax errors.
 * @param earlier The check of the previous version of the entry file. This call updates it to the
 *   check of the current version.
 */
export function checkFiles(
  entry: LoadedFile,
  { files, loader }: Pick<FileLoader, "files" | "loader">,
  registry: Registry,
  bag: DiagnosticBag,
  torn: TornText | null,
  earlier: EarlierCheck | null = null,
): CheckedFiles {
  const scopes = new Map<LoadedFile, FileScope>();
  const data = new DataFiles(loader, bag);
  const earlierOf = (loaded: LoadedFile) => loaded === entry ? earlier : null;
  for (const loaded of files) {
    scopes.set(loaded, declareNames(loaded, scopes, registry, data, bag, earlierOf(loaded)));
  }
  const aboutMachine = new DiagnosticBag();
  const machine = findMachine(entry, scopes, registry, aboutMachine);
  const machineIsRight = !aboutMachine.hasErrors;
  for (const diagnostic of aboutMachine.sorted()) bag.add(diagnostic);
  const kinds = registry.globalTypes(machine.config);
  const resolution = new Resolution();
  const uses = new Map<Owner, Set<Owner>>();
  for (const [loaded, scope] of scopes) {
    const { file } = loaded;
    scope.torn = torn;
    const names = { kinds, parts: machine.parts, earlier: earlierOf(loaded) };
    resolveFile(file, scope, names, resolution, uses, bag);
    if (file !== entry.file) warnStatements(file, bag);
  }
  const consts = orderConsts(uses, bag);
  const aboutKinds = new DiagnosticBag();
  const inference = checkTypes(files, resolution, registry, aboutKinds, earlier);
  earlier?.open(placesOf([...bag.sorted(), ...aboutKinds.sorted()]));
  for (const diagnostic of withoutEchoes(aboutKinds.sorted(), bag.sorted())) bag.add(diagnostic);
  warnSameNames(entry.file, bag);
  const scope = scopes.get(entry)!;
  return { entry, scope, scopes, resolution, machine, machineIsRight, consts, kinds: inference };
}

/** The names of a machine: its devices and other things, with their kinds, and its variables. */
interface MachineNames {
  readonly kinds: ReadonlyMap<string, Type>;
  readonly parts: MachineParts;
  /** The check of the file's previous version. */
  readonly earlier?: EarlierCheck | null;
}

function placesOf(diagnostics: readonly Diagnostic[]): Span[] {
  return diagnostics.flatMap(({ related = [], span }) => [span, ...related.map((at) => at.span)]);
}

/**
 * Resolves one file. `uses` collects, for each const or function, the consts and functions that it
 * depends on.
 */
export function resolveFile(
  file: FileNode,
  scope: FileScope,
  { earlier = null, kinds, parts }: MachineNames,
  resolution: Resolution,
  uses: Map<Owner, Set<Owner>>,
  bag: DiagnosticBag,
  session = false,
): void {
  scope.machineKinds = kinds;
  scope.machine = parts;
  scope.checkMachineNames(file, bag);
  earlier?.begin(file, scope);
  const resolver = new Resolver(scope, bag, resolution, uses, earlier);
  resolver.file(file, session);
}

/** Declares the names that a file sees, once those of the files it uses are known. */
export function declareNames(
  loaded: LoadedFile,
  scopes: ReadonlyMap<LoadedFile, FileScope>,
  registry: Registry,
  data: DataFiles,
  bag: DiagnosticBag,
  earlier: EarlierCheck | null = null,
): FileScope {
  const scope = new FileScope(registry, data);
  for (const use of loaded.uses) {
    const used = scopes.get(use.loaded);
    if (used !== undefined) scope.include(used, bag, use.declaration);
  }
  scope.declareAll(loaded.file, bag, false, earlier);
  return scope;
}

/** The file's own machine block, or the block of the files that it uses. */
function findMachine(
  entry: LoadedFile,
  scopes: ReadonlyMap<LoadedFile, FileScope>,
  registry: Registry,
  bag: DiagnosticBag,
): ProgramMachine {
  const found = machinesOf(entry, new Set());
  const [first, second] = found;
  if (first !== undefined && second !== undefined) {
    bag.error(
      "E0704",
      keywordOf(second.declaration),
      first.loaded === second.loaded
        ? "The file declares two machines"
        : "Two of the used files declare a machine",
      undefined,
      [{ span: keywordOf(first.declaration), message: "the other one" }],
    );
  }
  const scope = scopes.get(first?.loaded ?? entry)!;
  const declaration = first?.declaration ?? null;
  return programMachine(declaration, scope, registry, bag);
}

/** A machine block with its configuration and variables. */
export function programMachine(
  declaration: MachineDeclaration | null,
  scope: FileScope,
  registry: Registry,
  bag: DiagnosticBag,
): ProgramMachine {
  const evaluator = new ConstantEvaluator(scope, bag);
  const config = registry.buildConfig(
    declaration,
    [],
    (value, wanted) => evaluator.evaluate(value, wanted),
    bag,
  );
  return { declaration, scope, config, parts: machineParts(declaration, scope) };
}

interface FoundMachine {
  readonly loaded: LoadedFile;
  readonly declaration: MachineDeclaration;
}

/** The machine blocks a file sees: its own, or else those of the files it uses. */
function machinesOf(loaded: LoadedFile, seen: Set<LoadedFile>): FoundMachine[] {
  if (seen.has(loaded)) return [];
  seen.add(loaded);
  const own = loaded.file.items.filter((item) => item.kind === "Machine");
  if (own.length > 0) return own.map((declaration) => ({ loaded, declaration }));
  return loaded.uses.flatMap((use) => machinesOf(use.loaded, seen));
}

/**
 * Warns of statements in a used file: they are not run, which a reader might not expect. Tests in a
 * library are allowed.
 */
function warnStatements(file: FileNode, bag: DiagnosticBag): void {
  const first = file.items.find((item) => !isDeclaration(item));
  if (first === undefined) return;
  bag.warning(
    "W0303",
    first.span,
    "This does not run: `use` imports only consts, functions and the machine",
  );
}

function keywordOf({ span: { source, start } }: MachineDeclaration): Span {
  return { source, start, end: start + "machine".length };
}

function warnSameNames(file: FileNode, bag: DiagnosticBag): void {
  const seen = new Map<string, Span>();
  for (const item of file.items) {
    if (item.kind !== "Test" && item.kind !== "Property" && item.kind !== "Bench") continue;
    const other = seen.get(item.name);
    if (other === undefined) {
      seen.set(item.name, item.nameSpan);
    } else {
      bag.add({
        code: "W0305",
        severity: "warning",
        span: item.nameSpan,
        message: `Two tests are called "${item.name}"`,
        related: [{ span: other, message: "the other one" }],
      });
    }
  }
}

/** @param scope The scope of the file that declares the machine. */
function machineParts(
  declaration: MachineDeclaration | null,
  scope: FileScope,
): MachineParts {
  if (declaration === null) return { declaration, variables: new Map(), registers: [] };
  const variables = machineLets(declaration).map((statement) => {
    const { name, value } = statement;
    return [statement, new Variable(name.text, name.span, null, "machine", value)] as const;
  });
  const evaluator = new ConstantEvaluator(scope, new DiagnosticBag());
  const registers = registersOf(declaration).flatMap((placed): DescribedRegister[] => {
    const { bar, offset } = placed.register;
    const barNumber = bar === null ? null : evaluator.evaluate(bar);
    const value = evaluator.evaluate(offset);
    const offsetBytes = value instanceof Quantity ? value.value : value;
    const isKnown = typeof offsetBytes === "number" &&
      (barNumber === null || typeof barNumber === "number");
    return isKnown ? [{ ...placed, barNumber, offsetBytes }] : [];
  });
  return { declaration, variables: new Map(variables), registers };
}
