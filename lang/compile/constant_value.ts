/**
 * Values that are needed before there is a machine: in `machine`, `with`, `matrix` and `forall`.
 *
 * The VM evaluates them on a machine that refuses every access. An expression with a call cannot be
 * evaluated there, except for calls that read a file.
 */
import type { FileScope } from "../check/names/file_scope.ts";
import { Resolution, Variable } from "../check/names/bindings.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { Hint } from "../diagnostics/suggest.ts";
import type {
  CallExpression,
  ConstDeclaration,
  Expression,
  NameExpression,
} from "../syntax/tree/ast.ts";
import { someChild } from "../syntax/tree/nodes.ts";
import { freeze, shownParts } from "../values/changes.ts";
import { DEFAULT_LIMITS, type Limits } from "../values/limits.ts";
import type { Value } from "../values/value.ts";
import { Vm } from "../vm/vm.ts";
import { ProgramCompiler } from "./compile_program.ts";
import { literalValue } from "./function_compiler.ts";

const LIMITS: Limits = { ...DEFAULT_LIMITS, steps: 2 ** 24, memoryBytes: 64 * 2 ** 20, depth: 8 };

/** Maximum number of parts of one value, because the value is printed in a message or on a page. */
const PARTS_LIMIT = 2 ** 18;

/** Messages for limits. They do not name the options that raise the limits of a run. */
const LIMIT_MESSAGES: Readonly<Record<string, string>> = {
  E0801: "The values of the file's consts take too long",
  E0802: "The values of the file's consts take too much memory",
};

/** Limit of the length of a chain of consts that depend on each other. */
const CHAIN_LIMIT = 200;

const NOT_CONSTANT =
  "This must be a constant expression: it is evaluated before the machine is built";

export class ConstantEvaluator {
  readonly #pending = new Set<ConstDeclaration>();
  /** The consts examined so far, and whether they have a value. A mistake is reported once. */
  readonly #known = new Map<ConstDeclaration, boolean>();
  readonly #resolution = new Resolution();
  readonly #compiler: ProgramCompiler;
  #vm: Vm | null = null;
  /** The hint for an unknown name; undefined to suggest similar names. */
  #wanted: Hint | undefined;

  /** @param bound Values of names that take precedence over all others. */
  constructor(
    readonly scope: FileScope,
    readonly bag: DiagnosticBag,
    readonly bound: ReadonlyMap<string, Value> = new Map(),
  ) {
    this.#compiler = new ProgramCompiler(scope.registry, this.#resolution);
  }

  /** The value of an expression; undefined after reporting that it has none. */
  evaluate(expression: Expression, wanted?: Hint): Value | undefined {
    this.#wanted = wanted;
    return this.#value(expression);
  }

  #value(expression: Expression): Value | undefined {
    const literal = literalValue(expression);
    if (literal !== undefined) return literal;
    const variables = new Map<string, Variable>();
    if (this.#isRefused(expression, variables)) return undefined;
    const vm = this.#vm ??= this.#openVm();
    const args = [...variables.keys()].map((name) => this.bound.get(name)!);
    vm.start(this.#compiler.look(expression, [...variables.values()]), args);
    if (vm.resume() === "done") {
      if (shownParts(vm.result) <= PARTS_LIMIT) return freeze(vm.result);
      this.bag.error(
        "E0801",
        expression.span,
        "The values of the file's consts have too many parts",
      );
      return undefined;
    }
    const { code, hint, message, span } = vm.failure!.diagnostic;
    const limit = LIMIT_MESSAGES[code];
    if (limit !== undefined) this.bag.error(code, span, limit);
    // Unlike the VM, the checker has a separate code for a missing field.
    else this.bag.error(code === "E0914" ? "E0315" : code, span, message, hint);
    return undefined;
  }

  #openVm(): Vm {
    const { registry } = this.scope;
    const machine = registry.refusingMachine(LIMITS.memoryBytes);
    return new Vm(this.#compiler.code, registry, machine, LIMITS, { write() {} });
  }

  /** Whether some part of an expression has no value; reports that part. */
  #isRefused(expression: Expression, variables: Map<string, Variable>): boolean {
    switch (expression.kind) {
      case "Name":
        return this.#isRefusedName(expression, variables);
      case "Call":
        return this.#isRefusedCall(expression);
      case "Cast": {
        const target = expression.target.text;
        if (target !== "phys" && target !== "dma") {
          return this.#refuse(expression, `There is no cast \`as ${target}\``);
        }
        break;
      }
      case "Lambda":
      case "Try":
      case "Trace":
      case "Compare":
      case "Fork":
      case "Race":
        return this.#refuse(expression, NOT_CONSTANT);
      case "ErrorExpression":
        return true;
    }
    return someChild(expression, (child) => this.#isRefused(child, variables));
  }

  /** Allows only calls that read a file: only these have a value before the run. */
  #isRefusedCall(call: CallExpression): boolean {
    const { callee } = call;
    const binding = callee.kind === "Name" ? this.scope.find(callee.name, true) : null;
    const reads = binding?.kind === "builtin" ? binding.spec.reads : undefined;
    if (reads === undefined) return this.#refuse(call, NOT_CONSTANT);
    const read = this.scope.data.read(call, reads);
    if (read !== null) this.#resolution.data.set(call, read.value);
    return read === null;
  }

  #isRefusedName(expression: NameExpression, variables: Map<string, Variable>): boolean {
    const { name, span } = expression;
    const { names } = this.#resolution;
    if (this.bound.has(name)) {
      const variable = variables.get(name) ?? new Variable(name, span, null, "parameter", null);
      variables.set(name, variable);
      names.set(expression, variable);
      return false;
    }
    const binding = this.scope.find(name, false);
    if (binding !== null) names.set(expression, binding);
    if (binding?.kind === "word") return false;
    if (binding?.kind === "const") {
      binding.reads++;
      const { declaration } = binding;
      const known = this.#known.get(declaration);
      if (known !== undefined) return !known;
      if (this.#pending.has(declaration)) {
        return this.#refuse(expression, `\`${name}\` needs itself`);
      }
      if (this.#pending.size >= CHAIN_LIMIT) {
        return this.#refuse(
          expression,
          `\`${name}\` depends on more than ${CHAIN_LIMIT} other consts`,
        );
      }
      this.#pending.add(declaration);
      const value = this.#value(declaration.value);
      this.#pending.delete(declaration);
      this.#known.set(declaration, value !== undefined);
      if (value === undefined) return true;
      (this.#vm ??= this.#openVm()).globals[this.#compiler.tables.constGlobal(binding)] = value;
      return false;
    }
    if (binding !== null) return this.#refuse(expression, `\`${name}\` is not a constant`);
    const hint = this.#wanted ?? this.scope.hint(name, [], false, this.bag);
    this.bag.error("E0301", span, `Nothing is called \`${name}\``, hint);
    return true;
  }

  #refuse(expression: Expression, message: string): true {
    this.bag.error(
      "E0316",
      expression.span,
      message,
      "it can consist of literals, constants, consts, operators, entries of records and data files",
    );
    return true;
  }
}
