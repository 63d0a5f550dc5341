/**
 * Kernel functions that also appear in scripts and events. The row of a function defines its
 * prototype in C, the releases that have it, whether it sleeps, and the types of its arguments.
 */
import type { DmaAddr, PhysAddr } from "@dmalab/runtime";
import {
  type DmaDevice,
  type DmaDirection,
  type MappingArguments,
  mappingCaller,
  type MappingFunction,
  UNLIMITED_BYTES,
} from "@dmalab/runtime/dma";
import { hasFeature } from "@dmalab/runtime/kernels";
import {
  type ArgumentRole,
  declarationOf,
  KERNEL_FUNCTIONS,
  type KernelFunction,
  type KernelRow,
} from "@dmalab/runtime/vocabulary";
import type { CCallEntry } from "./call_entry.ts";
import type { CKernel } from "./c_kernel.ts";
import { showState, stateAt } from "./c_iova_state.ts";
import { CPeers } from "./c_peers.ts";

const deviceAt = (kernel: CKernel, at: number): DmaDevice => kernel.device(at);
const functionAt = (kernel: CKernel, at: number) => kernel.part(CPeers).functionAt(at);
const pciFunctionAt = (kernel: CKernel, at: number) => kernel.part(CPeers).pciFunctionAt(at);
const bytes = (kernel: CKernel, value: number): number => kernel.exact(value, "size");

type Meanings = { readonly [R in ArgumentRole]?: (kernel: CKernel, value: number) => unknown };

/**
 * Functions that decode arguments, by the role of the argument; arguments without such a role stay
 * numbers.
 */
const MEANINGS = {
  client: functionAt,
  bar_size: bytes,
  buf: (kernel: CKernel, at: number): PhysAddr => kernel.phys(at),
  dev: deviceAt,
  dir: (kernel: CKernel, value: number): DmaDirection => kernel.direction(value),
  dma: (kernel: CKernel, value: number): DmaAddr => kernel.dma(value),
  entry_size: bytes,
  map_dev: deviceAt,
  mapped: bytes,
  mapped_len: bytes,
  offset: bytes,
  page: (kernel: CKernel, at: number): PhysAddr => kernel.pagePhys(at),
  pdev: pciFunctionAt,
  peer_size: bytes,
  phys: (kernel: CKernel, value: number) => kernel.exact(value, "address") as PhysAddr,
  provider_dev: pciFunctionAt,
  size: bytes,
} satisfies Meanings;

type Meant<R> = R extends keyof typeof MEANINGS ? ReturnType<(typeof MEANINGS)[R]> : number;
type Arguments<R extends readonly unknown[]> = { readonly [I in keyof R]: Meant<R[I]> };

/** Declares a kernel function for C. @param run Receives the decoded arguments. */
export function kernelEntry<N extends KernelFunction>(
  name: N,
  run: (
    kernel: CKernel,
    args: Arguments<(typeof KERNEL_FUNCTIONS)[N]["roles"]>,
  ) => number | void,
): CCallEntry {
  const { needs, prototype, roles, sleeps, suffix = "" }: KernelRow = KERNEL_FUNCTIONS[name];
  const decoded = roles.flatMap((role, index) => {
    const mean = (MEANINGS as Meanings)[role];
    return mean === undefined ? [] : [[index, mean] as const];
  });
  const flagsAt = roles.indexOf("gfp");
  return {
    c: declarationOf(prototype, `${name}${suffix}`),
    as: name,
    isIn: (kernel) => needs === undefined || hasFeature(kernel, needs),
    run(kernel, args) {
      if (sleeps === "sleeps") kernel.maySleep();
      else if (sleeps === "gfp") kernel.maySleepBy(args[flagsAt]!);
      // Decoded in place: the host has made the array of arguments for this call only.
      const meant = args as readonly unknown[] as unknown[];
      for (const [index, mean] of decoded) meant[index] = mean(kernel, args[index]!);
      return run(kernel, meant as never);
    },
  };
}

/** Additional work of a call before and after the runtime's function. */
interface Around<N extends MappingFunction> {
  readonly before?: (kernel: CKernel, args: MappingArguments<N>) => void;
  readonly after?: (kernel: CKernel, args: MappingArguments<N>, result: number) => void;
}

/**
 * Declares a function of the mapping API for C. The declared function calls the runtime's function,
 * and converts a two-step state from and to C's memory.
 */
export function mappingEntry<N extends MappingFunction>(
  name: N,
  { after, before }: Around<N> = {},
): CCallEntry {
  const { roles }: KernelRow = KERNEL_FUNCTIONS[name];
  const call = mappingCaller(name);
  const stateIndex = roles.indexOf("state");
  return kernelEntry(name, (kernel, meant) => {
    const args = meant as unknown[] & MappingArguments<N>;
    const at = args[stateIndex] as number;
    const state = stateIndex < 0 ? null : stateAt(kernel, at);
    if (state !== null) args[stateIndex] = state;
    before?.(kernel, args);
    const result = Number(call(kernel.machine.dma, args) ?? 0);
    if (state !== null) showState(kernel, at, state);
    after?.(kernel, args, result);
    // C receives all ones if there is no limit.
    return result === UNLIMITED_BYTES ? -1 : result;
  });
}
