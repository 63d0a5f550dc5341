/**
 * Operations on the mapping layer of one device or of a group of two devices, and the results that the
 * model gives for them.
 */
import {
  defaultMachineConfig,
  type DmaAddr,
  GIB,
  IommuDomain,
  lastAddressOfBits,
  Machine,
  type MachineConfig,
  type MachineEvent,
  makePageTable,
  PER_CPU_RING_ENTRIES,
  PER_CPU_TIMEOUT_NS,
  type PhysAddr,
  SLOT_BYTES,
  swiotlbConfig,
} from "@dmalab/runtime";
import {
  type CoherentMemory,
  DmaDevice,
  type DmaDirection,
  DmaIovaState,
  type DmaRange,
  mappingCaller,
  type MappingFunction,
  Scatterlist,
} from "@dmalab/runtime/dma";
import { DEFAULT_KERNEL, type KernelConfig } from "@dmalab/runtime/kernels";
import { type ArgumentRole, KERNEL_FUNCTIONS } from "@dmalab/runtime/vocabulary";
import { type Implementation, type OperationResult, U64_MAX } from "./compare.ts";
import { HmmModel, type HmmOperation } from "./hmm_operations.ts";
import { PEER_BYTES, PEER_START, type PeerFields, peerRouter } from "./peers.ts";
import { type QueueFields, RequestModel, type RequestOperation } from "./request_operations.ts";
import { pageSizesOf, TABLE_MODELS } from "./table_formats.ts";

/** An operation, with its arguments under the field names of the golden data. */
export type MappingOperation = Readonly<Record<string, unknown>> & { readonly op: string };

/**
 * A function of the kernel that an operation calls, and its arguments. The function's row in
 * `KERNEL_FUNCTIONS` lists the roles of these arguments.
 */
interface KernelCallOf {
  readonly name: MappingFunction;
  readonly args: readonly unknown[];
}

/**
 * The kernel function that an operation calls; for example, `iova_link` calls dma_iova_link().
 * @param own Arguments that the operation lacks or has in another form, such as the device.
 * @returns Null if the operation calls no function, or needs a state that does not exist.
 */
export function kernelCallOf(
  line: MappingOperation,
  own: { readonly [R in ArgumentRole]?: unknown },
): KernelCallOf | null {
  const name = `dma_${line.op}` as MappingFunction;
  if (!Object.hasOwn(KERNEL_FUNCTIONS, name)) return null;
  const roles: readonly ArgumentRole[] = KERNEL_FUNCTIONS[name].roles;
  if (roles.includes("state") && own.state === undefined) return null;
  return { name, args: roles.map((role) => own[role] ?? line[role] ?? 0) };
}

/**
 * A function's result in the form of the golden data.
 * @param addr The address in the state that the function was called with.
 */
export function answerOf(
  name: MappingFunction,
  result: number | boolean | void,
  addr: number | undefined,
): OperationResult {
  const { prototype } = KERNEL_FUNCTIONS[name];
  if (prototype.startsWith("void")) return {};
  if (prototype.startsWith("bool")) return { addr: Number(result) === 0 ? null : addr };
  if (prototype.startsWith("int")) return { ret: result };
  return { dma: Number(result) < 0 ? null : result };
}

const MS = 1_000_000;
/** Size of memory. The buffers of the traces are below this address. */
export const RAM_BYTES = 128 * GIB;
/** Buffers of random operations are in these first pages; peer memory is above them. */
export const BUFFER_PAGES = 2 ** 24;

const INTENDED: Pick<KernelConfig, "kernel" | "quirks"> = {
  kernel: DEFAULT_KERNEL,
  quirks: new Set(),
};

/** Functions in which a kernel prints a message instead of a WARN. */
const MESSAGES: ReadonlySet<string> = new Set(["iommu_dma_alloc_iova", "swiotlb_full"]);

/** The flush queue of each mode. */
const QUEUES = {
  strict: () => null,
  lazy: (cpus: number) => ({
    rings: cpus,
    entries: PER_CPU_RING_ENTRIES,
    timeoutNs: PER_CPU_TIMEOUT_NS,
  }),
  "lazy-single": () => ({ rings: 1, entries: 32768, timeoutNs: 1000 * MS }),
};

/** A simulated device, or two in one IOMMU group, with their domain. */
export class MappingModel implements Implementation<MappingOperation> {
  #reserved: { start: number; end: number }[] = [];
  #machine: Machine | null = null;
  #devices: readonly DmaDevice[] = [];
  #requests: RequestModel | null = null;
  #hmm: HmmModel | null = null;
  #fired = 0;
  #noted = { events: [] as unknown[], copies: [] as unknown[], caches: [] as unknown[] };
  #warnings: string[] = [];
  readonly #states = new Map<number, DmaIovaState>();
  readonly #lists = new Map<number, Scatterlist>();
  readonly #memories = new Map<number, CoherentMemory>();

  /** @param kernel The kernel release and its defects; the golden data record intended behaviour. */
  constructor(readonly kernel: typeof INTENDED = INTENDED) {}

  /** @throws {RangeError} If no device has been created yet. */
  run(operation: MappingOperation): OperationResult {
    if (operation.ranges !== undefined) {
      this.#reserved = (operation.ranges as [number, number][])
        .map(([first, last]) => ({ start: first, end: last + 1 }));
    }
    if (operation.op === "reserved") return {};
    if (operation.op === "init") {
      this.#init(operation);
      return {};
    }
    if (this.#machine === null) throw new RangeError("The first operation must be `init`");
    if (operation.cpu !== undefined) this.#machine.cpu = operation.cpu as number;
    this.#noted = { events: [], copies: [], caches: [] };
    this.#warnings = [];
    return {
      ...this.#answer(this.#machine, operation),
      ...this.#noted,
      went_beyond_32bit: this.#warnings.includes("iommu_dma_alloc_iova"),
      warn: this.#warnings.filter((at) => !MESSAGES.has(at)).length,
    };
  }

  #init(line: MappingOperation): void {
    const config = { ...traceConfig(line, this.#reserved), ...this.kernel };
    const machine = new Machine(config);
    this.#machine = machine;
    const dev = deviceOf("dev", line);
    const members = line.second === undefined
      ? [dev]
      : [dev, deviceOf("second", line.second as MappingOperation)];
    this.#devices = members;
    this.#hmm = new HmmModel(machine);
    if (line.peers !== undefined) machine.peers = peerRouter(line.peers as PeerFields);
    if (line.queue !== undefined) {
      this.#requests = new RequestModel(machine, dev, line.queue as QueueFields);
    }
    machine.events.listen(
      (event) => this.#note(event),
      [
        ...["iotlb.sync", "swiotlb.copy", "cache.clean", "cache.invalidate"] as const,
        ...["kernel.warn", "flush_queue.flush"] as const,
      ],
    );
    if (line.mode === "direct") return;
    // The domain is built here, because a machine has no setting for a shared queue, and the trace
    // says whether the domain's device is lazy or untrusted.
    const domain = new IommuDomain(machine, {
      id: 0,
      name: dev.name,
      members,
      table: makePageTable(config.iommu),
      iotlb: machine.iommu.iotlb,
      flushQueue: QUEUES[line.mode as keyof typeof QUEUES](config.cpus),
      cachingMode: false,
      reserved: this.#reserved,
    });
    for (const member of members) member.domain = domain;
  }

  /** The device that makes the call. */
  #caller({ dev = 0 }: MappingOperation): DmaDevice {
    return this.#devices[dev as number]!;
  }

  #answer(machine: Machine, line: MappingOperation): Record<string, unknown> {
    const number = (name: string) => line[name] as number;
    const dir = line.dir as DmaDirection;
    const attrs = (line.attrs ?? 0) as number;
    const { dma } = machine;
    const dev = this.#caller(line);
    switch (line.op) {
      case "map_sg": {
        const list = new Scatterlist(
          (line.in as [number, number][]).map(([phys, sizeBytes]) => ({
            phys: phys as PhysAddr,
            sizeBytes,
          })),
        );
        this.#lists.set(number("id"), list);
        const error = dma.dmaMapSgtable(dev, list, dir, attrs);
        return {
          ret: error === 0 ? list.outputs : error,
          out: list.mapped().map((output) => [output.dma, output.sizeBytes]),
          // Shows that the call has not changed the list.
          in: list.segments().map(({ phys, sizeBytes }) => [phys, sizeBytes]),
        };
      }
      case "unmap_sg":
        dma.dmaUnmapSg(dev, this.#lists.get(number("id"))!, dir, attrs);
        return {};
      case "advance": {
        const before = this.#fired;
        machine.advance(number("ms") * MS);
        return { now: machine.clock.nowNs / MS, fired: this.#fired - before };
      }
      case "state":
        return this.#state(machine);
      case "limits":
        return limitsOf(machine, dev);
      case "alloc":
      case "free":
        return this.#coherent(machine, line);
      case "rq_map":
      case "rq_list":
      case "rq_unmap":
        return this.#requests!.run(line as RequestOperation);
      case "hmm_alloc":
      case "hmm_fill":
      case "hmm_map":
      case "hmm_unmap":
      case "hmm_free":
        return this.#hmm!.run(dev, line as MappingOperation & HmmOperation);
      case "sync_sg_for_cpu":
        dma.dmaSyncSgForCpu(dev, this.#lists.get(number("id"))!, dir);
        return {};
      case "sync_sg_for_device":
        dma.dmaSyncSgForDevice(dev, this.#lists.get(number("id"))!, dir);
        return {};
      default:
        return this.#call(machine, line);
    }
  }

  #coherent({ dma }: Machine, line: MappingOperation): Record<string, unknown> {
    const [dev, id] = [this.#caller(line), line.id as number];
    if (line.op === "free") {
      dma.dmaFreeCoherent(dev, this.#memories.get(id)!);
      return {};
    }
    const memory = dma.dmaAllocCoherent(dev, line.size as number, {
      pages: line.pages as PhysAddr[],
    });
    if (memory !== null) this.#memories.set(id, memory);
    return { dma: memory?.dma ?? null };
  }

  /**
   * Calls a kernel function, with the arguments that are listed in the function's row of the table.
   */
  #call({ dma }: Machine, line: MappingOperation): Record<string, unknown> {
    const id = line.id as number;
    if (line.op === "iova_try_alloc") this.#states.set(id, new DmaIovaState());
    const state = this.#states.get(id);
    const call = kernelCallOf(line, { dev: this.#caller(line), state, mask: line.bits });
    if (call === null) return { op: `unknown operation ${line.op}` };
    const { args, name } = call;
    return answerOf(name, mappingCaller(name)(dma, args as never), state?.addr);
  }

  #note(event: MachineEvent): void {
    const { caches, copies, events } = this.#noted;
    switch (event.name) {
      case "flush_queue.flush":
        this.#fired++;
        return;
      case "kernel.warn":
        this.#warnings.push(event.fields.at);
        return;
      case "iotlb.sync": {
        const { kind, start, size_bytes } = event.fields;
        const range = [kind === "walk" ? "walk" : "sync", start, start + size_bytes - 1];
        events.push(kind === "all" ? ["flush_all"] : range);
        return;
      }
      case "swiotlb.copy": {
        const { direction, orig_phys, tlb_phys, size_bytes } = event.fields;
        const ends = direction === "in" ? [orig_phys, tlb_phys] : [tlb_phys, orig_phys];
        copies.push([...ends, size_bytes]);
        return;
      }
      case "cache.clean":
      case "cache.invalidate": {
        const { phys, size_bytes } = event.fields;
        caches.push([event.name === "cache.clean" ? "clean" : "invalidate", phys, size_bytes]);
      }
    }
  }

  #state(machine: Machine): Record<string, unknown> {
    const now = machine.clock.nowNs / MS;
    const [{ domain, prefer32Bit }, second] = this.#devices as [DmaDevice, DmaDevice?];
    const pool = { now, bounce_slots_used: machine.swiotlb.usedSlots };
    if (domain === null) return pool;
    const queue = domain.flushQueue;
    return {
      ...pool,
      iova_nodes: domain.iova.ranges.count,
      tables: domain.table.tables,
      try_32bit_first: prefer32Bit,
      ...second === undefined ? {} : { second_32bit_first: second.prefer32Bit },
      flush_queue: queue === null ? null : {
        kind: queue.entries > PER_CPU_RING_ENTRIES ? "single" : "per-cpu",
        size: queue.entries,
        timeout_ms: queue.timeoutNs / MS,
        flush_started: queue.started,
        flush_finished: queue.finished,
        timer_on: queue.timerOn ? 1 : 0,
        timer_at: queue.timerOn ? queue.timerAtNs / MS : null,
        rings: Array.from({ length: queue.rings }, (_, ring) => queue.ends(ring)),
      },
    };
  }
}

function limitsOf({ dma }: Machine, dev: DmaDevice): Record<string, unknown> {
  const [max, opt] = [dma.dmaMaxMappingSize(dev), dma.dmaOptMappingSize(dev)];
  const required = dma.dmaGetRequiredMask(dev);
  return {
    opt_mapping_size: opt === Number.MAX_SAFE_INTEGER ? U64_MAX : opt,
    max_mapping_size: max === Number.MAX_SAFE_INTEGER ? U64_MAX : String(max),
    merge_boundary: dma.dmaGetMergeBoundary(dev),
    required_mask: required === lastAddressOfBits(64) ? U64_MAX : required,
    addressing_limited: dma.dmaAddressingLimited(dev),
  };
}

function deviceOf(name: string, line: MappingOperation): DmaDevice {
  const number = (key: string) => line[key] as number;
  return new DmaDevice(name, {
    maskBits: number("dma_mask_bits"),
    busLimitBits: number("bus_limit_bits"),
    untrusted: line.untrusted as boolean,
    coherent: line.coherent !== false,
    minAlignMask: number("min_align_mask"),
    maxSegmentSizeBytes: number("max_seg_size"),
    segmentBoundaryMask: number("seg_boundary_mask"),
    prefer32Bit: line.try_32bit_first as boolean,
    ...line.bus_ranges === undefined ? {} : { ranges: busRanges(line) },
  });
}

/** The bus addresses of memory: `[CPU address, bus address, bytes]`. */
function busRanges(line: MappingOperation): readonly DmaRange[] {
  return (line.bus_ranges as [PhysAddr, DmaAddr, number][])
    .map(([cpuPhys, dma, sizeBytes]) => ({ cpuPhys, dma, sizeBytes }));
}

/** The machine around a trace's device. */
function traceConfig(
  line: MappingOperation,
  reserved: readonly { start: number; end: number }[],
): MachineConfig {
  const number = (name: string) => line[name] as number;
  const defaults = defaultMachineConfig();
  const peers = line.peers === undefined ? [] : [
    {
      name: "peer",
      type: "mmio",
      basePhys: PEER_START as PhysAddr,
      sizeBytes: PEER_BYTES,
    } as const,
  ];
  const pageSizesBytes = pageSizesOf(number("pgsize_bitmap"));
  return {
    ...defaults,
    cpus: number("cpus"),
    // The last address of memory is the same with and without a peer.
    ramSizeBytes: RAM_BYTES - peers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    regions: peers,
    checker: "off",
    // The trees of the comparison are also compiled with CONFIG_DMA_API_DEBUG.
    dmaDebug: true,
    iommu: {
      ...defaults.iommu,
      model: TABLE_MODELS[line.format as keyof typeof TABLE_MODELS],
      granuleBytes: pageSizesBytes[0]!,
      pageSizesBytes,
      addressBits: number("address_bits"),
      reserved,
    },
    swiotlb: swiotlbConfig({
      sizeBytes: number("bounce_slots") * SLOT_BYTES,
      areas: number("bounce_areas"),
      basePhys: number("bounce_start") as PhysAddr,
      force: line.bounce_force === true,
    }),
  };
}
