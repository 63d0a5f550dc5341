/**
 * Every name that a script can use. Only this file connects names of the language with the runtime.
 *
 * Each function, type and word is listed once. To add a builtin, write its entry in the file of its
 * concept and, if the file is new, add one line here.
 *
 * @module
 */
import { errorKind } from "./error_kind.ts";
import { BLOCK_CALLS } from "./calls/block.ts";
import { BLOCK_REQUEST_CALLS } from "./calls/block_request.ts";
import { BLOCK_ITERATOR_CALLS } from "./calls/block_iterator.ts";
import { CACHE_LINES, COHERENCE_CALLS } from "./calls/coherence.ts";
import { DATA_CALLS } from "./calls/data_files.ts";
import { HMM_CALLS } from "./calls/hmm.ts";
import { FAULT_LOG_CALLS } from "./calls/fault_log.ts";
import { KERNEL_CALLS_OF_DRIVERS } from "./calls/kernel.ts";
import { MACHINE_CALLS } from "./calls/machine.ts";
import { MEMORY_CALLS } from "./calls/memory.ts";
import { BYTE_NUMBER_CALLS } from "./values/byte_numbers.ts";
import { P2P_CALLS } from "./calls/p2p.ts";
import { P2P_LENDING_CALLS, P2PMEM } from "./calls/p2p_lending.ts";
import { P2P_MEMORY_CALLS } from "./calls/p2p_memory.ts";
import { PAGE_MEMORY_CALLS, QUERY_CALLS } from "./calls/queries.ts";
import { REGISTER_CALLS } from "./calls/registers.ts";
import { SCATTERLIST_CALLS } from "./calls/scatterlist.ts";
import { STREAMING_CALLS } from "./calls/streaming.ts";
import { TWO_STEP_CALLS } from "./calls/two_step.ts";
import { CONTAINER_CALLS } from "./calls/vfio_container.ts";
import { VIEW_CALLS } from "./calls/views.ts";
import { eventsOf, globalsOf, globalTypes } from "./machine_names.ts";
import { LabMachine, refusingMachine } from "../values/lab_machine.ts";
import type { Registry } from "../values/registry.ts";
import type { FunctionSpec, HandleType } from "../values/spec.ts";
import { BIO } from "./types/bio.ts";
import { BUFFER } from "./types/buffer.ts";
import { COHERENT_MEMORY, PAGE_MEMORY } from "./types/dma/coherent_memory.ts";
import { COUNTER_GROUPS, COUNTERS, counterTypes } from "./types/counters.ts";
import { DEVICE } from "./types/device.ts";
import { DMA_ITER } from "./types/dma_iter.ts";
import { DMA_POOL, POOL_BLOCK } from "./types/dma/dma_pool.ts";
import { EVENT, eventType } from "./types/event.ts";
import { HMM_MAP, P2PDMA_STATE } from "./types/rdma/hmm_map.ts";
import { FAULT } from "./types/fault.ts";
import { FAULT_LOG } from "./types/fault_log.ts";
import { IO } from "./types/nvme/io.ts";
import { IOMMU } from "./types/dma/iommu.ts";
import { IOVA_SPACE } from "./types/dma/iova_space.ts";
import { SHARED_ATTACHMENT, SHARED_MEMORY } from "./types/pci/shared_memory.ts";
import { IOVA_STATE } from "./types/dma/iova_state.ts";
import { LIMITS } from "./types/limits.ts";
import { MAPPING } from "./types/dma/mapping.ts";
import { MM } from "./types/rdma/mm.ts";
import { PAGE_WALK } from "./types/dma/page_walk.ts";
import { OUTCOME } from "./types/outcome.ts";
import { PORT } from "./types/pci/port.ts";
import { LATENCIES } from "./types/latencies.ts";
import { REGION } from "./types/region.ts";
import { REQUEST } from "./types/nvme/request.ts";
import { SCATTERLIST } from "./types/dma/scatterlist.ts";
import { SWIOTLB } from "./types/dma/swiotlb.ts";
import { PEER_ROUTE, TOPOLOGY } from "./types/pci/topology.ts";
import { TRACE } from "./types/trace.ts";
import { VFIO_CONTAINER } from "./types/vfio/vfio_container.ts";
import { type AnyScriptedKind, BUILT_IN_KINDS } from "./node_types.ts";
import { isHandle } from "./arguments.ts";
import { LIST } from "./values/list.ts";
import { DURATION, INT, RANGE, SIZE, WORD } from "./values/numbers.ts";
import { DMA_ADDRESS, PHYS_ADDRESS, VIRT_ADDRESS } from "./values/addresses.ts";
import { RECORD } from "./values/record.ts";
import { BYTES, STRING } from "./values/text.ts";
import { wordsWith } from "./words.ts";
import {
  BLK_STS,
  COMMON_FIELDS,
  ERRNO,
  INJECTION_POINTS,
  KERNEL_CALLS,
  Random,
} from "@dmalab/runtime";
import { FAULT_REASON, REPORT_CLASS, wordsOf } from "@dmalab/runtime/vocabulary";
import { type DeviceRegistry, DEVICES, STATUS_CODE_MASK, STATUS_CODES } from "@dmalab/devices";
import { configBuilder } from "../machine/build_config.ts";
import { MACHINE_SCHEMA, MachineSchema } from "../machine/schema.ts";
import { Handle, type Value } from "../values/value.ts";

/** Functions and types on one page of the reference. */
export interface BuiltinGroup {
  /** The name of the group's page in docs/builtins/. */
  readonly page: string;
  readonly title: string;
  readonly functions: readonly FunctionSpec[];
  readonly types: readonly HandleType[];
}

/**
 * The pages, still without the functions and types of devices: the record of each kind of device
 * names its page.
 */
const PAGES: readonly BuiltinGroup[] = [
  {
    page: "mapping",
    title: "Mapping single buffers and lists",
    functions: [...STREAMING_CALLS, ...SCATTERLIST_CALLS],
    types: [MAPPING, SCATTERLIST],
  },
  {
    page: "two-step",
    title: "The two-step API",
    functions: [...TWO_STEP_CALLS],
    types: [IOVA_STATE, IOVA_SPACE],
  },
  {
    page: "limits",
    title: "Masks, limits, coherent memory",
    functions: [...QUERY_CALLS, ...PAGE_MEMORY_CALLS],
    types: [LIMITS, COHERENT_MEMORY, PAGE_MEMORY, DMA_POOL, POOL_BLOCK],
  },
  {
    page: "memory",
    title: "Memory, caches, contexts",
    functions: [
      ...MEMORY_CALLS,
      ...BYTE_NUMBER_CALLS,
      ...COHERENCE_CALLS,
      ...KERNEL_CALLS_OF_DRIVERS,
      ...REGISTER_CALLS,
    ],
    types: [BUFFER, REGION, CACHE_LINES],
  },
  {
    page: "block",
    title: "The block layer",
    functions: [
      ...BLOCK_CALLS,
      ...BLOCK_REQUEST_CALLS,
      ...BLOCK_ITERATOR_CALLS,
    ],
    types: [BIO, REQUEST, DMA_ITER],
  },
  {
    page: "nvme",
    title: "Disks",
    functions: [],
    types: [],
  },
  {
    page: "p2p",
    title: "Peers, and the PCI tree",
    functions: [...P2P_CALLS, ...P2P_LENDING_CALLS, ...P2P_MEMORY_CALLS],
    types: [TOPOLOGY, PORT, PEER_ROUTE, P2PMEM, SHARED_MEMORY, SHARED_ATTACHMENT],
  },
  {
    page: "processes",
    title: "Memory of processes, RDMA",
    functions: [...HMM_CALLS],
    types: [MM, HMM_MAP, P2PDMA_STATE],
  },
  {
    page: "vfio",
    title: "Memory that a process maps for devices (VFIO)",
    functions: [...CONTAINER_CALLS],
    types: [VFIO_CONTAINER],
  },
  {
    page: "migration",
    title: "Devices that are migrated",
    functions: [],
    types: [],
  },
  {
    page: "machine",
    title: "The machine, and what happened on it",
    functions: [...MACHINE_CALLS, ...VIEW_CALLS, ...FAULT_LOG_CALLS],
    types: [
      DEVICE,

      IOMMU,
      PAGE_WALK,
      SWIOTLB,
      LATENCIES,
      COUNTERS,
      ...COUNTER_GROUPS,
      TRACE,
      EVENT,
      FAULT,
      FAULT_LOG,
      OUTCOME,
    ],
  },
  {
    page: "values",
    title: "Numbers, texts, lists, and files of data",
    functions: [...DATA_CALLS],
    types: [
      INT,
      SIZE,
      DURATION,
      PHYS_ADDRESS,
      DMA_ADDRESS,
      VIRT_ADDRESS,
      RANGE,
      WORD,
      LIST,
      STRING,
      BYTES,
      RECORD,
    ],
  },
];

/**
 * Every function, every type of handles, and every type of plain values that have members; grouped
 * by purpose.
 */
export const GROUPS: readonly BuiltinGroup[] = PAGES.map((group) => {
  const kinds = BUILT_IN_KINDS.filter(({ page }) => page === group.page);
  return {
    ...group,
    functions: [...group.functions, ...kinds.flatMap(({ functions }) => functions)],
    types: [
      ...kinds.map(({ type }): HandleType => type),
      ...group.types,
      ...kinds.flatMap(({ types }) => types),
    ],
  };
});

/** Every function, by its name. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = byName(
  GROUPS.flatMap(({ functions }) => functions),
);

/** Every type of handles, and the plain values with fields and methods. */
export const TYPES: ReadonlyMap<string, HandleType> = byName(GROUPS.flatMap(({ types }) => types));

function byName<T extends { readonly name: string }>(
  entries: readonly T[],
): ReadonlyMap<string, T> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/** Functions and types that extend the built-in ones. */
export interface AddedBuiltins {
  readonly functions?: readonly FunctionSpec[];
  readonly types?: readonly HandleType[];
}

/**
 * The registry of everything that scripts can use.
 * @param devices The kinds of devices that a machine can have.
 * @param added Functions and types that belong to no kind of device.
 * @throws {RangeError} When a name already exists.
 */
export function builtinsWith(devices: DeviceRegistry, added: AddedBuiltins = {}): Registry {
  const kinds = devices.kinds.filter((kind): kind is AnyScriptedKind => "type" in kind);
  const functions = [...kinds.flatMap((kind) => kind.functions), ...added.functions ?? []];
  const types = [...kinds.flatMap((kind) => [kind.type, ...kind.types]), ...added.types ?? []];
  const { events } = devices;
  return {
    ...FIXED,
    functions: joined("function", FUNCTIONS, functions),
    types: new Map([
      ...joined("type", TYPES, types),
      ...Object.keys(events.added).length === 0
        ? []
        : [eventType(events), ...counterTypes(events)].map((type) => [type.name, type] as const),
    ]),
    words: wordsWith(events.added),
    eventNames: events.names,
    eventFields: (name) => events.fields(name),
    buildConfig: configBuilder(devices === DEVICES ? MACHINE_SCHEMA : new MachineSchema(devices)),
    globalTypes: (config) => globalTypes(config, devices),
    buildMachine: (config, options) => new LabMachine(config, options, devices, globalsOf),
  };
}

function joined<T extends { readonly name: string }>(
  what: string,
  there: ReadonlyMap<string, T>,
  added: readonly T[],
): ReadonlyMap<string, T> {
  const all = new Map(there);
  for (const each of added) {
    if (all.has(each.name)) {
      throw new RangeError(`There is a ${what} "${each.name}" already: choose another name`);
    }
    all.set(each.name, each);
  }
  return all;
}

/** Parts that additions do not change. */
const FIXED = {
  errnoNames: new Set(Object.keys(ERRNO)),
  blockStatusNames: new Set(Object.keys(BLK_STS)),
  deviceStatuses: new Map(
    Object.entries(STATUS_CODES).map(([name, [code]]) => [name, code]),
  ),
  deviceStatusMask: STATUS_CODE_MASK,
  deviceStatusOf: (value: Value) => isHandle(value, IO) ? value.target.deviceStatus : null,
  faultReasons: new Set(wordsOf(FAULT_REASON)),
  reportClasses: new Set(wordsOf(REPORT_CLASS)),
  faultPoints: new Map(INJECTION_POINTS.map(({ errors, name }) => [name, errors])),
  kernelCalls: new Set<string>(KERNEL_CALLS),
  commonFields: COMMON_FIELDS,
  random: (seed: number) => new Random(seed),
  classifyError: errorKind,
  eventsOf,
  refusingMachine,
  outcomeValue: (outcome) => new Handle(OUTCOME, outcome),
  traceValue: (events, spanNs) => new Handle(TRACE, { events, spanNs }),
} satisfies Partial<Registry>;

/** The registry with only the built-in parts. */
export const BUILTINS: Registry = builtinsWith(DEVICES);

export { WORDS, wordSpecs } from "./words.ts";
export { isHandle, toDirection } from "./arguments.ts";
export { builtin, type FunctionEntry, type MakeMethod, methodsOf } from "./describe/builtin.ts";
export { type FieldMakers, fieldsOf, type Unnamed } from "./describe/fields.ts";
export type { Form } from "./describe/form.ts";
export { named, optional, param, type Parameter } from "./describe/parameters.ts";
export { explainAddress, mappingsAt, readLedger } from "./ledger.ts";
export { type AnyScriptedKind, BUILT_IN_KINDS, type ScriptedKind } from "./node_types.ts";
export { PlacedKernelError } from "./error_kind.ts";
export { BUFFER } from "./types/buffer.ts";
export { DEVICE, dmaRanges, type ScriptDmaRange } from "./types/device.ts";
export { COHERENT_MEMORY } from "./types/dma/coherent_memory.ts";
export { explainFaultEvent } from "./types/fault.ts";
export { REQUEST } from "./types/nvme/request.ts";
export { REGION } from "./types/region.ts";
export { wideBits, wideValue } from "./wide.ts";
