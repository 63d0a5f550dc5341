/** What the functions of a program share while it is compiled: globals and function numbers. */
import type {
  ConstBinding,
  FunctionBinding,
  Resolution,
  Variable,
} from "../check/names/bindings.ts";
import type { Registry } from "../values/registry.ts";
import type { FunctionDeclaration } from "../syntax/tree/ast.ts";
import { CodeBuilder } from "./code_builder.ts";

export class ProgramTables {
  readonly code = new CodeBuilder();
  /** Global variables that the machine binds, by name. */
  readonly machineGlobals = new Map<string, number>();
  readonly #consts = new Map<ConstBinding["declaration"], number>();
  readonly #variables = new Map<Variable, number>();
  readonly #functions = new Map<FunctionDeclaration, number>();

  constructor(readonly registry: Registry, readonly resolution: Resolution) {}

  machineGlobal(name: string): number {
    let index = this.machineGlobals.get(name);
    if (index === undefined) {
      index = this.code.globals++;
      this.machineGlobals.set(name, index);
    }
    return index;
  }

  constGlobal(binding: ConstBinding): number {
    let index = this.#consts.get(binding.declaration);
    if (index === undefined) {
      index = this.code.globals++;
      this.#consts.set(binding.declaration, index);
    }
    return index;
  }

  /** A session's variable. */
  variableGlobal(variable: Variable): number {
    let index = this.#variables.get(variable);
    if (index === undefined) {
      index = this.code.globals++;
      this.#variables.set(variable, index);
    }
    return index;
  }

  /** The number of a function of the script; it may be compiled later. */
  functionIndex(declaration: FunctionBinding["declaration"]): number {
    let index = this.#functions.get(declaration);
    if (index === undefined) {
      index = this.code.reserveFunction({
        role: "function",
        name: declaration.name.text,
        span: declaration.span,
        parameters: declaration.parameters.map(({ text }) => text),
        entry: 0,
        slots: 0,
        operands: 0,
        expectations: [],
      });
      this.#functions.set(declaration, index);
    }
    return index;
  }
}
