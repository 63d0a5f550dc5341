/**
 * The translation cache in a device with ATS (device-TLB, ATC), and how an unmap waits for it.
 *
 * The IOMMU does not check an access for which the device uses a cached translation. A cached
 * translation outlives the entries in the page table and the IOTLB until the device answers an
 * invalidation.
 *
 * @see rules/dma.md 5.4, 9.10
 */
import type { Bytes, DmaAddr, Nanoseconds } from "../address.ts";
import { invariant, KernelError } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import type { Platform } from "../platform.ts";
import type { VirtualClock } from "../time/clock.ts";
import { type Invalidation, rangeBytes } from "./invalidation.ts";
import { Iotlb } from "./iotlb.ts";
import type { PageTable } from "./page_table.ts";

const SYNC = eventId("device_tlb.sync");
const ANSWER = eventId("device_tlb.answer");
const TIMEOUT = eventId("device_tlb.timeout");
const WAIT = eventId("device_tlb.wait");

/** Number of entries of a device-TLB unless the machine block sets it. */
export const DEFAULT_ATS_ENTRIES = 64;
/** Maximum number of unanswered invalidations that are remembered for reports. */
const MAX_UNANSWERED = 256;
const PAGE_BITS = 12;

/** An invalidation that a device has not answered. `first` and `last` are included. */
interface Unanswered {
  readonly domain: number;
  readonly first: number;
  readonly last: number;
  readonly sentNs: Nanoseconds;
  /** When the device answers; Infinity for never. */
  readonly answerNs: Nanoseconds;
  readonly answered: () => void;
}

/** The translations that a device caches. */
export class DeviceTlb {
  readonly entries: Iotlb;
  /** How long the device takes to answer an invalidation; null for never. */
  readonly answersNs: Nanoseconds | null;
  /** Oldest first. */
  #unanswered: Unanswered[] = [];

  constructor(entries: number, answersNs: Nanoseconds | null) {
    this.entries = new Iotlb(entries);
    this.answersNs = answersNs;
  }

  /** Caches the answer to a translation request. It replaces an older answer for the same page. */
  fill(
    domain: number,
    dma: number,
    phys: number,
    sizeBytes: Bytes,
    flags: number,
  ): void {
    this.entries.invalidate(domain, { hardwareFirst: dma, hardwareLast: dma });
    this.entries.insert(domain, dma, phys, sizeBytes, flags, 0);
  }

  /**
   * Drops all entries, because ATS was switched off, for example when the device changes its
   * domain.
   */
  clear(domain: number): void {
    this.entries.invalidateDomain(domain);
    this.#unanswered = [];
  }

  /** When the oldest unanswered invalidation of an address was sent; -1 without one. */
  unansweredSinceNs(domain: number, dma: number): Nanoseconds {
    return this.#unanswered.find((each) =>
      each.domain === domain && each.first <= dma && dma <= each.last
    )?.sentNs ?? -1;
  }

  /** Records an invalidation that the kernel no longer waits for. */
  leave(invalidation: Unanswered, clock: VirtualClock): void {
    if (this.#unanswered.length === MAX_UNANSWERED) this.#unanswered.shift();
    this.#unanswered.push(invalidation);
    if (invalidation.answerNs === Infinity) return;
    const delayNs = invalidation.answerNs - clock.nowNs;
    clock.arm({ timerExpired: () => this.settle(clock.nowNs) }, delayNs, 1);
  }

  /** Answers the invalidations that are due: each answer drops the entries of its range. */
  settle(nowNs: Nanoseconds): void {
    if (this.#unanswered.length === 0) return;
    const due = this.#unanswered.filter(({ answerNs }) => answerNs <= nowNs);
    if (due.length === 0) return;
    this.#unanswered = this.#unanswered.filter(({ answerNs }) => answerNs > nowNs);
    for (const { answered } of due) answered();
  }

  /** Drops the entries of a range; returns how many were dropped. */
  drop(domain: number, first: number, last: number): number {
    invariant(first <= last, "A device is sent an invalidation that ends before it begins");
    const before = this.entries.used;
    this.entries.invalidate(domain, { hardwareFirst: first, hardwareLast: last });
    return before - this.entries.used;
  }
}

/** A device of a domain, as invalidations use it; it need not have a device-TLB. */
interface CachingMember {
  readonly name: string;
  readonly deviceTlb: DeviceTlb | null;
  /** Bus, device and function; null for a device without a PCI address. */
  readonly requesterId: number | null;
}

/** The devices to invalidate, and the page table of their domain. */
interface Invalidated {
  readonly id: number;
  readonly members: readonly CachingMember[];
  readonly table: PageTable;
}

/** One invalidation that was sent to one device. */
interface Sent {
  readonly member: CachingMember;
  readonly tlb: DeviceTlb;
  readonly first: number;
  readonly last: number;
}

/**
 * Sends an invalidation to each device with ATS in the domain, not only to the device that unmaps.
 * Waits until all have answered, or until the timeout.
 *
 * @param invalidation The range that was invalidated in the IOTLB; null for the whole domain.
 * @throws {KernelError} ETIMEDOUT with VT-d after a timeout: the kernel would wait for ever.
 * @see rules/dma.md 5.4, 9.10
 */
export function syncDeviceTlbs(
  platform: Platform,
  domain: Invalidated,
  invalidation: Invalidation | null,
): void {
  const { events } = platform;
  const { members, table } = domain;
  const { hardwareFirst: first = 0, hardwareLast: last = table.lastAddress } = invalidation ?? {};
  const sent: Sent[] = [];
  for (const member of members) {
    if (member.deviceTlb === null) continue;
    sent.push({ member, tlb: member.deviceTlb, first, last });
    if (!events.tick(SYNC)) continue;
    events.emit(SYNC, { target: member.name, ...placeOf(table, first, last) }, {
      rule: "dma.9.10",
      inputs: { members: members.length },
    });
  }
  if (sent.length > 0) waitForAnswers(platform, domain, sent);
}

function placeOf(table: PageTable, first: number, last: number) {
  return { start: first as DmaAddr, size_bytes: rangeBytes(table, first, last) };
}

/** The CPU waits for the command after the invalidations: VT-d's wait descriptor, AMD's COMPLETION_WAIT. */
function waitForAnswers(platform: Platform, domain: Invalidated, sent: readonly Sent[]): void {
  const { charges, clock, events } = platform;
  const sentNs = clock.nowNs;
  const timeoutNs = platform.iommuModel.deviceTlbTimeoutNs ?? Infinity;
  const isLate = ({ tlb: { answersNs } }: Sent) => answersNs === null || answersNs > timeoutNs;
  const inTime = sent.filter((each) => !isLate(each));
  inTime.sort((a, b) => a.tlb.answersNs! - b.tlb.answersNs!);
  for (const each of inTime) {
    charges.waitUntil(sentNs + each.tlb.answersNs!);
    answer(platform, domain, each, sentNs);
  }
  const late = sent.filter(isLate);
  if (late.length > 0) charges.waitUntil(sentNs + timeoutNs);
  if (events.tick(WAIT)) {
    events.emit(WAIT, {
      answers: inTime.length,
      missing: late.length,
      waited_ns: clock.nowNs - sentNs,
    }, { rule: "dma.5.4", inputs: { devices: sent.length, timeout_ns: timeoutNs } });
  }
  if (late.length > 0) timeOut(platform, domain, late, sentNs);
}

function answer(
  { clock, events }: Platform,
  { id, table }: Invalidated,
  { first, last, member, tlb }: Sent,
  sentNs: Nanoseconds,
): void {
  const dropped = tlb.drop(id, first, last);
  if (!events.tick(ANSWER)) return;
  events.emit(ANSWER, {
    target: member.name,
    ...placeOf(table, first, last),
    dropped,
    after_ns: clock.nowNs - sentNs,
  }, { rule: "dma.5.4", inputs: { entries: tlb.entries.entries } });
}

/** The kernel logs the timeout; with VT-d it then sends the commands again, without end. */
function timeOut(
  platform: Platform,
  domain: Invalidated,
  late: readonly Sent[],
  sentNs: Nanoseconds,
): void {
  const { clock, events, iommuModel: { faultLog } } = platform;
  for (const each of late) {
    const { answersNs } = each.tlb;
    each.tlb.leave({
      domain: domain.id,
      first: each.first,
      last: each.last,
      sentNs,
      answerNs: answersNs === null ? Infinity : sentNs + answersNs,
      answered: () => answer(platform, domain, each, sentNs),
    }, clock);
    if (!events.tick(TIMEOUT)) continue;
    events.emit(TIMEOUT, {
      target: each.member.name,
      ...placeOf(domain.table, each.first, each.last),
      after_ns: clock.nowNs - sentNs,
    }, { rule: "dma.5.4", inputs: { log: faultLog } });
  }
  const [{ first, last, member }] = late as readonly [Sent, ...Sent[]];
  const what = `Device "${member.name}" did not answer an invalidation of its device-TLB`;
  if (faultLog === "amd") {
    const text = `${what} within ${clock.nowNs - sentNs} ns; the kernel goes on as if it had`;
    platform.warnings.warn("wait_on_sem", text, "AMD-Vi: Completion-Wait loop timed out");
    return;
  }
  for (const log of vtdLines(member, domain.table, first, last)) {
    platform.warnings.warn("qi_submit_sync", what, log);
  }
  throw new KernelError(
    "ETIMEDOUT",
    `${what}: qi_submit_sync() sends it again for ever, with interrupts off`,
  );
}

/** The log of an Invalidation Time-out Error, as public logs show it. @see rules/traces.md T.48 */
function vtdLines(
  { requesterId }: CachingMember,
  table: PageTable,
  first: number,
  last: number,
): readonly string[] {
  const source = (requesterId ?? 0).toString(16);
  const { qw0, qw1 } = deviceTlbDescriptor(requesterId ?? 0, table, first, last);
  return [
    `DMAR: VT-d detected Invalidation Time-out Error: SID ${source}`,
    `DMAR: QI HEAD: Device-TLB Invalidation qw0 = 0x${qw0.toString(16)}, qw1 = 0x${
      qw1.toString(16)
    }`,
    "DMAR: Invalidation Time-out Error (ITE) cleared",
  ];
}

/**
 * A device-TLB invalidation descriptor of VT-d. The type is 3; bits 32 to 47 are the requester ID. The
 * lowest bit of the address says that the zeros above bit 11 encode the number of pages (VT-d 6.5.2.5,
 * PCIe 10.2.3).
 *
 * @param first First address of an aligned block that ends at `last`. If the two are the first and
 *   the last address of the table, everything is invalidated.
 * @example
 * ```ts ignore
 * deviceTlbDescriptor(0x100, table, 0xffff_e000, 0xffff_ffff);
 * // { qw0: 0x100_0000_0003n, qw1: 0xffff_e001n }
 * ```
 */
export function deviceTlbDescriptor(
  requesterId: number,
  table: PageTable,
  first: number,
  last: number,
): { readonly qw0: bigint; readonly qw1: bigint } {
  const qw0 = BigInt(requesterId) << 32n | 3n;
  if (first === 0 && last === table.lastAddress) return { qw0, qw1: 0x7fff_ffff_ffff_f001n };
  const pages = BigInt(last - first + 1) >> BigInt(PAGE_BITS);
  const sizeBits = pages > 1n ? (pages / 2n - 1n) << BigInt(PAGE_BITS) | 1n : 0n;
  return { qw0, qw1: BigInt(first) | sizeBits };
}
