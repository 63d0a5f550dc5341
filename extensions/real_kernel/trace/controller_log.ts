/** QEMU's trace of its NVMe controller: the commands as the device read them. */
import type { AccessedRange, DeviceSide } from "../compare/request_record.ts";
import { deviceAddress } from "./trace_events.ts";

/** Trace events that QEMU is started with. */
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
const MAP_ADDRESS = /pci_nvme_map_addr addr (0x[0-9a-f]+) len (\d+)/;

/** Commands of the I/O queues, in the order in which the controller took them. */
export function readControllerLog(text: string): ControllerCommand[] {
  interface OpenCommand extends ControllerCommand {
    format: DeviceSide["format"];
    readonly extents: AccessedRange[];
  }
  const commands: OpenCommand[] = [];
  /** Null while the controller works on an admin command. */
  let command: OpenCommand | null = null;
  for (const line of text.split("\n")) {
    const begun = IO_COMMAND.exec(line);
    if (begun !== null) {
      command = { queue: Number(begun[2]), cid: Number(begun[1]), format: "none", extents: [] };
      commands.push(command);
      continue;
    }
    if (line.includes("pci_nvme_admin_cmd ")) command = null;
    if (command === null) continue;
    if (line.includes("pci_nvme_map_prp ")) command.format = "prp";
    else if (line.includes("pci_nvme_map_sgl ")) command.format = "sgl";
    const mapped = MAP_ADDRESS.exec(line);
    if (mapped !== null) command.extents.push([deviceAddress(mapped[1]!), Number(mapped[2])]);
  }
  return commands;
}
