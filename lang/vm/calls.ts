/** Calls of builtins: functions, and methods of values. */
import { convertArguments } from "../values/call_arguments.ts";
import type { FunctionSpec, MethodSpec } from "../values/spec.ts";
import type { Value } from "../values/value.ts";
import { type ArgumentBinding, bindShape } from "./call_shape.ts";
import type { CallShape } from "./code.ts";
import { type Control, SideEffectRefused } from "./control.ts";
import type { Members } from "./members.ts";

/**
 * Number of calls of builtins between two checks of the host's clock. It is small because one call
 * may take a tenth of a second.
 */
const WATCHED_CALLS = 16;

type Callee = FunctionSpec | MethodSpec;

export class Calls {
  readonly #bindings: (ArgumentBinding | undefined)[] = [];
  readonly #boundTo: (Callee | undefined)[] = [];
  #count = 0;

  /** @param stack The operands, with a call's arguments among them. */
  constructor(
    readonly vm: Control,
    readonly stack: readonly (Value | undefined)[],
    readonly members: Members,
  ) {}

  /** Calls a builtin function; its arguments are at `first` and above. */
  builtin(builtin: number, index: number, first: number): Value {
    const { vm } = this;
    if (++this.#count % WATCHED_CALLS === 0) vm.watch?.check();
    const spec = vm.code.builtins[builtin]!;
    if (vm.looking && spec.pure !== true) {
      throw new SideEffectRefused(`What \`${spec.name}\` works on`);
    }
    const args = this.#arguments(index, vm.code.shapes[index]!, spec, first);
    vm.observer?.call(null, spec.name, args);
    const value = spec.run(vm, args);
    vm.atRest();
    return value;
  }

  /** Calls a method; the receiver is before the arguments. */
  method(index: number, first: number): Value {
    const { vm } = this;
    if (++this.#count % WATCHED_CALLS === 0) vm.watch?.check();
    const shape = vm.code.shapes[index]!;
    const { method, target, type } = this.members.method(this.stack[first]!, shape.name);
    if (vm.looking && method.pure !== true) {
      throw new SideEffectRefused(`What \`.${method.name}\` works on`);
    }
    const args = this.#arguments(index, shape, method, first + 1);
    vm.observer?.call(type, method.name, args);
    const value = method.run(vm, target, args);
    vm.atRest();
    return value;
  }

  /** The callee's parameter of each argument; computed once for each call site. */
  #bind(index: number, shape: CallShape, callee: Callee): ArgumentBinding {
    if (this.#boundTo[index] === callee) return this.#bindings[index]!;
    const binding = bindShape(callee, shape);
    this.#boundTo[index] = callee;
    this.#bindings[index] = binding;
    return binding;
  }

  /** A call's arguments from the stack, in the order of the callee's parameters. */
  #arguments(index: number, shape: CallShape, callee: Callee, first: number) {
    const { length, places } = this.#bind(index, shape, callee);
    const args: (Value | undefined)[] = new Array(length).fill(undefined);
    for (let at = 0; at < places.length; at++) args[places[at]!] = this.stack[first + at];
    return convertArguments(callee, args);
  }
}
