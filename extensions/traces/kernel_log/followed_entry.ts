/** Finds the cause of a consequence among the entries of a log. */
import { DeviceNames } from "./device_names.ts";
import type { KernelLogEntry } from "./entry.ts";
import type { MessageKind } from "./messages/kinds.ts";

/**
 * Longest time from a message to an NVMe controller's timeout that the message explains. It is
 * twice the driver's timeout limit.
 */
const STORY_SECONDS = 60;
/** Lines of several CPUs may be out of order by so much; a later time is of an earlier boot. */
const BACK_SECONDS = 1;
/** Largest number of entries that are searched for one cause, so that a long log is searched once. */
const MAX_BACK = 512;
/** Largest number of entries that are searched for the first trouble of the same device. */
const MAX_BEFORE = 64;
/** Longest time from the status line of VT-d to the faults that the same interrupt handler prints. */
const HANDLER_SECONDS = 1;

/** The entry from which a consequence follows, or to which it belongs. */
export interface FollowedEntry {
  readonly entry: KernelLogEntry;
  /**
   * | relation | when |
   * | --- | --- |
   * | `follows` | the two are about one device or one unit |
   * | `belongs` | the line is printed before the faults that it announces |
   * | `perhaps` | the log does not say whether they are about one device |
   * | `before` | the line is known by its words alone, and the other is the first one about the same device |
   */
  readonly relation: "follows" | "belongs" | "perhaps" | "before";
  /** For `perhaps`: the names that have to be one device. */
  readonly names: readonly string[];
}

/** Messages about a whole unit, or about the lines before them: they need not name a device. */
const OF_UNIT: ReadonlySet<MessageKind> = new Set([
  "suppressed",
  "iommu_error",
  "iommu_detail",
  "invalidation_error",
  "recovery",
  "pcie_error",
  "vfio_error",
  "xen_device_error",
]);
/** Faults and errors of hardware, which name a function but not its driver's names for it. */
const OF_HARDWARE: ReadonlySet<MessageKind> = new Set([
  "iommu_fault",
  "other_iommu_fault",
  "memory_fault",
  "bridge_error",
  "pcie_error",
]);
const FAULTS: ReadonlySet<MessageKind> = new Set([
  "iommu_fault",
  "other_iommu_fault",
  "memory_fault",
]);
/** Facts that name a device. */
const NAME_FACTS = ["device", "controller", "disk", "source", "interface_name", "client"] as const;
/** Facts that name a unit: an IOMMU, its maker, a partition of PowerPC. */
const UNIT_FACTS = ["format", "iommu", "pe"] as const;
/** Matches a driver name that is also a device name. */
const VIRTIO = /^virtio\d+$/;

function namesIn({ facts }: KernelLogEntry): string[] {
  const names = NAME_FACTS.flatMap((name) => typeof facts[name] === "string" ? facts[name] : []);
  return VIRTIO.test(String(facts.driver)) ? [...names, String(facts.driver)] : names;
}

/** How long a task or a CPU had waited when a lockup was printed; 0 for other messages. */
function waitedSeconds({ facts, kind }: KernelLogEntry): number {
  return kind === "lockup" && typeof facts.waited_seconds === "number" ? facts.waited_seconds : 0;
}

/** Kinds of messages that can cause a message, by the facts of its line. */
export function followedKinds({ facts, kind, row }: KernelLogEntry): readonly MessageKind[] {
  const { follows = [] } = row ?? {};
  switch (kind) {
    case "suppressed":
      return follows.filter((each) =>
        facts.cause === "faults" ? FAULTS.has(each) : facts.cause === "maps" && !FAULTS.has(each)
      );
    case "nvme_timeout":
      // The command of a polled completion was completed: only its interrupt can be lost.
      return facts.action === "polled" ? ["iommu_fault"] : follows;
    case "nvme_error":
      if (facts.cause === "host") return follows;
      return facts.cause === "data_transfer" ? follows.filter((each) => FAULTS.has(each)) : [];
    case "block_error":
      return facts.cause === "not_supported" || facts.cause === "answered"
        ? ["nvme_error"]
        : follows;
    default:
      return follows;
  }
}

/** Whether a message can be the consequence of `cause`. The caller has compared the kinds. */
function canFollow({ facts, kind }: KernelLogEntry, cause: KernelLogEntry): boolean {
  // The command of such a timeout was completed, so it causes no later failure.
  if (cause.facts.action === "polled") return false;
  // A command to the controller itself is no request of its disks.
  if (cause.kind === "nvme_error" && typeof cause.facts.controller === "string") return false;
  if (cause.kind === "dma_debug") return cause.facts.class === "map_vmalloc";
  if (kind === "nvme_abort_status") return cause.facts.action === "abort";
  return facts.action !== "polled" || typeof cause.facts.interrupt_index === "number";
}

/** The entries of a log, searched for the cause of a consequence. */
export class FollowedEntries {
  readonly #entries: readonly KernelLogEntry[];
  readonly #names: DeviceNames;
  readonly #indexes: ReadonlyMap<KernelLogEntry, number>;
  readonly #known = new Map<KernelLogEntry, ReadonlySet<string>>();

  /**
   * @param entries In the order of their lines.
   * @param names The names that the lines of the same log give to its devices.
   */
  constructor(entries: readonly KernelLogEntry[], names: DeviceNames = new DeviceNames()) {
    this.#entries = entries;
    this.#names = names;
    this.#indexes = new Map(entries.map((entry, index) => [entry, index]));
  }

  /**
   * The nearest earlier entry from which a consequence can follow: one of the same device before
   * one of which the log does not say the device. Null if the log has no such entry, or if the
   * given entry is not a consequence.
   */
  of(entry: KernelLogEntry): FollowedEntry | null {
    const { kind, line, row, seconds } = entry;
    if (row?.role === "report" && row.isGeneral === true) return this.#before(entry);
    if (row?.role !== "consequence") return null;
    const follows = followedKinds(entry);
    if (kind === "iommu_fault_status") return this.#announcedBy(entry);
    let perhaps: FollowedEntry | null = null;
    const own = this.#indexes.get(entry) ?? this.#entries.length;
    for (let index = own - 1; index >= Math.max(0, own - MAX_BACK); index--) {
      const each = this.#entries[index]!;
      const isNear = seconds === null || each.seconds === null ||
        seconds - each.seconds <= STORY_SECONDS + waitedSeconds(entry) &&
          each.seconds - seconds <= BACK_SECONDS;
      if (each.line >= line || !follows.includes(each.kind) || !isNear) continue;
      if (!canFollow(entry, each)) continue;
      const relation = this.#relation(entry, each);
      if (relation === "follows") return { entry: each, relation, names: [] };
      if (relation === "perhaps") {
        perhaps ??= { entry: each, relation, names: [...namesIn(entry), ...namesIn(each)] };
      }
    }
    return perhaps;
  }

  /** All names of the device of an entry. */
  #namesOf(entry: KernelLogEntry): ReadonlySet<string> {
    return this.#known.getOrInsertComputed(entry, () => this.#names.of(namesIn(entry)));
  }

  /** The first trouble of the same device, or of the same prefix, within a minute before a line. */
  #before(entry: KernelLogEntry): FollowedEntry | null {
    const { facts: { prefix }, line, seconds } = entry;
    const names = this.#namesOf(entry);
    if (names.size === 0 && typeof prefix !== "string") return null;
    const own = this.#indexes.get(entry) ?? this.#entries.length;
    let first: KernelLogEntry | null = null;
    for (let index = own - 1; index >= Math.max(0, own - MAX_BEFORE); index--) {
      const each = this.#entries[index]!;
      const isNear = seconds === null || each.seconds === null ||
        seconds - each.seconds <= STORY_SECONDS && each.seconds - seconds <= BACK_SECONDS;
      if (!isNear || each.line >= line) continue;
      const isSame = names.size === 0
        ? each.facts.prefix === prefix
        : this.#names.compare(names, this.#namesOf(each)) === "same";
      if (isSame) first = each;
    }
    return first === null ? null : { entry: first, relation: "before", names: [] };
  }

  /** The first fault after a status line: the handler prints the status before the records. */
  #announcedBy(entry: KernelLogEntry): FollowedEntry | null {
    const { kind, seconds } = entry;
    const from = (this.#indexes.get(entry) ?? this.#entries.length) + 1;
    const next = this.#entries.slice(from, from + MAX_BACK)
      .find((each) => each.kind === kind || each.fault?.format === "vtd");
    if (next === undefined || next.kind === kind) return null;
    const isNear = seconds === null || next.seconds === null ||
      next.seconds - seconds <= HANDLER_SECONDS;
    return isNear ? { entry: next, relation: "belongs", names: [] } : null;
  }

  #relation(entry: KernelLogEntry, cause: KernelLogEntry): FollowedEntry["relation"] | null {
    const isOtherUnit = UNIT_FACTS.some((name) =>
      typeof entry.facts[name] === "string" && typeof cause.facts[name] === "string" &&
      entry.facts[name] !== cause.facts[name]
    );
    if (isOtherUnit) return null;
    const [own, others] = [this.#namesOf(entry), this.#namesOf(cause)];
    if (own.size === 0 || others.size === 0) {
      return OF_UNIT.has(entry.kind) ? "follows" : "perhaps";
    }
    const sameness = this.#names.compare(own, others);
    if (sameness === "same") return "follows";
    const isController = [...own].some((name) => /^nvme\d+$/.test(name));
    if (!isController || !OF_HARDWARE.has(cause.kind)) return null;
    // Errors of a port concern all devices below it.
    const isOfPort = cause.kind === "pcie_error" && typeof cause.facts.source !== "string" &&
      (cause.facts.driver === "pcieport" || cause.facts.event !== "error");
    if (sameness === "other") return isOfPort ? "perhaps" : null;
    const driver = cause.facts.driver ?? "nvme";
    return isOfPort || driver === "nvme" ? "perhaps" : null;
  }
}
