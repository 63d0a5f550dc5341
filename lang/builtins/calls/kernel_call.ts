/** Functions of the kernel as functions of the language: what rows of the vocabulary say of them. */
import {
  KERNEL_FUNCTIONS,
  type KernelFunction,
  type KernelRow,
} from "../../../runtime/vocabulary/kernel_calls.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { builtin, type FunctionEntry } from "../describe/builtin.ts";
import type { Form } from "../describe/form.ts";
import type { Parameter } from "../describe/parameters.ts";
import { BY_ROLE } from "./parameters.ts";

type RolesOf<N extends KernelFunction> = (typeof KERNEL_FUNCTIONS)[N]["roles"];

/** Functions that take in a script what they take in C. */
type AlikeInC = {
  [N in KernelFunction]: RolesOf<N>[number] extends keyof typeof BY_ROLE ? N : never;
}[KernelFunction];

type ParametersOf<R extends readonly unknown[]> = {
  readonly [I in keyof R]: R[I] extends keyof typeof BY_ROLE ? (typeof BY_ROLE)[R[I]] : never;
};

/** A function's name, and whether it may sleep. */
export function facts(name: KernelFunction): Pick<FunctionSpec, "name" | "context"> {
  const { sleeps }: KernelRow = KERNEL_FUNCTIONS[name];
  return sleeps === undefined ? { name } : { name, context: sleeps };
}

/** A function whose parameters are those of its row, and perhaps some that only scripts have. */
export function kernelCall<
  const N extends AlikeInC,
  const F extends Form,
  const M extends readonly Parameter<unknown>[] = readonly [],
>(
  name: N,
  { more, ...entry }:
    & Omit<FunctionEntry<readonly [...ParametersOf<RolesOf<N>>, ...M], F>, "name" | "parameters">
    & { readonly more?: M },
): FunctionSpec {
  const roles = KERNEL_FUNCTIONS[name].roles as readonly (keyof typeof BY_ROLE)[];
  const parameters = [...roles.map((role) => BY_ROLE[role]), ...more ?? []];
  return builtin({ ...facts(name), ...entry, parameters: parameters as never });
}
