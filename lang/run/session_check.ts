/**
 * An input of a session, checked and compiled, with all data that is needed to run it and to repeat
 * it.
 */
import type { Registry } from "../values/registry.ts";
import {
  declareNames,
  type ProgramMachine,
  programMachine,
  resolveFile,
} from "../check/check_files.ts";
import { Resolution, Variable } from "../check/names/bindings.ts";
import { orderConsts } from "../check/names/const_order.ts";
import { DataFiles } from "../check/names/data_files.ts";
import { FileScope } from "../check/names/file_scope.ts";
import type { Owner } from "../check/names/resolve.ts";
import { checkTypes } from "../check/types/statement_check.ts";
import { type ConstCode, ProgramCompiler, shownExpression } from "../compile/compile_program.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { firstMistakes } from "../diagnostics/first_mistakes.ts";
import type { SourceFile } from "../source.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { isDeclaration } from "../syntax/tree/nodes.ts";
import { parse } from "../syntax/parse.ts";
import { refuseCDrivers } from "./c_drivers.ts";
import { FileLoader, type LoadedFile, type SourceLoader } from "../syntax/load_files.ts";
import { driversOf, findComparedMachines } from "./program.ts";

/** The name of the value that was shown last. */
export const LAST_VALUE = "_";

/** The session's names after an input, used to check the next input. */
export interface SessionNames {
  readonly scope: FileScope;
  readonly machine: ProgramMachine;
  /** All constants, in the order of their evaluation. */
  readonly consts: readonly ConstCode[];
  /** Globals of withdrawn names: the input that declared such a name gave it no value. */
  readonly valueless: ReadonlySet<number>;
}

export interface PreparedStatement {
  readonly functionIndex: number;
  readonly shown: boolean;
  readonly isCall: boolean;
}

/** An input without errors. */
export interface PreparedInput {
  readonly file: FileNode;
  readonly scope: FileScope;
  readonly machine: ProgramMachine;
  /** Whether the input declares another machine than the session's. */
  readonly newMachine: boolean;
  readonly consts: readonly ConstCode[];
  readonly statements: readonly PreparedStatement[];
  /** The global that stores the value shown last; null if there is no such global. */
  readonly lastValue: number | null;
  /** Warnings about the input. */
  readonly diagnostics: readonly Diagnostic[];
}

export type ReadInput =
  | { readonly kind: "prepared"; readonly input: PreparedInput }
  | { readonly kind: "incomplete" }
  | { readonly kind: "wrong"; readonly diagnostics: readonly Diagnostic[] };

/**
 * The tables for checking and compiling a session's inputs. All states of a session share one set
 * of tables, which only grows.
 */
export class SessionCode {
  readonly resolution: Resolution = new Resolution();
  readonly compiler: ProgramCompiler;

  /** @param followed Whether statements are marked, so that a listener can follow a run. */
  constructor(
    readonly registry: Registry,
    readonly loader: SourceLoader,
    followed: boolean,
  ) {
    this.compiler = new ProgramCompiler(registry, this.resolution, followed);
  }

  /** The session's names before its first input, with a machine without devices. */
  firstNames(): SessionNames {
    const { registry } = this;
    const scope = new FileScope(registry, new DataFiles(this.loader, new DiagnosticBag()));
    const machine = programMachine(null, scope, registry, new DiagnosticBag());
    scope.machineKinds = registry.globalTypes(machine.config);
    scope.machine = machine.parts;
    return {
      scope,
      machine,
      consts: [],
      valueless: new Set(),
    };
  }

  /** Reads an input with copies of the session's names, so that a wrong input changes nothing. */
  read(source: SourceFile, isFile: boolean, known: SessionNames): ReadInput {
    const { diagnostics, file, incomplete } = parse(source, { mode: "repl" });
    if (incomplete && !isFile) return { kind: "incomplete" };
    const bag = new DiagnosticBag();
    for (const diagnostic of diagnostics) bag.add(diagnostic);
    const checked = bag.hasErrors ? null : this.#check(file, known, bag);
    if (checked === null || bag.hasErrors) {
      return { kind: "wrong", diagnostics: firstMistakes(bag.sorted()) };
    }
    const { compiler } = this;
    const newMachine = checked.machine !== known.machine;
    const consts = [
      ...compiler.consts(checked.consts),
      ...newMachine ? compiler.machine(checked.machine.parts) : [],
    ];
    for (const { file } of checked.files) {
      for (const item of file.items) if (item.kind === "Function") compiler.function(item);
    }
    const statements = file.items.filter((item) => !isDeclaration(item)).map((statement) => ({
      functionIndex: compiler.sessionStatement(statement),
      shown: shownExpression(statement) !== null,
      isCall: statement.kind === "Expression" && statement.expression.kind === "Call",
    }));
    const { machine, scope } = checked;
    const lastValue = !isFile && statements.some(({ shown }) => shown)
      ? this.#lastValue(file, scope)
      : null;
    const input = { file, scope, machine, newMachine, consts, statements, lastValue };
    return {
      kind: "prepared",
      input: { ...input, diagnostics: firstMistakes(bag.sorted()) },
    };
  }

  /** Declares the name of the last value for later inputs. @returns The name's global. */
  #lastValue({ span }: FileNode, scope: FileScope): number {
    const variable = scope.variables.get(LAST_VALUE) ??
      new Variable(LAST_VALUE, span, null, "let", null);
    scope.variables.set(LAST_VALUE, variable);
    return this.compiler.tables.variableGlobal(variable);
  }

  #check(file: FileNode, known: SessionNames, bag: DiagnosticBag): Checked | null {
    const { registry, resolution } = this;
    const loader = new FileLoader(this.loader, bag);
    const data = new DataFiles(this.loader, bag);
    const loaded = loader.withUses(file);
    refuseCDrivers(loader.files, bag);
    if (bag.hasErrors) return null;
    const uses = new Map<Owner, Set<Owner>>();
    const scope = new FileScope(registry, data, known.scope.declared, known.scope.variables);
    const scopes = new Map<LoadedFile, FileScope>([[loaded, scope]]);
    for (const other of loader.files) {
      if (other !== loaded) {
        scopes.set(other, declareNames(other, scopes, registry, data, bag));
      }
    }
    for (const use of loaded.uses) scope.include(scopes.get(use.loaded)!, bag, use.declaration);
    scope.declareAll(file, bag, true);
    const machine = this.#findMachine(loaded, scope, scopes, bag) ?? known.machine;
    const kinds = registry.globalTypes(machine.config);
    // Drop the variables: their values may refer to devices and memory of the old machine.
    if (machine !== known.machine) scope.variables.clear();
    for (const [{ file }, each] of scopes) {
      const names = { kinds, parts: machine.parts };
      resolveFile(file, each, names, resolution, uses, bag, each === scope);
    }
    const consts = orderConsts(uses, bag);
    if (bag.hasErrors) return null;
    findComparedMachines({ machine, resolution, scopes }, registry, bag);
    checkTypes(scopes.keys(), resolution, registry, bag);
    driversOf(file, { scope, resolution, registry, bag });
    return { scope, machine, consts, files: [...scopes.keys()] };
  }

  /** The machine declared by an input, or by a file that it uses; null without one. */
  #findMachine(
    loaded: LoadedFile,
    scope: FileScope,
    scopes: ReadonlyMap<LoadedFile, FileScope>,
    bag: DiagnosticBag,
  ): ProgramMachine | null {
    const candidates = [loaded, ...[...scopes.keys()].filter((other) => other !== loaded)];
    for (const candidate of candidates) {
      const declaration = candidate.file.items.find((item) => item.kind === "Machine");
      if (declaration === undefined) continue;
      const own = scopes.get(candidate) ?? scope;
      return programMachine(declaration, own, this.registry, bag);
    }
    return null;
  }
}

interface Checked {
  readonly scope: FileScope;
  readonly machine: ProgramMachine;
  readonly consts: Parameters<ProgramCompiler["consts"]>[0];
  readonly files: readonly LoadedFile[];
}
