/**
 * IOMMU groups: devices that the hardware cannot distinguish share one default domain. This file
 * creates the domain, chooses its type, and tracks its users.
 *
 * The bus decides the members of a group (`devices/pci/iommu_groups.ts`). In that file, ports and
 * bridges are members, too. In this file they are not, because they map nothing.
 *
 * @see rules/dma.md 1.3 and chapter 9
 */
import { type DmaAddr, PC_MSI_END, PC_MSI_START, type PhysAddr } from "../address.ts";
import type { DmaDevice, WantedMode } from "../dma/device/device.ts";
import { IommuGroup } from "../dma/device/iommu_group.ts";
import { ERRNO, errnoName, invariant, KernelError } from "../errno.ts";
import type { IommuConfig, IommuMode } from "../machine_config.ts";
import type { Platform } from "../platform.ts";
import { IommuDomain, type IommuDomainOptions } from "./domain.ts";
import { type FlushQueueOptions, PER_CPU_RING_ENTRIES, PER_CPU_TIMEOUT_NS } from "./flush_queue.ts";
import { HostRequests } from "./host_requests.ts";
import { type IommuModelSpec, makePageTable } from "./iommu_models.ts";
import type { Iotlb } from "./iotlb.ts";
import { CountedDomain, MappedPages } from "./mapped_pages.ts";
import type { PageTable } from "./page_table.ts";

const SOFTWARE_MSI = { start: 0x800_0000, end: 0x810_0000 };

export function domainName(devices: readonly { readonly name: string }[]): string {
  return devices.map(({ name }) => name).join("+");
}

/** The platform as groups use it, with the higher layers that they call. */
export interface GroupPlatform extends Platform {
  /** Starts the simulation of CPU caches, because a non-coherent device exists. */
  useCaches(): unknown;
}

/** Attaches a device to a domain: its context entry is written. */
function enter(dev: DmaDevice, domain: IommuDomain | null): void {
  if (dev.domain !== null && dev.domain !== domain) dev.deviceTlb?.clear(dev.domain.id);
  dev.domain = domain;
  if (dev.deviceTlb !== null && domain !== null) domain.hasDeviceTlbs = true;
  if (dev.refusal === "context_absent") dev.refusal = null;
}

/** A device leaves a domain of users. One that its group got later is not in it. */
function leaveMembers({ members }: IommuDomain, dev: DmaDevice): void {
  const index = members.indexOf(dev);
  if (index >= 0) (members as DmaDevice[]).splice(index, 1);
}

/**
 * Maps, one to one, the memory that firmware uses with devices.
 * @throws {KernelError} If the memory cannot be mapped, for example beyond the end of the table.
 */
function mapDirectRegions(
  { events: { context } }: GroupPlatform,
  domain: IommuDomain,
  members: readonly DmaDevice[],
): void {
  for (const { directRegions, name } of members) {
    for (const { end, start } of directRegions) {
      const outer = context.enterDevice(name);
      const error = domain.mapDirect(start, end);
      context.leaveDevice(outer);
      if (error === 0) continue;
      throw new KernelError(
        errnoName(-error),
        `memory of firmware for "${name}" cannot be mapped one to one`,
      );
    }
  }
}

export class IommuGroups {
  /** Every domain, in the order in which groups were attached. */
  readonly domains: readonly IommuDomain[] = [];
  /** The domains of groups that users own. */
  readonly userDomains: ReadonlySet<IommuDomain> = new Set();
  /** For each device that shares a domain, by the device's name: the name of that domain. */
  readonly sharers: ReadonlyMap<string, string> = new Map();

  readonly #platform: GroupPlatform;
  readonly #config: IommuConfig;
  readonly #model: IommuModelSpec;
  readonly #iotlb: Iotlb;
  readonly #domains = this.domains as IommuDomain[];
  readonly #userDomains = this.userDomains as Set<IommuDomain>;
  /** How many groups of a user share a domain. */
  readonly #userGroups = new Map<IommuDomain, number>();
  readonly #sharers = this.sharers as Map<string, string>;
  readonly #mappedPages: MappedPages | null;
  /** The request queue of a virtio-iommu, which all domains share. */
  readonly #requests: HostRequests | null;
  #made = 0;

  constructor(platform: GroupPlatform, iotlb: Iotlb) {
    this.#platform = platform;
    this.#config = platform.config.iommu;
    this.#model = platform.iommuModel;
    this.#iotlb = iotlb;
    const counts = this.#config.debugPagealloc && !platform.kernel.mapped_pages_uncounted;
    this.#mappedPages = counts ? new MappedPages(platform) : null;
    this.#requests = this.#model.driver === "virtio" ? new HostRequests(platform.events) : null;
  }

  /**
   * Puts devices into one group, as they are found at boot, and creates the group's default domain.
   * Without an IOMMU and for passthrough there is no domain: the devices use physical addresses, or
   * bus addresses where these differ. The domain is made for the first device. Therefore only the
   * windows of the first device's host bridge and the gaps of its bus are reserved.
   *
   * @throws {KernelError} EINVAL if one device is untrusted and another needs passthrough.
   * @see rules/dma.md 1.3, 9.3, 9.4
   */
  make(members: readonly DmaDevice[]): IommuGroup {
    const group = new IommuGroup(this.#defaultMode(members));
    group.members.push(...members);
    for (const dev of members) this.#attach(dev, group);
    return group;
  }

  /**
   * Adds a device that appears later to an existing group. The group keeps its domain even if the
   * device is untrusted.
   * @see rules/dma.md 9.3
   */
  join(group: IommuGroup, dev: DmaDevice): void {
    group.members.push(dev);
    if (group.domain !== null) mapDirectRegions(this.#platform, group.domain, [dev]);
    this.#attach(dev, group);
  }

  #attach(dev: DmaDevice, group: IommuGroup): void {
    if (!dev.coherent) this.#platform.useCaches();
    dev.group = group;
    this.#enterDomain(dev, group);
    this.bindDriver(dev);
  }

  /** The type of a new group's default domain. @see rules/dma.md 9.2 */
  #defaultMode(members: readonly DmaDevice[]): IommuMode {
    const { mode } = this.#config;
    if (mode === "off") return mode;
    let wanted: WantedMode | null = null;
    for (const { name, wantedMode } of members) {
      if (wantedMode === null || wantedMode === wanted) continue;
      if (wanted !== null) {
        this.#platform.warnings.warn(
          "iommu_get_default_domain_type",
          `Device "${name}" wants ${wantedMode}, and another device of its IOMMU group ${wanted}`,
        );
      }
      if (wanted === null || wantedMode === "passthrough") wanted = wantedMode;
    }
    const untrusted = members.find((dev) => dev.untrusted);
    if (untrusted === undefined) return wanted ?? mode;
    if (wanted === "passthrough") {
      throw new KernelError(
        "EINVAL",
        `"${untrusted.name}" is not trusted, and a device of its IOMMU group wants passthrough`,
      );
    }
    return "strict";
  }

  /**
   * Attaches a device to its group's domain, which is created for the group's first device. A
   * device with its own dma_map_ops is not translated.
   */
  #enterDomain(dev: DmaDevice, group: IommuGroup): void {
    const { forcedac } = this.#config;
    const isTranslated = !dev.ownOps && group.mode !== "off" && group.mode !== "passthrough";
    enter(dev, isTranslated ? group.domain ??= this.#makeDomain(dev, group, group.mode) : null);
    if (dev.domain === null) return;
    dev.setUp32Bit(forcedac);
    if (dev.name !== dev.domain.name) this.#sharers.set(dev.name, dev.domain.name);
  }

  /**
   * Creates a domain for the first device of a group; null, with a warning, if the device's bus leaves no
   * IOVAs.
   */
  #makeDomain(dev: DmaDevice, group: IommuGroup, mode: IommuMode): IommuDomain | null {
    const table = this.#newTable();
    const gaps = dev.rangeMap?.gaps(table.lastAddress) ?? [];
    if (typeof gaps === "number") {
      this.#platform.warnings.warn(
        "iommu_setup_dma_ops",
        `Device "${dev.name}" gets no IOVAs: the ranges of its bus ` +
          (gaps === -ERRNO.EINVAL ? "overlap" : "lie beyond what the IOMMU translates"),
      );
      return null;
    }
    const lazy = mode === "lazy" && this.#defersFlushesOf(dev);
    const domain = this.#newDomain(group, {
      table,
      flushQueue: lazy ? this.#flushQueueOptions : null,
      reserved: [...this.#reservedRanges(dev.hostBridge), ...gaps, ...dev.directRegions],
    });
    mapDirectRegions(this.#platform, domain, group.members);
    this.#domains.push(domain);
    return domain;
  }

  #newTable(): PageTable {
    const { budget } = this.#platform;
    return makePageTable(this.#config, (sizeBytes) => budget.hold(sizeBytes), this.#requests);
  }

  /** Creates an empty domain. @param users The devices that use it, where groups may share it. */
  #newDomain(
    { members }: IommuGroup,
    own: Pick<IommuDomainOptions, "table" | "flushQueue" | "reserved" | "isUsers">,
    users: readonly DmaDevice[] = members,
  ): IommuDomain {
    const options = {
      id: this.#made++,
      name: domainName(members.filter(({ ownOps }) => !ownOps)),
      members: users,
      iotlb: this.#iotlb,
      cachingMode: this.#cachesAbsence,
      ...own,
    };
    return this.#mappedPages === null
      ? new IommuDomain(this.#platform, options)
      : new CountedDomain(this.#platform, options, this.#mappedPages);
  }

  /**
   * Whether the IOMMU is in caching mode. A flush is then needed after each map, so flushes are not
   * batched (rules/dma.md 1.3).
   */
  get #cachesAbsence(): boolean {
    return this.#config.cachingMode && this.#model.hasCachingMode;
  }

  /** Whether lazy mode is possible: without memory for a flush queue a device is strict. */
  #defersFlushesOf(dev: DmaDevice): boolean {
    if (this.#cachesAbsence) return false;
    if (this.#config.flushQueueFits) return true;
    this.#platform.warnings.warn(
      "iommu_dma_init_domain",
      `Device "${dev.name}": no memory for its flush queue; strict instead of lazy`,
    );
    return false;
  }

  get #flushQueueOptions(): FlushQueueOptions {
    return {
      rings: this.#platform.config.cpus,
      entries: PER_CPU_RING_ENTRIES,
      timeoutNs: PER_CPU_TIMEOUT_NS,
    };
  }

  /**
   * Changes how a device's group is translated, as an administrator may. While a driver of any
   * member is bound, only the change from strict to lazy is possible: the domain stays, and gets a
   * flush queue. If flushes cannot be deferred, this change succeeds without any effect. While no
   * driver is bound, the group gets a new domain, with nothing allocated.
   *
   * @param mode The word that was written: passthrough, strict, lazy, or auto for the type that the
   *   group had at boot.
   * @param privileged Whether the writer has the privilege.
   * @returns 0, or -EACCES; -EINVAL for any other word than these four, and for a mode that a
   *   member rules out; -ENODEV without an IOMMU; -EPERM for any change except strict to lazy while
   *   a driver is bound; or the error of mapping firmware's memory, after which the group stays
   *   unchanged.
   * @see rules/dma.md 1.3, 9.9
   */
  setMode(dev: DmaDevice, mode: string, privileged = true): number {
    if (!privileged) return -ERRNO.EACCES;
    const isMode = mode === "passthrough" || mode === "strict" || mode === "lazy";
    if (!isMode && mode !== "auto") return -ERRNO.EINVAL;
    const { domain, group } = dev;
    if (this.#config.mode === "off" || group === null) return -ERRNO.ENODEV;
    if (domain !== null && !domain.lazy && mode === "lazy" && !group.hasUntrusted) {
      if (this.#defersFlushesOf(dev)) {
        domain.startFlushQueue(this.#flushQueueOptions);
        group.mode = mode;
      }
      return 0;
    }
    if (group.users > 0) return -ERRNO.EPERM;
    const next = isMode ? mode : this.#defaultMode(group.members);
    const isWanted = group.members.every(({ wantedMode }) =>
      wantedMode === null || wantedMode === next
    );
    if (isMode && (!isWanted || (group.hasUntrusted && next !== "strict"))) return -ERRNO.EINVAL;
    // Creates the new domain first: if that fails, the group keeps the old one.
    const made = this.#tryDomain(group, next);
    if (typeof made === "number") return made;
    this.#freeDomain(group);
    group.mode = next;
    group.domain = made;
    for (const member of group.members) this.#enterDomain(member, group);
    return 0;
  }

  /** Creates a domain for a group in another mode; null for passthrough, or a negative errno. */
  #tryDomain(group: IommuGroup, mode: IommuMode): IommuDomain | number | null {
    const first = group.members.find(({ ownOps }) => !ownOps);
    if (first === undefined || mode === "passthrough") return null;
    try {
      return this.#makeDomain(first, group, mode);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return -ERRNO[error.errno];
    }
  }

  /** Frees a group's domain with all that was mapped in it. */
  #freeDomain(group: IommuGroup): void {
    const { domain } = group;
    if (domain === null) return;
    group.domain = null;
    domain.flushQueue?.drain();
    domain.iova.stopTimers();
    this.#iotlb.invalidateDomain(domain.id);
    const index = this.#domains.indexOf(domain);
    invariant(index >= 0, "A group's domain is freed twice");
    this.#domains.splice(index, 1);
    for (const [name, of] of this.#sharers) if (of === domain.name) this.#sharers.delete(name);
  }

  /**
   * Called when a driver of the kernel binds to a device.
   * @returns 0, or -EBUSY while a user owns the device's group.
   * @see rules/dma.md 9.8
   */
  bindDriver(dev: DmaDevice): number {
    const { group } = dev;
    if (dev.hasDriver || group === null) return 0;
    if (group.userDomain !== null) return -ERRNO.EBUSY;
    dev.hasDriver = true;
    group.users++;
    return 0;
  }

  /** Called when a driver of the kernel is unbound from a device. */
  unbindDriver(dev: DmaDevice): void {
    if (!dev.hasDriver) return;
    const { group } = dev;
    invariant(group !== null && group.users > 0, "A driver leaves a group that no driver uses");
    dev.hasDriver = false;
    group.users--;
  }

  /**
   * Assigns a device's whole group to a user, as VFIO does. The group leaves its default domain, and
   * its devices reach no memory until the user maps some.
   * @returns 0; -EPERM while a driver is bound to any member or a user owns the group; -EINVAL if
   *   firmware needs memory mapped for a member; -ENODEV without an IOMMU.
   * @see rules/dma.md 9.8, 9.11
   */
  claim({ group }: DmaDevice): number {
    if (group === null || this.#config.mode === "off") return -ERRNO.ENODEV;
    if (group.users > 0) return -ERRNO.EPERM;
    const bound = group.members.find(({ directRegions }) =>
      directRegions.some(({ relaxable }) => !relaxable)
    );
    if (bound !== undefined) {
      this.#platform.warnings.warn(
        "iommu_group_claim_dma_owner",
        `Firmware needs memory mapped one to one for device "${bound.name}": no user can have its group`,
      );
      return -ERRNO.EINVAL;
    }
    group.users = 1;
    const table = this.#newTable();
    const own = { table, flushQueue: null, reserved: [], isUsers: true };
    this.#enterUserDomain(group, this.#newDomain(group, own, []));
    return 0;
  }

  #enterUserDomain(group: IommuGroup, domain: IommuDomain): void {
    this.#userDomains.add(domain);
    this.#userGroups.set(domain, (this.#userGroups.get(domain) ?? 0) + 1);
    group.userDomain = domain;
    (domain.members as DmaDevice[]).push(...group.members);
    for (const dev of group.members) enter(dev, domain);
  }

  /**
   * Moves a user's group to the domain of another group of the same user.
   * @see rules/hmm-rdma-vfio.md 7.24
   */
  share(group: IommuGroup, domain: IommuDomain): void {
    invariant(domain.isUsers && this.#userDomains.has(domain), "A kernel's domain is shared");
    if (group.userDomain === domain) return;
    this.#leaveUserDomain(group);
    this.#enterUserDomain(group, domain);
  }

  /** The hardware forgets the domain for the group's devices; without another group the domain is freed. */
  #leaveUserDomain(group: IommuGroup): void {
    const domain = group.userDomain;
    invariant(domain !== null, "A group leaves a user's domain that it is not in");
    const groups = this.#userGroups.get(domain) ?? 0;
    invariant(groups > 0, "A user's domain has no groups");
    group.userDomain = null;
    for (const dev of group.members) leaveMembers(domain, dev);
    this.#iotlb.invalidateDomain(domain.id);
    this.#userGroups.set(domain, groups - 1);
    if (groups > 1) return;
    domain.table.clear();
    this.#platform.budget.release(domain.table.hostBytes);
    this.#userGroups.delete(domain);
    this.#userDomains.delete(domain);
  }

  /**
   * The user releases the group. The group returns to its default domain, which still contains its
   * mappings. A domain that other groups of the user share stays theirs.
   */
  release({ group }: Pick<DmaDevice, "group">): void {
    if (group === null || group.userDomain === null) return;
    invariant(group.users === 1, "A user's group has drivers");
    this.#leaveUserDomain(group);
    group.users = 0;
    for (const dev of group.members) enter(dev, dev.ownOps ? null : group.domain);
  }

  /**
   * The addresses that a user may map for a group: those that the IOMMU translates, without the
   * regions that firmware and interrupts need. Both ends are included, ascending.
   * @see rules/hmm-rdma-vfio.md 7.5, 7.15
   */
  userRanges({ lastAddress }: PageTable): { readonly start: number; readonly end: number }[] {
    const taken = [...this.#config.reserved ?? this.#modelRanges, ...this.#messageWindow]
      .toSorted((a, b) => a.start - b.start);
    const ranges: { start: number; end: number }[] = [];
    let start = 0;
    for (const each of taken) {
      if (each.start > lastAddress) break;
      if (each.start > start) ranges.push({ start, end: each.start - 1 });
      start = Math.max(start, each.end);
    }
    if (start <= lastAddress) ranges.push({ start, end: lastAddress });
    return ranges;
  }

  /** The window that sysfs names for messages where doorbells are mapped. @see rules/dma.md 4.6 */
  get #messageWindow(): typeof SOFTWARE_MSI[] {
    return this.#model.doorbellPhys === null ? [] : [SOFTWARE_MSI];
  }

  /**
   * The address that a device writes for its interrupts, used when its vectors are allocated.
   * @returns The address, or -ENOMEM if the doorbell's page cannot be mapped. 0 if interrupts are
   *   remapped and no mapping is needed.
   * @see rules/dma.md 4.7
   */
  messageAddress(dev: DmaDevice): DmaAddr | number {
    const { context } = this.#platform.events;
    const phys = this.#doorbellPhys;
    if (phys === null || dev.domain === null) return phys ?? 0;
    const outer = context.enterDevice(dev.name);
    const address = dev.domain.messageAddress(dev, phys);
    context.leaveDevice(outer);
    return address;
  }

  get #doorbellPhys(): PhysAddr | null {
    const { doorbellPhys } = this.#model;
    return doorbellPhys === null ? null : this.#config.doorbellPhys ?? doorbellPhys;
  }

  /**
   * Removes a device from its group. Its mappings stay in the table, and the other members keep
   * working. Exception: devices with the same requester ID may share one context entry, which is
   * cleared. When the group's last member is removed, the group loses the domain, and the next
   * device gets a new domain.
   * @see rules/dma.md 9.7
   */
  remove(dev: DmaDevice): void {
    const { group } = dev;
    if (group === null) return;
    this.unbindDriver(dev);
    const index = group.members.indexOf(dev);
    invariant(index >= 0, "A device leaves a group that it is not in");
    group.members.splice(index, 1);
    if (group.userDomain !== null) leaveMembers(group.userDomain, dev);
    dev.group = null;
    if (group.members.length === 0) group.domain = null;
    else if (this.#model.clearsAliases && dev.domain !== null && dev.requesterId !== null) {
      for (const sibling of group.members) {
        if (sibling.requesterId === dev.requesterId) sibling.refusal = "context_absent";
      }
    }
  }

  /**
   * Addresses that are never allocated for devices behind a host bridge: the bus addresses of the
   * bridge's own windows, because peers answer at them, and the machine's reserved ranges.
   * @see rules/dma.md 4.6, rules/p2p.md 9.6
   */
  #reservedRanges(behind: string | null): { readonly start: number; readonly end: number }[] {
    const ranges = this.#platform.config.windows
      .filter(({ hostBridge = behind }) => behind === null || hostBridge === behind)
      .map(({ basePhys, sizeBytes, busOffset = 0 }) => ({
        start: basePhys + busOffset,
        end: basePhys + busOffset + sizeBytes,
      }));
    return [...ranges, ...this.#config.reserved ?? this.#modelRanges];
  }

  /** The regions that the hardware reserves on every machine with this IOMMU. */
  get #modelRanges(): IommuDomainOptions["reserved"] {
    const { hasInterruptWindow, reserved } = this.#model;
    return hasInterruptWindow ? [{ start: PC_MSI_START, end: PC_MSI_END }, ...reserved] : reserved;
  }
}
