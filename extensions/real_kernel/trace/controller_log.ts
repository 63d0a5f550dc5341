/** Reads QEMU's trace of its NVMe controller: the commands as the device read them. */
import type { AccessedRange, DeviceSide } from "../compare/request_record.ts";
import { deviceAddress } from "./trace_events.ts";

/** Trace events that QEMU is started with (`-trace`). */
export const CONTROLLER_EVENTS: readonly string[] = [
  "pci_nvme_io_cmd",
  "pci_nvme_admin_cmd",
  "pci_nvme_map_prp",
  "pci_nvme_map_sgl",
  "pci_nvme_map_addr",
];

export interface ControllerCommand extends DeviceSide {
  readonly queue: number;
  readonly cid: number;
}

const IO_COMMAND = /pci_nvme_io_cmd cid (\d+) nsid \S+ sqid (\d+)/;
/**
 * Matches the length of a command's data. Does not match `trans_len` of `map_prp`, which is the
 * length for a single PRP.
 */
const MAP_DATA = /pci_nvme_map_(prp|sgl) .*\blen (\d+)/;
const MAP_ADDRESS = /pci_nvme_map_addr addr (0x[0-9a-f]+) len (\d+)/;

/**
 * Commands of the I/O queues, in the order in which the controller fetched them.
 *
 * Metadata is left out: the controller looks up the address of metadata only after moving the data,
 * and the log does not say to which command this lookup belongs.
 */
export function readControllerLog(text: string): ControllerCommand[] {
  interface OpenCommand extends ControllerCommand {
    format: DeviceSide["format"];
    readonly extents: AccessedRange[];
    /** Bytes of data for which no extent has been found yet. */
    leftBytes: number;
  }
  const commands: OpenCommand[] = [];
  /** Null while the controller executes an admin command. */
  let command: OpenCommand | null = null;
  for (const line of text.split("\n")) {
    const begun = IO_COMMAND.exec(line);
    if (begun !== null) {
      const [queue, cid] = [Number(begun[2]), Number(begun[1])];
      command = { queue, cid, format: "none", extents: [], leftBytes: 0 };
      commands.push(command);
      continue;
    }
    if (line.includes("pci_nvme_admin_cmd ")) command = null;
    if (command === null) continue;
    const data = MAP_DATA.exec(line);
    // A second SGL belongs to the metadata.
    if (data !== null && command.format === "none") {
      command.format = data[1] as "prp" | "sgl";
      command.leftBytes = Number(data[2]);
    }
    const mapped = MAP_ADDRESS.exec(line);
    if (mapped === null || command.leftBytes <= 0) continue;
    command.extents.push([deviceAddress(mapped[1]!), Number(mapped[2])]);
    command.leftBytes -= Number(mapped[2]);
  }
  return commands;
}
