/**
 * The names that a file sees at its top level: its own names, those of the files that it uses, and
 * the built-in names.
 */
import type { Registry } from "../../values/registry.ts";
import type { Type } from "../../values/spec.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import { type Hint, similarNames } from "../../diagnostics/suggest.ts";
import type { FileNode, Statement } from "../../syntax/tree/ast.ts";
import type { TornText } from "../torn_text.ts";
import type { DataFiles } from "./data_files.ts";
import type { Declared, MachineParts, NameBinding, Variable } from "./bindings.ts";

/** The bindings of the previous version of a file. */
interface EarlierBindings {
  /** The binding that a declaration had; undefined for a new or changed declaration. */
  bindingOf(declaration: Statement): Declared | undefined;
}

/** Calls that take the place of functions of other languages. */
const METHODS_INSTEAD: Readonly<Record<string, string>> = {
  max: "`[a, b].max()`",
  min: "`[a, b].min()`",
};

export class FileScope {
  /** Names the machine binds, with their kinds; known once the machine block is read. */
  machineKinds: ReadonlyMap<string, Type> = new Map();
  /** What the machine's blocks contain besides keys, such as variables and registers. */
  machine: MachineParts | null = null;
  /**
   * The parts of the program that are unreliable after syntax errors; null without syntax errors.
   */
  torn: TornText | null = null;
  /** Consts and functions: the file's own, and all that are visible in the files it uses. */
  readonly declared: Map<string, Declared>;
  /** Variables of a session, or of the file's top level while it is checked. */
  readonly variables: Map<string, Variable>;

  /** @param data Reads the data files that the text names. */
  constructor(
    readonly registry: Registry,
    readonly data: DataFiles,
    declared: ReadonlyMap<string, Declared> = new Map(),
    variables: ReadonlyMap<string, Variable> = new Map(),
  ) {
    this.declared = new Map(declared);
    this.variables = new Map(variables);
  }

  /** Adds the names that a used file sees. */
  include(other: FileScope, bag: DiagnosticBag, use: { readonly span: FileNode["span"] }): void {
    for (const [name, binding] of other.declared) {
      const known = this.declared.get(name);
      if (known !== undefined && known.declaration !== binding.declaration) {
        bag.error(
          "E0705",
          use.span,
          `\`${name}\` is declared in two of the used files`,
          "rename one of them",
          [known, binding].map((each) => ({
            span: each.declaration.name.span,
            message: `\`${name}\` is declared here`,
          })),
        );
      } else {
        this.declared.set(name, binding);
      }
    }
  }

  /**
   * Declares the file's own consts and functions.
   *
   * @param redeclare True in a session, where a later input may replace an earlier one.
   * @param earlier The check of the previous version: bindings of unchanged declarations are kept.
   */
  declareAll(
    file: FileNode,
    bag: DiagnosticBag,
    redeclare = false,
    earlier: EarlierBindings | null = null,
  ): void {
    const own = new Set<string>();
    for (const item of file.items) {
      if (item.kind !== "Const" && item.kind !== "Function") continue;
      const name = item.name.text;
      const known = this.declared.get(name);
      if (own.has(name) || known !== undefined && !redeclare) {
        bag.error(
          "E0302",
          item.name.span,
          `\`${name}\` is already declared`,
          "choose another name",
          known && [{ span: known.declaration.name.span, message: "declared here first" }],
        );
        continue;
      }
      own.add(name);
      const kept = earlier?.bindingOf(item);
      if (kept !== undefined) kept.reads = 0;
      const binding: Declared = kept ??
        (item.kind === "Const"
          ? { kind: "const", declaration: item, reads: 0 }
          : { kind: "function", declaration: item, reads: 0 });
      this.declared.set(name, binding);
    }
  }

  checkMachineNames(file: FileNode, bag: DiagnosticBag): void {
    for (const { declaration } of this.declared.values()) {
      const { span, text } = declaration.name;
      if (span.source === file.span.source && this.machineKinds.has(text)) {
        bag.error(
          "E0302",
          span,
          `\`${text}\` is already the name of a part of the machine`,
          "choose another name",
        );
      }
    }
  }

  machineVariable(name: string): Variable | null {
    for (const variable of this.machine?.variables.values() ?? []) {
      if (variable.name === name) return variable;
    }
    return null;
  }

  /**
   * The meaning of a name outside any block.
   *
   * @param called True if `(` follows the name: then a function takes precedence over a word.
   */
  find(name: string, called: boolean): NameBinding | null {
    const declared = this.declared.get(name);
    if (declared !== undefined) return declared;
    const spec = this.registry.functions.get(name);
    if (called && spec !== undefined) return { kind: "builtin", spec };
    const valueKind = this.machineKinds.get(name);
    if (valueKind !== undefined) return { kind: "machine", name, valueKind };
    const word = this.registry.words.get(name);
    // A word cannot be called: the call means a function that does not exist.
    if (word !== undefined) return called ? null : { kind: "word", word };
    return spec === undefined ? null : { kind: "builtin", spec };
  }

  /** A hint with a similar name, or with names of functions that share a part with the name. */
  hint(
    name: string,
    locals: Iterable<string>,
    called: boolean,
    bag: DiagnosticBag,
  ): Hint | undefined {
    // Former names are still understood, and not suggested.
    const functions = [...this.registry.functions].filter(([key, spec]) => key === spec.name)
      .map(([key]) => key);
    const near = bag.didYouMean(name, [
      ...locals,
      ...this.variables.keys(),
      ...[...this.machine?.variables.values() ?? []].map((variable) => variable.name),
      ...this.declared.keys(),
      ...(called ? functions : this.machineKinds.keys()),
      ...(called ? this.machineKinds.keys() : this.registry.words.keys()),
      ...(called ? [] : functions),
    ]);
    const method = called && Object.hasOwn(METHODS_INSTEAD, name) ? METHODS_INSTEAD[name] : null;
    if (method != null) return `a list has it: ${method}`;
    if (near !== undefined || !called || !bag.mayCompare(functions.length)) return near;
    return similarNames(name, functions);
  }
}
