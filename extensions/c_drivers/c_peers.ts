/** Peer-to-peer memory for drivers in C. @see rules/c-api.md 9 */
import type { BarProvider, PciFunction } from "@dmalab/devices";
import { PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { Kernel } from "@dmalab/runtime/kernels";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import { type CKernel, hex } from "./c_kernel.ts";
import { MARK } from "./c_memory.ts";

/**
 * Offsets in `struct p2pdma_provider`, equal to those in
 * `extensions/c_drivers/include/linux/pci-p2pdma.h`.
 */
export const PROVIDER = { owner: 0, bus_offset: 8 } as const;
const PROVIDER_BYTES = 16;
/** Offsets in `struct pci_p2pdma_map_state`, equal to those in `pci-p2pdma.h`. */
export const MAP_STATE = { mem: 0, map: 8 } as const;

/** C's names for the map types, in the order of their numbers. */
const KINDS_SINCE_72 = ["UNKNOWN", "NONE", "NOT_SUPPORTED", "BUS_ADDR", "THRU_HOST_BRIDGE"];
const KINDS_BEFORE = KINDS_SINCE_72.filter((kind) => kind !== "NONE");

/** The names of the map types, by number. @see rules/c-api.md 9, trap 8 */
export function mapTypesOf(kernel: Kernel): readonly string[] {
  return kernel.no_two_step ? KINDS_BEFORE : KINDS_SINCE_72;
}

/**
 * C's number of a map type. The number of "unknown" is used for RAM in a release that has no
 * separate type for RAM.
 */
export function mapTypeNumber(kernel: Kernel, kind: PeerMapType): number {
  return Math.max(0, mapTypesOf(kernel).indexOf(kind.toUpperCase()));
}

/**
 * The map type of a number in C. Null if the number is not a type, or if it is the number of
 * "unknown".
 */
export function mapTypeOf(kernel: Kernel, number: number): PeerMapType | null {
  const name = mapTypesOf(kernel)[number];
  return name === undefined || name === "UNKNOWN" ? null : name.toLowerCase() as PeerMapType;
}

export class CPeers {
  readonly #providers = new Map<string, number>();
  /** Providers that were passed to C, by their address in C. */
  readonly #given = new Map<number, BarProvider | null>();

  constructor(private readonly kernel: CKernel) {}

  /** The PCI function of a `struct device *`. */
  functionAt(at: number): PciFunction {
    return this.kernel.labDevice(this.kernel.device(at)).function;
  }

  /**
   * The PCI function of a `struct pci_dev *`. The `struct device` is at the start of the structure;
   * with a kernel tree, it is at a higher offset.
   */
  pciFunctionAt(at: number): PciFunction {
    return this.functionAt(at === 0 ? 0 : at + this.kernel.deviceShape.deviceAt);
  }

  /** The address in C of the provider of a BAR's memory. */
  pointerTo(provider: BarProvider): number {
    const key = `${provider.func.name} ${provider.bar.index}`;
    const known = this.#providers.get(key);
    if (known !== undefined) return known;
    const kernel = this.kernel;
    const at = kernel.room(PROVIDER_BYTES);
    const device = kernel.context.lab.devices.get(provider.func.name)!;
    kernel.memory.putWord(at + PROVIDER.owner, kernel.pointerTo(device.dma));
    kernel.memory.view.setBigInt64(at + PROVIDER.bus_offset, BigInt(provider.busOffset), true);
    this.#providers.set(key, at);
    this.#given.set(at, provider);
    return at;
  }

  /**
   * The provider of a `struct p2pdma_provider *`. The structure was passed to C, or C has filled it
   * in itself with a device of the machine as the owner.
   */
  providerAt(at: number): Pick<BarProvider, "busOffset" | "func"> {
    const provider = this.#given.get(at);
    if (provider != null) return provider;
    const { kernel } = this;
    if (at !== 0 && kernel.memory.isOpen(at, PROVIDER_BYTES)) {
      const owner = kernel.memory.wordAt(at + PROVIDER.owner);
      if (kernel.isDevice(owner)) {
        const busOffset = Number(kernel.memory.view.getBigInt64(at + PROVIDER.bus_offset, true));
        return { busOffset, func: this.functionAt(owner) };
      }
    }
    throw kernel.crash(`${at === 0 ? "NULL" : hex(at)} is not a provider of peer memory`);
  }

  /** The provider of a page; null for RAM. */
  providerOf(phys: PhysAddr): BarProvider | null {
    const { providers } = this.kernel.context.lab.topology;
    const holding = providers.holding(phys);
    const range = holding?.rangeOf(phys) ?? null;
    return range === null ? null : holding!.bars.get(range.bar.index)!;
  }

  /** Allocates memory of a function. @returns Its address in C, or 0. */
  alloc(func: PciFunction, sizeBytes: number): number {
    const phys = this.kernel.context.lab.topology.providers.alloc(func, sizeBytes);
    if (phys === null) return 0;
    const wholeBytes = Math.ceil(sizeBytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
    const at = this.kernel.share(phys, wholeBytes);
    this.kernel.memory.open(at, wholeBytes);
    return at;
  }

  /** @returns False if the function has not allocated this memory. */
  free(func: PciFunction, at: number, sizeBytes: number): boolean {
    const phys = this.kernel.phys(at);
    if (!this.kernel.context.lab.topology.providers.free(func, phys)) return false;
    const wholeBytes = Math.ceil(sizeBytes / PAGE_SIZE_BYTES) * PAGE_SIZE_BYTES;
    this.kernel.memory.close(at, wholeBytes, MARK.FREED);
    return true;
  }

  /** Writes a provider and its map type into C's memory. */
  putState(at: number, provider: BarProvider | null, kind: PeerMapType): void {
    const { machine, memory } = this.kernel;
    memory.putWord(at + MAP_STATE.mem, provider === null ? 0 : this.pointerTo(provider));
    const number = mapTypeNumber(machine.kernel, kind);
    memory.view.setUint32(at + MAP_STATE.map, number, true);
  }
}
