/** Shared data of a program's functions while it is compiled: globals and function numbers. */
import type {
  ConstBinding,
  FunctionBinding,
  Resolution,
  Variable,
} from "../check/names/bindings.ts";
import type { Registry } from "../values/registry.ts";
import type { FunctionDeclaration } from "../syntax/tree/ast.ts";
import { remembered } from "../values/remembered.ts";
import { CodeBuilder } from "./code_builder.ts";

export class ProgramTables {
  readonly code = new CodeBuilder();
  /** Global variables that the machine binds, by name. */
  readonly machineGlobals = new Map<string, number>();
  readonly #consts = new Map<ConstBinding["declaration"], number>();
  readonly #variables = new Map<Variable, number>();
  readonly #functions = new Map<FunctionDeclaration, number>();

  /** @param marked Whether statements are marked, so that a listener can follow a run. */
  constructor(
    readonly registry: Registry,
    readonly resolution: Resolution,
    readonly marked: boolean = false,
  ) {}

  machineGlobal(name: string): number {
    return remembered(this.machineGlobals, name, () => this.code.globals++);
  }

  constGlobal(binding: ConstBinding): number {
    return remembered(this.#consts, binding.declaration, () => this.code.globals++);
  }

  /** A session's variable. */
  variableGlobal(variable: Variable): number {
    return remembered(this.#variables, variable, () => this.code.globals++);
  }

  /** The number of a function of the script; the function may be compiled later. */
  functionIndex(declaration: FunctionBinding["declaration"]): number {
    return remembered(
      this.#functions,
      declaration,
      ({ name, parameters, span }) =>
        this.code.reserveFunction(
          "function",
          name.text,
          span,
          parameters.map(({ text }) => text),
        ),
    );
  }
}
