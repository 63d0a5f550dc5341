/**
 * A real kernel's command as the controller read it. When a scenario reads `request.command`, it
 * gets the values of this command.
 */
import type { NvmeCommandView } from "@dmalab/devices";
import type { ScenarioAddresses } from "./kernel_events.ts";
import type { DeviceSide } from "./request_record.ts";

/**
 * The properties that replace those of the model's command, and the names of the language's fields
 * that these properties provide.
 */
export interface KernelCommand {
  readonly command: Partial<NvmeCommandView>;
  readonly known: ReadonlySet<string>;
}

const DATA_BLOCK = 0;
/**
 * A command has room for two PRP entries. If the data needs more entries, the second one points to
 * a list.
 */
const ENTRIES_OF_COMMAND = 2;

/**
 * @param device The addresses that the controller read from the command and its lists.
 * @param model The model's command. Its values are kept for parts that were not observed.
 * @returns Null for a command without data. Null also for a command with metadata, because the log mixes
 *   the addresses of metadata with those of data.
 */
export function kernelCommand(
  { extents, format }: DeviceSide,
  addresses: ScenarioAddresses,
  model: Pick<NvmeCommandView, "mptr">,
): KernelCommand | null {
  const [first, second] = extents;
  if (format === "none" || first === undefined || model.mptr !== 0) return null;
  type Dma = NvmeCommandView["prp1"];
  const dmaOf = ([dma]: DeviceSide["extents"][number]) => addresses.dma(dma) as Dma;
  if (format === "sgl") {
    const sgl = extents.map((extent) => ({
      type: DATA_BLOCK,
      address: dmaOf(extent),
      sizeBytes: extent[1],
    }));
    return { command: { format, sgl }, known: new Set(["format", "sgl", "prp1", "prp2"]) };
  }
  const hasList = extents.length > ENTRIES_OF_COMMAND;
  const ofFormat = { format, prp1: dmaOf(first), sgl: [] };
  const known = ["format", "prp1", "prp_list", "sgl", "sgl_head"];
  // The log does not contain the address of the list.
  return hasList
    ? {
      command: { ...ofFormat, prpList: extents.slice(1).map(dmaOf) },
      known: new Set(known),
    }
    : {
      command: { ...ofFormat, prpList: [], prp2: second === undefined ? 0 as Dma : dmaOf(second) },
      known: new Set([...known, "prp2"]),
    };
}
