/** The defects of real kernels (tests/golden/defects/README.md), and the memory addresses in their records. */
import type { Json } from "../difference.ts";
import type { CaptureLimits, DataExtent } from "../kernel/kernel_data.ts";

export interface DefectCase {
  /** `<scenario>_<mode>/<kernel>` */
  readonly id: string;
  readonly kernel: string;
  /** Numbers of the cases in docs/rules/nvme.md chapter 7. */
  readonly cases?: readonly number[];
  readonly machine: DefectMachine;
  readonly injection?: DefectInjection;
  readonly steps: readonly DefectStep[];
}

export interface DefectMachine {
  readonly iommu: string;
  readonly granule: number;
  readonly cpus: number;
  readonly controller: {
    readonly sgl: boolean;
    readonly metadata_sgl: boolean;
    readonly metadata_bytes_per_block?: number;
    /**
     * Exponent of the controller's transfer limit (MDTS); 0 means no limit. Null if another limit
     * was lower in every run of the scenario, so that the exponent is unknown.
     */
    readonly mdts: number | null;
  };
  readonly limits: Omit<
    CaptureLimits,
    "max_segment_size" | "nomerges" | "nr_requests" | "scheduler" | "write_cache"
  >;
}

/** A function that was made to fail, or a device with a lowered mask. */
export interface DefectInjection {
  readonly function?: string;
  readonly calls_failed?: number;
  readonly skip?: number;
  readonly bus_dma_limit_set_to?: number;
}

export interface DefectStep {
  readonly request: DefectRequest;
  readonly result: { readonly [field: string]: Json };
  readonly block_events?: readonly (readonly [string, number])[];
  readonly commands: readonly DefectCommand[];
  /** Number of times that the request was tried; `commands` has the commands of the first tries. */
  readonly attempts?: number;
  readonly damage?: { readonly [field: string]: Json };
}

export interface DefectRequest {
  readonly kind: "preadv" | "io_submit" | "passthrough" | "io_uring";
  readonly op?: "read" | "write";
  /** Which part of the request's memory belongs to a peer; `ram` if no part does. */
  readonly memory?: string;
  readonly offset_bytes?: number;
  /** Parts of the user's buffer, each contiguous for the user. */
  readonly pieces?: readonly DataExtent[];
  /** A rule for the pieces, such as `40 pieces of 6144 bytes, 16384 bytes apart`. */
  readonly pieces_rule?: string;
  /** For passthrough, a single extent of data. For io_uring, the address at which the data begins. */
  readonly data?: DataExtent | number;
  readonly metadata?: DataExtent;
  readonly metadata_second_page?: number;
  readonly blocks_each?: number;
  /**
   * For io_uring, two addresses for each I/O: the first byte of its metadata, and the first byte of
   * the part that lies on the last page.
   */
  readonly metadata_pages?: readonly (readonly [number, number])[];
}

/** A line of a command's record: the called function, then arguments and results. */
export type CallLine = readonly [string, ...(number | null)[]];

export interface DefectCommand {
  readonly bytes: number;
  readonly sector: number | null;
  readonly tag: number;
  readonly segments: number;
  readonly integrity_segments: number;
  readonly gap_bit: number;
  readonly calls: readonly CallLine[];
  readonly outcome: string;
  readonly command?: Json;
  readonly status?: number;
  readonly device?: Json;
}

/**
 * Reads the addresses of a command's memory from its calls. The first pieces are data, until their
 * lengths add up to the length of the data.
 *
 * These addresses are inputs of the model, not results. A request names only the first byte of each
 * part of a buffer. The calls show at which page a part continues, and they show the addresses of
 * the kernel's own memory.
 */
export function shownMemory(
  command: DefectCommand,
): { readonly data: readonly DataExtent[]; readonly metadata: readonly DataExtent[] } {
  const data: DataExtent[] = [];
  const metadata: DataExtent[] = [];
  let dataBytes = command.bytes;
  let walked = -1;
  const note = (phys: number, sizeBytes: number) => {
    (dataBytes > 0 ? data : metadata).push([phys, sizeBytes]);
    dataBytes -= sizeBytes;
  };
  for (const [name, ...values] of command.calls) {
    const [phys, sizeBytes] = values as [number, number];
    if (name === "segment") {
      note(phys, sizeBytes);
      walked = phys;
    } else if (name === "dma.map" && phys !== walked) note(phys, sizeBytes);
  }
  return { data, metadata };
}

/**
 * The first try of each request of a step: later tries of a request use the same memory.
 * @returns One command for each request, in the order of the first tries.
 */
export function distinctRequests(commands: readonly DefectCommand[]): readonly DefectCommand[] {
  const distinct: DefectCommand[] = [];
  const open = new Map<string, DefectCommand>();
  for (const command of commands) {
    const key = `${command.sector} ${command.bytes} ${command.tag}`;
    if (!open.has(key)) {
      open.set(key, command);
      distinct.push(command);
    }
    if (command.outcome === "completed" || command.outcome === "ioerr") open.delete(key);
  }
  return distinct;
}
