/**
 * The cause of a fault: compares the fault line of a log with the mappings of this run.
 *
 * All data comes from the recorded events, as in the ledger. If this run had the fault of the log
 * line, the state at the time of that fault counts; otherwise the current state.
 */
import { minOf } from "@dmalab/runtime/basics";
import type { LabDevice } from "@dmalab/devices";
import {
  ADDRESS_LIMIT,
  alignDown,
  alignUp,
  isReturn,
  lowBitsOf,
  type MachineEvent,
} from "@dmalab/runtime";
import {
  isAboutMappings,
  type LoggedFault,
  type LoggedSource,
  numberOf,
  type Word64,
} from "@dmalab/runtime/fault_log";
import type { ExecutionContext } from "../values/execution_context.ts";
import {
  endAt,
  isUsers,
  type LedgerEntry,
  type Ownership,
  ownershipsOf,
  readAreas,
  readCoherent,
  readLedger,
} from "./ledger.ts";
import type { VERDICTS } from "./words.ts";

export type FaultVerdict = keyof typeof VERDICTS;

export interface JudgedFault {
  readonly line: LoggedFault;
  readonly verdict: FaultVerdict;
  /**
   * The device that has the source address of the line; null if this machine has no such device.
   */
  readonly device: LabDevice | null;
  /** The fault of this run that the log line reports, or null. */
  readonly fault: FaultEvent | null;
  /** The mapping that the verdict is about, or null. */
  readonly mapping: LedgerEntry | null;
  /** The event that ended that mapping, if the mapping covered the line's address; or null. */
  readonly ended: MachineEvent | null;
  /** The call that caused the fault: it made or ended the mapping, or reserved a range. */
  readonly culprit: MachineEvent | null;
  /**
   * If `mapping` has ended: the verdict about a live mapping that begins or ends close to the
   * address, or null.
   */
  readonly neighbour: JudgedFault | null;
  /**
   * Distance of the address behind the end, or before the start, of the mapping; null for other
   * verdicts. The distance is a minimum if the log line contains only the page.
   */
  readonly offByBytes: number | null;
  /**
   * If the address was cut: the greatest number of address bits that the device can drive.
   * Otherwise null.
   */
  readonly drivenBits: number | null;
  /** Accesses that still went through the IOTLB or the device's own TLB after the mapping's end. */
  readonly staleUses: readonly MachineEvent<"iommu.translate">[];
  /**
   * The event with which the last of these caches lost the address after the mapping had ended: an
   * IOTLB invalidation, or the answer of the device; null without one.
   */
  readonly forgotten: MachineEvent<"device_tlb.answer" | "iotlb.sync"> | null;
}

type FaultEvent = MachineEvent<"iommu.fault">;

/** Whether the address is in the page of the error value, which is all ones. */
function isErrorValue({ high, low }: Word64): boolean {
  return high === 0xffff_ffff && low >= 0xffff_f000;
}

/**
 * Compares a log line with this run.
 *
 * @param known The fault of this run that caused the line, if it is known; otherwise the fault is
 *   searched.
 */
export function judgeFault(
  fault: LoggedFault,
  context: ExecutionContext,
  known: FaultEvent | null = null,
): JudgedFault {
  const devices = fault.source === null ? [] : devicesAt(fault.source, context);
  const own = known ?? ownFault(fault, devices, context);
  const device = devices.find(({ name }) => name === own?.device) ?? devices[0] ?? null;
  const none: JudgedFault = {
    line: fault,
    verdict: "not_a_mapping",
    device,
    fault: null,
    mapping: null,
    ended: null,
    culprit: null,
    neighbour: null,
    offByBytes: null,
    drivenBits: null,
    staleUses: [],
    forgotten: null,
  };
  if (fault.address === null || !isAboutMappings(fault.reason)) return none;
  if (device === null) return { ...none, verdict: "no_device" };
  const found: JudgedFault = { ...none, fault: own };
  if (own?.why?.inputs.injected === true) return { ...found, verdict: "injected" };
  if (isErrorValue(fault.address)) {
    return { ...found, verdict: "error_value", culprit: lastFailedMap(device, own, context) };
  }
  const { domain } = device.dma;
  if (domain === null) return { ...found, verdict: "not_translated" };
  const address = numberOf(fault.address) ?? ADDRESS_LIMIT;
  if (address > domain.table.lastAddress) return { ...found, verdict: "out_of_range" };
  return new Judgement(fault, address, device, own, context).judge(found);
}

/**
 * The devices with a requester ID: one device, or all devices behind a bridge to conventional PCI.
 * If the line has no PCI domain, the devices in the first domain that has such a device.
 */
function devicesAt(
  { domain, requesterId }: LoggedSource,
  context: ExecutionContext,
): readonly LabDevice[] {
  const found = [...context.lab.devices.values()].filter(({ dma, function: { address } }) =>
    dma.requesterId === requesterId && (domain === null || address.domain === domain)
  );
  const first = minOf(found.map(({ function: { address } }) => address.domain));
  return found.filter(({ function: { address } }) => address.domain === first);
}

/** The latest fault of this run that may have caused the line. */
function ownFault(
  line: LoggedFault,
  devices: readonly LabDevice[],
  context: ExecutionContext,
): FaultEvent | null {
  const { access, accessCertain, addressUnitBytes } = line;
  if (line.address === null) return null;
  const address = numberOf(line.address);
  if (address === null && !isErrorValue(line.address)) return null;
  const faults = context.recorder.events.filter((event) => event.name === "iommu.fault");
  return faults.findLast(({ device: name, fields }) => {
    if (!devices.some((device) => device.name === name)) return false;
    if (accessCertain && access !== null && fields.access !== access) return false;
    if (address === null) return fields.dma < 0;
    return alignDown(fields.dma, addressUnitBytes) === alignDown(address, addressUnitBytes);
  }) ?? null;
}

/** The call that returned the error value: the device's last map call that failed. */
function lastFailedMap(
  device: LabDevice,
  before: MachineEvent | null,
  context: ExecutionContext,
): MachineEvent | null {
  return context.recorder.events.findLast((event) =>
    event.device === device.name && isReturn(event) && event.name.startsWith("ret.dma_map_") &&
    event.seq < (before?.seq ?? Infinity) && event.fields.error !== null
  ) ?? null;
}

/** A verdict about a mapping. @param culprit The call that caused the fault. */
function about(
  found: JudgedFault,
  verdict: FaultVerdict,
  mapping: LedgerEntry,
  culprit: MachineEvent | null,
): JudgedFault {
  return { ...found, verdict, mapping, ended: mapping.ended, culprit };
}

/**
 * Numbers of address bits that are tried for devices that drive too few address bits, largest
 * first. None is below 30: with fewer bits, an address can equal the low bits of another address by
 * chance.
 */
const CUT_BITS = Array.from({ length: 34 }, (_, index) => 63 - index);

class Judgement {
  /** Names of the devices that share the device's page table, including the device. */
  readonly #members: ReadonlySet<string>;
  readonly #events: readonly MachineEvent[];
  /** When processes owned the device's group, oldest first. */
  readonly #ownerships: readonly Ownership[];
  /** The process that owns it at the time of the line; null for the kernel. */
  readonly #owner: Ownership | null;
  readonly #run: ExecutionContext;
  readonly #granuleBytes: number;

  constructor(
    private readonly line: LoggedFault,
    private readonly address: number,
    private readonly device: LabDevice,
    private readonly own: FaultEvent | null,
    context: ExecutionContext,
  ) {
    this.#run = context;
    this.#granuleBytes = context.lab.machine.iommu.granuleBytes;
    const { events } = context.recorder;
    this.#events = own === null ? events : events.slice(0, events.indexOf(own));
    this.#ownerships = ownershipsOf(device.name, this.#events);
    const last = this.#ownerships.at(-1);
    this.#owner = last === undefined || last.until !== null ? null : last;
    const group = device.dma.group?.members ?? [];
    this.#members = new Set(
      this.#owner?.devices ?? [device.name, ...group.map(({ name }) => name)],
    );
  }

  judge(found: JudgedFault): JudgedFault {
    const all = [
      ...readLedger(this.#events, this.#run),
      ...readCoherent(this.#events, this.#run),
      ...readAreas(this.#events, this.#run),
    ].sort((a, b) => a.created.seq - b.created.seq);
    const ours = all.filter((entry) =>
      this.#members.has(entry.device) && (this.#owner === null || isUsers(entry))
    );
    const there = ours.filter((entry) => this.#isIn(entry.dma, entry.sizeBytes));
    const endOf = (entry: LedgerEntry) => endAt(entry, this.address, this.#events, this.#run);
    const live = there.findLast((entry) => endOf(entry) === null);
    if (live !== undefined) return this.#living(found, live);
    const owned = this.#owned(found, all);
    if (owned !== null) return owned;
    const cut = this.#cut(found, ours);
    if (cut !== null && cut.drivenBits === this.device.dma.addressBits) return cut;
    const dead = there.at(-1);
    if (dead !== undefined) {
      const neighbours = ours.filter((entry) => entry.ended === null && !there.includes(entry));
      const neighbour = this.#beside(found, neighbours);
      return { ...this.#dead(found, dead, endOf(dead)!), neighbour };
    }
    return this.#untold(found) ?? this.#reserved(found) ?? this.#beside(found, ours) ??
      this.#elsewhere(found, all, ours, cut);
  }

  /** The verdict if a driver's live mapping has the address, and a process owns the device's group. */
  #owned(found: JudgedFault, all: readonly LedgerEntry[]): JudgedFault | null {
    const { dma: { group }, name } = this.device;
    if (this.#owner === null) return null;
    const mapping = all.findLast((entry) =>
      !isUsers(entry) && this.#isIn(entry.dma, entry.sizeBytes) &&
      (entry.device === name || group?.members.some((member) => member.name === entry.device)) &&
      endAt(entry, this.address, this.#events, this.#run) === null
    );
    return mapping === undefined ? null : about(found, "group_owned", mapping, this.#owner.since);
  }

  /** Whether the line's address, or its page, lies in the granules of a range. */
  #isIn(start: number, sizeBytes: number): boolean {
    const granule = this.#granuleBytes;
    return this.address + this.line.addressUnitBytes > alignDown(start, granule) &&
      this.address < alignUp(start + sizeBytes, granule);
  }

  #living(found: JudgedFault, mapping: LedgerEntry): JudgedFault {
    const { access, accessCertain } = this.line;
    const forbidden = mapping.dir === "to_device"
      ? "write"
      : mapping.dir === "from_device"
      ? "read"
      : null;
    if (accessCertain && access !== null && access === forbidden) {
      return about(found, "wrong_direction", mapping, mapping.created);
    }
    const { cachingMode, hostMappings } = this.device.dma.domain!;
    const isHidden = this.own?.fields.reason === "not_present" &&
      (cachingMode || hostMappings !== null);
    return isHidden
      ? about(found, "sync_missing", mapping, mapping.created)
      : about(found, "access_allowed", mapping, null);
  }

  /** @param ended The event that ended the mapping at the line's address. */
  #dead(found: JudgedFault, mapping: LedgerEntry, ended: MachineEvent): JudgedFault {
    const after = this.#events.filter(({ seq }) => seq > ended.seq);
    const staleUses = after.filter((event): event is MachineEvent<"iommu.translate"> => {
      if (event.name !== "iommu.translate" || !this.#members.has(event.device!)) return false;
      const { dma, hit } = event.fields;
      return hit.startsWith("stale") && dma >= mapping.dma && dma < mapping.dma + mapping.sizeBytes;
    });
    const last = staleUses.at(-1);
    const owner = last?.fields.hit === "stale_device_tlb" ? last.device : null;
    const forgotten = after.find((event): event is NonNullable<JudgedFault["forgotten"]> => {
      if (owner !== null) {
        if (event.name !== "device_tlb.answer") return false;
        const { dropped, size_bytes, start, target } = event.fields;
        return target === owner && dropped > 0 && this.address >= start &&
          this.address < start + size_bytes;
      }
      if (event.name !== "iotlb.sync") return false;
      const { hw_size_bytes, hw_start, kind } = event.fields;
      return kind !== "map" && this.address >= hw_start &&
        this.address < hw_start + hw_size_bytes;
    }) ?? null;
    const { iotlb } = this.#run.lab.machine.iommu;
    const isCached = this.own === null && iotlb.holds(this.device.dma.domain!.id, this.address);
    const verdict = isCached ? "stale_iotlb" : "use_after_unmap";
    return { ...about(found, verdict, mapping, ended), ended, staleUses, forgotten };
  }

  /**
   * Handles addresses that are translated without a mapping call, such as those of a device's
   * queues or of a pool's pages.
   */
  #untold(found: JudgedFault): JudgedFault | null {
    const { iommu } = this.#run.lab.machine;
    if (this.own === null && iommu.lookup(this.device.dma, this.address) >= 0) {
      return { ...found, verdict: "access_allowed" };
    }
    const gone = this.#events.findLast((event) => {
      if (event.name !== "iommu.unmap" || !this.#members.has(event.device!)) return false;
      const { iova, size_bytes } = event.fields;
      return this.#isIn(iova, size_bytes);
    });
    return gone === undefined ? null : { ...found, verdict: "use_after_unmap", culprit: gone };
  }

  /** The verdict if the address is in a range that the two-step API has reserved, but not linked. */
  #reserved(found: JudgedFault): JudgedFault | null {
    if (this.#owner !== null) return null;
    const taken = new Map<number, MachineEvent<"iova.alloc">>();
    for (const event of this.#events) {
      if (!this.#members.has(event.device!)) continue;
      if (event.name === "iova.alloc") taken.set(event.fields.start, event);
      else if (event.name === "iova.free") taken.delete(event.fields.start);
    }
    for (const event of taken.values()) {
      const { size_bytes, start } = event.fields;
      if (this.#isIn(start, size_bytes)) {
        return { ...found, verdict: "not_linked", culprit: event };
      }
    }
    return null;
  }

  /**
   * The verdict if the address is behind the end of a mapping or before its start, by at most the
   * mapping's length or one granule.
   */
  #beside(found: JudgedFault, ours: readonly LedgerEntry[]): JudgedFault | null {
    let best: JudgedFault | null = null;
    const isBetter = (mapping: LedgerEntry, offByBytes: number) => {
      if (best === null) return true;
      const bestLives = best.mapping!.ended === null;
      if (bestLives !== (mapping.ended === null)) return !bestLives;
      return offByBytes <= best.offByBytes!;
    };
    for (const mapping of ours) {
      const end = mapping.dma + mapping.sizeBytes;
      const isBehind = this.address >= end;
      const offByBytes = isBehind
        ? this.address - end
        : mapping.dma - (this.address + this.line.addressUnitBytes);
      const limitBytes = Math.max(mapping.sizeBytes, this.#granuleBytes);
      if (offByBytes > limitBytes || !isBetter(mapping, offByBytes)) continue;
      const verdict = isBehind ? "past_end" : "before_start";
      best = { ...about(found, verdict, mapping, mapping.created), offByBytes };
    }
    return best;
  }

  /**
   * The verdict if the address equals the low bits of a live mapping's address. The number of these
   * low bits is the number of address bits that the device drives. If the device drives all 64
   * bits, it is any number in `CUT_BITS`.
   */
  #cut(found: JudgedFault, ours: readonly LedgerEntry[]): JudgedFault | null {
    const { addressBits } = this.device.dma;
    const driven = addressBits < 64 ? [addressBits] : CUT_BITS;
    for (const mapping of ours.filter(({ ended }) => ended === null)) {
      const drivenBits = driven.find((bits) => {
        const low = lowBitsOf(mapping.dma, bits);
        return low !== mapping.dma && this.#isIn(low, mapping.sizeBytes);
      });
      if (drivenBits === undefined) continue;
      return { ...about(found, "cut_address", mapping, mapping.created), drivenBits };
    }
    return null;
  }

  /** The verdict if the address is mapped for another device, or is another kind of address. */
  #elsewhere(
    found: JudgedFault,
    all: readonly LedgerEntry[],
    ours: readonly LedgerEntry[],
    cut: JudgedFault | null,
  ): JudgedFault {
    const byPhys = ours.findLast((entry) => this.#isIn(entry.phys, entry.sizeBytes));
    if (byPhys !== undefined) {
      return about(found, "physical_address", byPhys, byPhys.created);
    }
    const others = all.findLast((entry) =>
      entry.ended === null && this.#isIn(entry.dma, entry.sizeBytes)
    );
    const left = others === undefined || !isUsers(others) ? undefined : this.#ownerships.findLast(
      ({ since, until }) => until !== null && since.device === others.device,
    );
    if (others !== undefined && left !== undefined) {
      return { ...found, verdict: "group_left", mapping: others, culprit: left.until };
    }
    if (others !== undefined) {
      return { ...found, verdict: "other_device", mapping: others, culprit: others.created };
    }
    return cut ?? { ...found, verdict: "never_mapped" };
  }
}
