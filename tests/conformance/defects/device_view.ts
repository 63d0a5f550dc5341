/** A command as it stood in the queue, and what the controller makes of it. */
import type { PhysAddr } from "@dmalab/runtime";
import type { Iod, NvmeRequest } from "@dmalab/devices/nvme";
import type { Json } from "../difference.ts";
import type { DefectHost } from "./defect_machine.ts";

/** A descriptor that the controller met, with how much it wanted to know from it. */
interface Descriptor {
  readonly type: number;
  readonly bytes_described: number;
}

export interface DeviceView {
  readonly command: Json;
  readonly dataDescriptors: readonly Descriptor[];
  readonly metadataDescriptors: readonly Descriptor[];
  readonly ranges: readonly (readonly [number, number])[];
  readonly metadataRanges: readonly (readonly [number, number])[];
  /** The two entries of the command when it has PRPs. */
  readonly prps: { readonly prp1: number; readonly prp2: number } | null;
  /** 0, or the status that the command is refused with. */
  readonly status: number;
}

/** Looks at a command that was just prepared; nothing moves. */
export function viewFromDevice(host: DefectHost, iod: Iod, request: NvmeRequest): DeviceView {
  const view = host.driver.viewCommand(iod);
  const resolved = host.controller.resolve(view.bytes);
  const { metadataBytes } = host.disk.namespace;
  const blocks = request.bytes / host.disk.blockSizeBytes;
  const own = view.sglOfCommand;
  const prps = view.format === "prp" ? { prp1: view.prp1, prp2: view.prp2 } : null;
  const list = iod.usesMetadataSgl ? iod.metaDescriptor : null;
  return {
    command: {
      opcode: view.opcode,
      flags: view.bytes[1]!,
      mptr: view.mptr,
      dptr: prps !== null
        ? { kind: "prp", ...prps }
        : { kind: "sgl", address: own.address, length: own.sizeBytes, type: own.type },
    },
    dataDescriptors: prps !== null ? [] : [{ type: own.type, bytes_described: request.bytes }],
    metadataDescriptors: list === null || resolved.metadataRanges.length === 0 ? [] : [{
      type: host.machine.memory.readU32((list.phys + 12) as PhysAddr) >>> 24,
      bytes_described: blocks * metadataBytes,
    }],
    ranges: resolved.ranges,
    metadataRanges: resolved.metadataRanges,
    prps,
    status: resolved.status,
  };
}
