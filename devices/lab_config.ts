/** What a lab is built from: the machine, and the PCI tree with its devices. Plain data. */
import type { Bytes, Nanoseconds } from "../runtime/address.ts";
import type { DmaRange } from "../runtime/dma/device/range_map.ts";
import { defaultMachineConfig, type MachineConfig } from "../runtime/machine_config.ts";
import { type CpuIdentity, ORDINARY_CPU } from "./pci/host_bridge.ts";

/** The blocks of the `pci` part of a machine. */
export type PciNodeKind =
  | "host_bridge"
  | "root_port"
  | "switch"
  | "port"
  | "bridge"
  | "device"
  | "nvme"
  | "endpoint"
  | "vfio"
  | "rdma";

/**
 * The keys of a PCI block. Each is optional: what is left out has the default of its device kind
 * (`registry.ts`). A key that a block of this kind does not have is a `ConfigError`.
 */
export interface DeviceSettings {
  /** Width of the DMA mask in bits, 1 to 64. Default 64. */
  readonly dmaMaskBits?: number;
  /** Width of the bus limit in bits; 0, the default, is none. */
  readonly busLimitBits?: number;
  /** The device's accesses see the CPU's caches. Default true. */
  readonly coherent?: boolean;
  /** Always translated, strict and bounced. Default: whether a root port above is `external`. */
  readonly untrusted?: boolean;
  /** Address bits a bounce buffer keeps, as the size they span: a power of two. */
  readonly minAlignBytes?: Bytes;
  readonly maxSegmentSizeBytes?: Bytes;
  /** A list's segment may not cross a multiple of this: a power of two. */
  readonly segmentBoundaryBytes?: Bytes;
  /** Where the device's bus has memory, when not at its physical address. */
  readonly ranges?: readonly DmaRange[];
  /** I/O queue pairs of the controller. Default 1. */
  readonly queues?: number;
  /** Further I/O queue pairs, which are polled. Default 0. */
  readonly pollQueues?: number;
  /** Entries of an I/O queue. Default 1024. */
  readonly depth?: number;
  /** Largest transfer of one command; null, the default, is no limit. */
  readonly mdtsBytes?: Bytes | null;
  /** The controller takes SGLs for data. Default false. */
  readonly sgl?: boolean;
  /** The driver's threshold for SGLs. Default 32 KiB. */
  readonly sglThresholdBytes?: Bytes;
  /** Separate metadata of a block; 0, the default, is none. */
  readonly metadataBytes?: Bytes;
  /** The controller takes SGLs for metadata. Default false. */
  readonly metadataSgl?: boolean;
  /** Type of the protection information at the end of the metadata; 0, the default, is none. */
  readonly protectionType?: 0 | 1 | 2 | 3;
  /** Logical block size, a power of two from 512 B to 64 KiB. Default 512. */
  readonly blockSizeBytes?: Bytes;
  /** Memory that the device offers to its peers; 0, the default, is none. */
  readonly p2pmemBytes?: Bytes;
  /** A disk's submission queues lie in the memory that it offers to its peers. Default false. */
  readonly cmbQueues?: boolean;
  /** Host memory that the controller would like to use; 0, the default, is none. */
  readonly hmbBytes?: Bytes;
  /** How much of it the controller needs at least. Default 0. */
  readonly hmbMinBytes?: Bytes;
  /** The smallest piece of it that the controller can use. Default 0. */
  readonly hmbMinChunkBytes?: Bytes;
  /** How many pieces of it the controller can use; 0, the default, is any number. */
  readonly hmbMaxChunks?: number;
  /** The controller takes doorbells from memory. Default false. */
  readonly shadowDoorbells?: boolean;
  /** What there is of a device to migrate. Default 64 KiB. */
  readonly stateBytes?: Bytes;
  /** How long a read or write may take before its driver does something. Default 30 s. */
  readonly timeoutNs?: Nanoseconds;
  /** NUMA nodes that the driver keeps descriptor pools for. Default 1. */
  readonly nodes?: number;
  /** Size of the disk. Default 1 TiB. */
  readonly capacityBytes?: Bytes;
  /** An RDMA device that is nothing but software: it does no DMA. Default false. */
  readonly software?: boolean;
  /** How much of an RDMA device's table one update writes. Default 64 KiB. */
  readonly updateBytes?: Bytes;
  /** The endpoint's memory BAR; 0, the default, is none unless it has `p2pmem`. */
  readonly barBytes?: Bytes;
  /**
   * Access control services that are switched on. Null, the default, is a function without the
   * capability; `unknown` one of which nobody knows.
   */
  readonly acs?: readonly string[] | "unknown" | null;
  /** The same of a switch's upstream port, which has such a capability only beside functions. */
  readonly upstreamAcs?: readonly string[] | "unknown" | null;
  /** What its capability implements. Default: all services. */
  readonly acsCapable?: readonly string[];
  /** Where the function is, such as `3b:00.0`. Default: where firmware would have put it. */
  readonly at?: string;
  /** The root bus of a host bridge. Default: the next that is free. */
  readonly bus?: number;
  /**
   * The kernel's list allows peer traffic across this host bridge, or does not, whatever stands on
   * its root bus. Default: as `vendorDevice` is listed.
   */
  readonly whitelisted?: boolean;
  /** The first device on the host bridge's root bus, such as `8086:2030`. Default: no listed one. */
  readonly vendorDevice?: string;
  /** The PCI domain of the host bridge, which counts its buses for itself. Default 0. */
  readonly domain?: number;
  /** PCI bus address minus CPU address of everything below this host bridge. Default 0. */
  readonly busOffset?: number;
  /** The port faces outwards: what is below is not trusted. Default false. */
  readonly external?: boolean;
}

/** One block of the PCI tree. */
export interface PciNodeConfig {
  readonly kind: PciNodeKind;
  readonly name: string;
  readonly settings: DeviceSettings;
  readonly children: readonly PciNodeConfig[];
}

/** Everything a lab is built from. `buildLab` adds the PCI windows to `windows` by itself. */
export interface LabConfig extends MachineConfig {
  /** The processor, for which some host bridges are trusted (behaviour/p2p.md 9.4). */
  readonly cpu: CpuIdentity;
  readonly pci: readonly PciNodeConfig[];
}

/** A machine of one CPU and 4 GiB, without devices. */
export function defaultLabConfig(): LabConfig {
  return { ...defaultMachineConfig(), cpu: ORDINARY_CPU, pci: [] };
}
