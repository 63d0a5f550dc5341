/**
 * What a step's record shows of memory: where the pages behind a buffer lie, and where the kernel
 * put the metadata that it made up.
 *
 * Such addresses are no outcome of the model. A request names the first byte of each part of a
 * buffer; where a part goes on in another page, and where the kernel's own memory was, shows in the
 * calls.
 */
import type { DataExtent } from "../kernel/kernel_data.ts";
import type { DefectCommand } from "./defect_data.ts";

/** The memory of one command as its calls show it, data and metadata in order. */
export interface ShownMemory {
  readonly data: readonly DataExtent[];
  readonly metadata: readonly DataExtent[];
}

/** Reads the calls of a command: pieces of data come first, until they add up. */
export function shownMemory(command: DefectCommand): ShownMemory {
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
 * The first tries of a step's requests: a request that was tried again is the same memory.
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
