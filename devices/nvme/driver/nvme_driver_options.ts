/** What an NVMe driver is made from. */
import type { Bytes, Machine, Nanoseconds } from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { NvmeRegisterPort } from "../register_port.ts";
import type { ControllerMemoryBar } from "./life/controller_memory.ts";
import type { DescriptorPools } from "./request.ts";
import type { DmaVecSource } from "./map_data.ts";

export interface NvmeDriverOptions {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  /** The controller's registers. */
  readonly registers: NvmeRegisterPort;
  /** I/O queues to ask for; one for each CPU when left out. */
  readonly queues?: number;
  /** Further I/O queues that are polled instead of interrupting (`poll_queues`). */
  readonly pollQueues: number;
  /** Entries of an I/O queue, 2 to 4095 (`io_queue_depth`). Default 1024. */
  readonly depthEntries?: number;
  /** The user's soft limit of a transfer (`max_sectors_kb`), in sectors; none when left out. */
  readonly maxUserSectors?: number;
  /** The I/O scheduler of the queues (`queue/scheduler`). Default none. */
  readonly scheduler?: "none" | "mq_deadline";
  /** Average segment from which SGLs are preferred (`sgl_threshold`); 0 never. Default 32 KiB. */
  readonly sglThresholdBytes?: Bytes;
  /** NUMA nodes, each with descriptor pools of its own; CPUs are dealt out evenly. Default 1. */
  readonly nodes?: number;
  /** How long a command of an I/O queue may take. Default 30 s. */
  readonly timeoutNs?: Nanoseconds;
  /** The BAR with the controller's own memory; none when left out. */
  readonly controllerMemory?: ControllerMemoryBar | null;
  /** Descriptor pools to use instead of the driver's own. */
  readonly pools?: DescriptorPools;
  /** Where arrays of saved mappings come from instead of the driver's own pool. */
  readonly dmaVecs?: DmaVecSource;
}
