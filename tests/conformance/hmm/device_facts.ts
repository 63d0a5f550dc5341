/**
 * Replays facts about a device on a captured machine. The facts include the kernel's log
 * (tests/golden/hmm/device-facts). The first line of a file describes the machine. Each other line
 * is a step and counts as a case.
 */
import {
  ADDRESS_LIMIT,
  defaultMachineConfig,
  type DeviceAccess,
  type DmaAddr,
  type FaultReason,
  type IommuModel,
  Machine,
  MIB,
  type PhysAddr,
} from "@dmalab/runtime";
import { DmaDevice, type DmaDirection } from "@dmalab/runtime/dma";
import { printFaultLog } from "@dmalab/runtime/fault_log";
import { firstDifference, type Json, type JsonObject } from "../difference.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { profileOf } from "../kernel/kernel_machine.ts";

const PAGE = 4096;
/** Steps at the address of the examined mapping; other steps name an address. */
const OWN = / mapping|after unmap/;
const MASK = /^mask of (\d+) bits$/;
const WAIT_NS = 300_000_000;
/** 00:04.0. */
const REQUESTER = 4 * 8;
const DIRECTIONS: Readonly<Record<string, DmaDirection>> = {
  bidirectional: 0,
  to_device: 1,
  from_device: 2,
};

/** Capability bits in the hardware's registers (VT-d specification, 11.4.2 and 11.4.3). */
const CAP_CACHING_MODE = 7n;
const CAP_WIDTH_AT = 16n;
const ECAP_SCALABLE = 43n;
const ECAP_FIRST_STAGE = 47n;

/**
 * Fields of a line that are inputs, or that are not compared because they depend on time or on the
 * emulator. The step itself is such a field.
 */
const NOT_COMPARED = ["step", "what", "force_aperture"];
/**
 * Fields of a step in which the device's access races with the unmap. These fields depend on which
 * of the two is first.
 */
const RACED = ["done_after_unmap_us", "device_got", "arrived", "log"];

export function leftOutOfStep(
  { done_after_unmap_us, what }: JsonObject,
  lazy: boolean,
): Set<string> {
  // In lazy mode the timer may have done the flush, so the invalidations are not compared.
  const open = done_after_unmap_us !== undefined
    ? [...RACED, ...lazy ? ["invalidations"] : []]
    : lazy && MASK.test(String(what))
    ? ["addr"]
    // The emulator caches the permissions of a translation, and does not log an access that the
    // cached permissions forbid. Interrupts are handled by another part of the emulator.
    : /, after the (read|write)$|^device writes: interrupt/.test(String(what))
    ? ["log"]
    : [];
  return new Set([...NOT_COMPARED, ...open, ...OWN.test(String(what)) ? [] : ["at"]]);
}

/** Replays a file. @throws {GoldenReadError} For a kernel without a profile. */
export function replayDeviceFacts(group: string, lines: readonly JsonObject[]): GroupResult {
  const [machine = {}, ...steps] = lines;
  const count = new GroupCount(group);
  const facts = new DeviceFacts(machine);
  const { domain_operations, domain_type } = machine;
  const described = { domain_operations: domain_operations!, domain_type: domain_type! };
  count.add("machine", firstDifference(described, facts.described()), "dma.1.3");
  for (const step of steps) {
    const { step: number, what } = step;
    const leftOut = leftOutOfStep(step, facts.lazy);
    const compared = (fields: JsonObject) =>
      Object.fromEntries(Object.entries(fields).filter(([key]) => !leftOut.has(key)));
    const answer = compared(facts.step(String(what), Number(step.at)));
    count.add(`step ${number} (${what})`, firstDifference(compared(step), answer), "dma.1.6");
  }
  return count.result();
}

class DeviceFacts {
  readonly #machine: Machine;
  readonly #model: IommuModel;
  readonly #dev = new DmaDevice("tester", {});
  readonly #flushes: InvalidationLines;
  /** The examined mapping, and its direction; the direction is empty without a mapping. */
  #dma = 0 as DmaAddr;
  #dir = "";
  #bytes = 0;
  readonly #phys = 0x1000_0000 as PhysAddr;

  constructor({ cap, command_line, ecap, uname }: JsonObject) {
    const has = (register: Json | undefined, bit: bigint) =>
      (BigInt(`0x${register}`) >> bit & 1n) === 1n;
    const words = String(command_line).split(" ");
    const scalable = has(ecap, ECAP_SCALABLE) && !words.includes("intel_iommu=sm_off");
    this.#model = !scalable
      ? "vtd"
      : has(ecap, ECAP_FIRST_STAGE)
      ? "vtd_first_stage"
      : "vtd_scalable";
    const base = defaultMachineConfig();
    this.#machine = new Machine({
      ...base,
      kernel: profileOf(String(uname).split(" ")[2] ?? ""),
      checker: "off",
      iommu: {
        ...base.iommu,
        mode: words.includes("iommu.strict=1") ? "strict" : "lazy",
        model: this.#model,
        addressBits: Number(BigInt(`0x${cap}`) >> CAP_WIDTH_AT & 63n) + 1,
        cachingMode: has(cap, CAP_CACHING_MODE),
        forcedac: words.includes("iommu.forcedac=1"),
      },
    });
    this.#machine.iommu.attach(this.#dev);
    this.#flushes = new InvalidationLines(this.#machine, this.#model);
    this.#machine.dma.dmaSetMask(this.#dev, 64);
  }

  get lazy(): boolean {
    return this.#dev.domain!.lazy;
  }

  described(): JsonObject {
    const operations = this.#model === "vtd_first_stage" ? "fs" : "ss";
    return {
      domain_type: this.lazy ? "DMA-FQ" : "DMA",
      domain_operations: `intel_${operations}_paging_domain_ops`,
    };
  }

  /** Performs a step. @returns The results, with the fields of its line. */
  step(what: string, at: number): JsonObject {
    this.#flushes.take();
    const [, size] = /^map (\d+) bytes$/.exec(what) ?? [];
    const [, bits] = MASK.exec(what) ?? [];
    if (what === "domain") return this.#domain();
    if (what === "first mapping") return this.#first();
    if (what.startsWith("map ")) return this.#map(what.slice(4), Number(size ?? PAGE));
    if (what === "unmap") return { addr: hex(this.#dma), ...this.#unmap() };
    if (what.startsWith("unmap")) return this.#unmap();
    if (bits !== undefined) return this.#mask(Number(bits));
    if (what.includes("it had read before")) return this.#raced();
    const [, access, place = ""] = /^device (read|write)s: (.*)$/.exec(what) ?? [];
    if (access !== "read" && access !== "write") return { unknown: what };
    const [dir = ""] = place.split(" mapping");
    if (place.includes("after unmap")) this.#machine.clock.advance(WAIT_NS);
    if (dir in DIRECTIONS && (dir !== this.#dir || place.endsWith("nothing cached"))) {
      this.#remap(dir);
    }
    if (!OWN.test(what)) return this.#access(access, at, false);
    return { at: hex(this.#dma), ...this.#access(access, this.#dma, true) };
  }

  #domain(): JsonObject {
    const { lastAddress, pageSizesBytes } = this.#dev.domain!.table;
    const sizes = pageSizesBytes.reduce((sum, bytes) => sum + bytes, 0);
    return {
      type: this.lazy ? "0xb" : "0x3",
      aperture: ["0x0", hex(lastAddress)],
      page_sizes: hex(sizes),
      log: [],
    };
  }

  /** Maps the first page and then, as the tester does, another page in a separate mapping. */
  #first(): JsonObject {
    const { dma } = this.#machine;
    const other = (this.#phys + MIB) as PhysAddr;
    const first = dma.dmaMapPhys(this.#dev, other, PAGE, DIRECTIONS.bidirectional!);
    const field = this.#flushes.field();
    dma.dmaMapPhys(this.#dev, other, PAGE, DIRECTIONS.bidirectional!);
    return { addr: hex(first), log: [], ...field };
  }

  #map(dir: string, bytes: number): JsonObject {
    this.#dir = dir in DIRECTIONS ? dir : "bidirectional";
    this.#bytes = bytes;
    this.#fill();
    const direction = DIRECTIONS[this.#dir]!;
    this.#dma = this.#machine.dma.dmaMapPhys(this.#dev, this.#phys, bytes, direction);
    return { addr: hex(this.#dma), log: [], ...this.#flushes.field() };
  }

  /** Replaces the mapping by a new one, after everything about the old one has been flushed. */
  #remap(dir: string): void {
    this.#unmap();
    this.#machine.clock.advance(WAIT_NS);
    this.#map(dir, PAGE);
  }

  #fill(): void {
    this.#machine.memory.write(this.#phys, new Uint8Array(8).fill(0x33), 0, 8);
  }

  #unmap(): JsonObject {
    if (this.#dir === "") return {};
    const dir = DIRECTIONS[this.#dir]!;
    this.#dir = "";
    this.#machine.dma.dmaUnmapPhys(this.#dev, this.#dma, this.#bytes, dir);
    return { log: [], ...this.#flushes.field() };
  }

  #mask(bits: number): JsonObject {
    this.#machine.dma.dmaSetMask(this.#dev, bits);
    const answer = this.#map("bidirectional", PAGE);
    this.#unmap();
    return { addr: answer.addr!, log: [] };
  }

  #raced(): JsonObject {
    this.#remap("bidirectional");
    this.#flushes.take();
    const answer = this.#unmap();
    this.#machine.clock.advance(WAIT_NS);
    return answer;
  }

  /**
   * @param isOwn Whether the access is to the examined page; for a write elsewhere the record has
   *   fewer fields.
   */
  #access(access: "read" | "write", at: number, isOwn: boolean): JsonObject {
    const { bus, iommu } = this.#machine;
    const bytes = new Uint8Array(8);
    const before = this.#word();
    const { length } = iommu.faults;
    const wide = at >= ADDRESS_LIMIT;
    if (wide) bus.faultWide(this.#dev, access, Math.floor(at / 2 ** 32));
    const done = !wide &&
      (access === "read"
        ? bus.read(this.#dev, at, bytes, 0, 8)
        : bus.write(this.#dev, at, bytes.fill(0x5a), 0, 8));
    const log = this.#logOf(at, access, iommu.faults[length]?.reason ?? null);
    if (access === "read") {
      const got = wordOf(bytes);
      return { device_got: got, arrived: done && got === before, log };
    }
    const after = this.#word();
    this.#fill();
    return isOwn ? { memory_before: before, memory_after: after, arrived: done, log } : { log };
  }

  #logOf(dma: number, access: DeviceAccess, reason: FaultReason | null): readonly string[] {
    const line = reason === null ? null : printFaultLog(this.#model, {
      dma,
      access,
      reason,
      pciDomain: 0,
      requesterId: REQUESTER,
      domainId: 0,
      namesSegment: !this.#machine.kernel.fault_lines_without_segment,
    });
    return line === null ? [] : [line];
  }

  #word(): string {
    const bytes = new Uint8Array(8);
    this.#machine.memory.read(this.#phys, bytes, 0, 8);
    return wordOf(bytes);
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function wordOf(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}

/** The domain id of the tester's domain on the captured kernels, in bits 31 to 16. */
const DOMAIN = 0x4_0000;
/** Types and granularities of invalidation commands (VT-d specification, 6.5.2). */
const IOTLB = 0x2;
const PASID_IOTLB = 0x6;
const PAGES = 0x30;
const WHOLE = 0x20;
/** Bits for second-stage tables: wait for reads and writes that are in progress in the hardware. */
const DRAINS = 0xc0;
/** The bit of the invalidation hint: only leaf entries were removed, no table. */
const LEAF_ONLY = 0x40;
const PAGE_SHIFT = 12;

/** Collects the invalidation commands. */
class InvalidationLines {
  #lines: string[] = [];

  constructor(machine: Machine, model: IommuModel) {
    const firstStage = model === "vtd_first_stage";
    const [name, type] = firstStage ? ["p_iotlb_inv", PASID_IOTLB] : ["iotlb_inv", IOTLB + DRAINS];
    machine.events.listen(({ fields, why }) => {
      const whole = fields.kind === "all" || why?.inputs.whole_domain === true;
      const order = Math.log2(fields.hw_size_bytes) - PAGE_SHIFT;
      const hint = fields.kind !== "map" && why?.inputs.leaf_only === true ? LEAF_ONLY : 0;
      const place = whole ? 0 : fields.hw_start + hint + order;
      const command = DOMAIN + type + (whole ? WHOLE : PAGES);
      this.#lines.push(`${name} dmar0: 0x${command.toString(16)} 0x${place.toString(16)} 0x0 0x0`);
    }, ["iotlb.sync"]);
  }

  /** The commands since the last call, as a field; without commands, no field. */
  field(): { readonly invalidations?: Json } {
    const invalidations = this.take();
    return invalidations.length === 0 ? {} : { invalidations };
  }

  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}
