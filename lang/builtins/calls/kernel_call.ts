/** Kernel functions as functions of the language, from their rows in the vocabulary. */
import { PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { type DmaDevice, mappingCaller, type MappingFunction } from "@dmalab/runtime/dma";
import {
  type ArgumentRole,
  KERNEL_FUNCTIONS,
  type KernelFunction,
  type KernelRow,
} from "@dmalab/runtime/vocabulary";
import { ValueError } from "../../values/script_error.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import type { Handle, Value } from "../../values/value.ts";
import { raiseErrno, toHandle, toItems } from "../arguments.ts";
import { builtin, type FunctionEntry } from "../describe/builtin.ts";
import type { Form } from "../describe/form.ts";
import { named, optional, param, type Parameter } from "../describe/parameters.ts";
import { BUFFER, physOf } from "../types/buffer.ts";
import { DEVICE } from "../types/device.ts";
import { mappedAddress } from "../types/dma/mapping.ts";
import type { IovaStateTarget } from "../types/dma/iova_state.ts";
import { SCATTERLIST } from "../types/dma/scatterlist.ts";
import { DMA_ITER } from "../types/dma_iter.ts";
import { REQUEST } from "../types/nvme/request.ts";
import { type HmmMapTarget, P2PDMA_STATE } from "../types/rdma/hmm_map.ts";
import { ATOMIC, ATTRS, DEV, DIR, PHYS, SIZE, STATE } from "./parameters.ts";

/** Limit of the pages of one map. */
const MAX_PAGES = 2 ** 20;

/** The map that a value refers to, which must not have been freed. */
function heldMap(value: Value): HmmMapTarget {
  const { target } = value as Handle<HmmMapTarget>;
  if (target.map.held) return target;
  throw new ValueError("The map was freed: its lists are gone");
}

const SG = param.handle("sg", SCATTERLIST, "The result of scatterlist().");
const REQ = param.handle("req", REQUEST, "The result of request().");
const PROVIDER = param.handle("provider", DEVICE, "The device whose memory is used.");

/**
 * Parameters of kernel functions in scripts, by their roles; null if only C passes the argument.
 */
export const BY_ROLE = {
  attrs: ATTRS,
  /** Any number is allowed, also a number that no BAR of the device has. */
  bar: param.int("bar", "The number of a memory BAR.", Number.MIN_SAFE_INTEGER),
  bar_offset: optional(param.size("offset", "Offset in the BAR. Default 0B."), 0),
  bar_size: optional(param.size("size", "How many bytes. Default: the rest of the BAR."), 0),
  buf: param.of("buf", ["@buffer", "phys"], "The buffer; it must be contiguous.", physOf),
  client: param.handle("client", DEVICE, "The device that reads or writes it."),
  clients: param.of(
    "clients",
    "list",
    "The devices that read or write it.",
    (value) => toItems(value, "clients").map((item) => toHandle(item, DEVICE, "a client")),
  ),
  count: null,
  cpu: null,
  dev: DEV,
  dir: DIR,
  /** A mapping, to be synced or unmapped. */
  dma: param.of(
    "dma",
    ["@mapping", "dma"],
    "The mapping that the map returned, or its device address.",
    mappedAddress,
  ),
  entry_size: optional(
    param.size("entry_size", "Memory covered by one entry of the device's table. Default 4KiB."),
    PAGE_SIZE_BYTES,
  ),
  gfp: ATOMIC,
  handle: null,
  index: param.int("index", "Which entry, from 0."),
  iter: param.handle("iter", DMA_ITER, "The result of dma_iter()."),
  map: param.of("map", "@hmm_map", "The result of hmm_dma_map_alloc().", heldMap),
  map_dev: DEV,
  map_type: null,
  mapped: param.size("mapped", "How many bytes of the range are linked."),
  mapped_len: param.size("mapped", "How many bytes are linked; 0 only frees the range."),
  mask: param.int("bits", "How many address bits, 1 to 64.", 1, 64),
  nents: null,
  new_map: null,
  offset: param.size("offset", "Where in the range, in bytes from its first byte."),
  page: param.of(
    "page",
    ["@buffer", "phys"],
    "The page: page(pfn), a buffer in it, or its address.",
    physOf,
  ),
  pages: param.int("pages", "How many pages of 4 KiB.", 1, MAX_PAGES),
  pdev: param.handle("dev", DEVICE, "The device that has the memory."),
  peer_memory: param.handle("buffer", BUFFER, "Peer memory of the device."),
  peer_size: null,
  peers: optional(
    param.handle(
      "p2p",
      P2PDMA_STATE,
      "The batch's last lookup of a peer. Default: none.",
    ),
  ),
  phys: PHYS,
  pool: null,
  provider: PROVIDER,
  provider_dev: PROVIDER,
  publish: param.bool("publish", "Whether pci_p2pmem_find offers it."),
  req: REQ,
  whole_req: REQ,
  sg: SG,
  sgt: { ...SG, name: "sgt" },
  shared: null,
  size: SIZE,
  state: STATE,
  verbose: named(param.bool("verbose", "Warn about obstacles. Default true."), true),
} satisfies { readonly [R in ArgumentRole]: Parameter<unknown> | null };

type ParametersOf<R extends readonly unknown[]> = R extends
  readonly [infer First extends ArgumentRole, ...infer Rest]
  ? (typeof BY_ROLE)[First] extends infer P extends Parameter<unknown>
    ? readonly [P, ...ParametersOf<Rest>]
  : ParametersOf<Rest>
  : readonly [];

/** A function's name, whether it may sleep, and the features that it needs. */
export function facts(name: KernelFunction): Pick<FunctionSpec, "name" | "context" | "needs"> {
  const { needs, sleeps }: KernelRow = KERNEL_FUNCTIONS[name];
  return {
    name,
    ...sleeps === undefined ? {} : { context: sleeps },
    ...needs === undefined ? {} : { needs },
  };
}

/** A function with the parameters of its row, and optional ones that only scripts have. */
export function kernelCall<
  const N extends KernelFunction,
  const F extends Form = "nothing",
  const M extends readonly Parameter<unknown>[] = readonly [],
>(
  name: N,
  { more, ...entry }:
    & Omit<
      FunctionEntry<readonly [...ParametersOf<(typeof KERNEL_FUNCTIONS)[N]["roles"]>, ...M], F>,
      "name" | "parameters"
    >
    & { readonly more?: M },
): FunctionSpec {
  const { roles }: KernelRow = KERNEL_FUNCTIONS[name];
  const parameters = [...roles.flatMap((role) => BY_ROLE[role] ?? []), ...more ?? []];
  return builtin({ ...facts(name), ...entry, parameters: parameters as never });
}

/**
 * The result form in scripts for each result type in C. An `int` is an errno: instead of returning
 * it to the script, the call raises an error.
 */
const RESULTS: Readonly<Record<string, Form>> = {
  bool: "bool",
  int: "nothing",
  size_t: "size",
  "unsigned long": "size",
  void: "nothing",
};

/**
 * Calls a function of the mapping API with a script's arguments. If a two-step state is passed, the
 * state stores the device of the call.
 * @throws {KernelError} The errno that the function returns.
 */
export function mappingCallOf(
  name: MappingFunction,
): (context: ExecutionContext, args: readonly unknown[]) => number | boolean | void {
  const { prototype, roles }: KernelRow = KERNEL_FUNCTIONS[name];
  const call = mappingCaller(name);
  const stateAt = roles.indexOf("state");
  const isErrno = prototype.startsWith("int ");
  return (context, args) => {
    const given = [...args];
    if (stateAt >= 0) {
      const target = given[stateAt] as IovaStateTarget;
      target.device = given[0] as DmaDevice;
      given[stateAt] = target.state;
    }
    const result = call(context.lab.machine.dma, given as never);
    if (isErrno) raiseErrno(result as number, `${name}() failed`);
    return result;
  };
}

/** A function of the mapping API that is completely described by its row. */
export function mappingCall(
  name: MappingFunction,
  described: Pick<FunctionSpec, "doc" | "example" | "raises" | "pure">,
): FunctionSpec {
  const { prototype }: KernelRow = KERNEL_FUNCTIONS[name];
  const result = RESULTS[prototype.slice(0, prototype.indexOf(" ("))]!;
  return kernelCall(name, { ...described, result, run: mappingCallOf(name) as never });
}
