/**
 * Functions of the kernel that scripts and events know, too. Their rows give their form in C, the
 * releases that have them, whether they sleep, and the meaning of their arguments.
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

/** The meaning of an argument, by its role; the number that C gave for any other. */
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

/** A function of the kernel as C calls it. @param run Is given what the arguments mean. */
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
      // In place: the host has made the row of arguments for this call alone.
      const meant = args as readonly unknown[] as unknown[];
      for (const [index, mean] of decoded) meant[index] = mean(kernel, args[index]!);
      return run(kernel, meant as never);
    },
  };
}

/** The work that a call of C does besides the runtime's. */
interface Around<N extends MappingFunction> {
  readonly before?: (kernel: CKernel, args: MappingArguments<N>) => void;
  readonly after?: (kernel: CKernel, args: MappingArguments<N>, result: number) => void;
}

/** A function of the mapping API as C calls it: the runtime's own, with a state as C has it. */
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
    // C has all ones where there is no limit.
    return result === UNLIMITED_BYTES ? -1 : result;
  });
}
