/**
 * Runs an input on a separate machine without defects, and records the result as the expected
 * result.
 */
import {
  buildLab,
  defaultLabConfig,
  type Lab,
  type LabConfig,
  type NvmeCommandView,
  type NvmeRequest,
  pciNode,
} from "@dmalab/devices";
import { GIB, HostBuffer, InvariantError, type MachineEvent, type PhysAddr } from "@dmalab/runtime";
import type { VectorInput } from "./edge_shapes.ts";
import type {
  Range,
  Translation,
  Vector,
  VectorCommand,
  VectorLimits,
  VectorRequest,
} from "./vector.ts";

const DEFAULTS = defaultLabConfig();
const RAM_BYTES = 8 * GIB;
const PAGE_BYTES = 4096;

/** The facts that are observed about a request while it is mapped. */
interface ObservedCommand {
  readonly mapped: Range[];
  translations: readonly Translation[];
}

/** @param id The vector's number in the file. */
export function makeVector(input: VectorInput, id: number): Vector {
  const lab = buildLab(configOf(input));
  const { machine } = lab;
  const disk = lab.device("ssd", "nvme").disk;
  const buffer = new HostBuffer(
    machine,
    input.segments.map(([phys, sizeBytes]) => ({ phys: phys as PhysAddr, sizeBytes })),
  );
  const seen = watch(lab);
  const io = disk.submit(input.op, { lba: input.lba, buffer });
  while (machine.runNextActivity());
  return {
    id,
    about: input.about,
    kernel: input.kernel,
    iommu: input.iommu,
    controller: input.controller,
    limits: limitsOf(lab),
    op: input.op,
    lba: input.lba,
    segments: input.segments,
    status: statusOf(io),
    requests: io.requests.map((request) => requestOf(request, seen.get(request.id)!)),
  };
}

function configOf({ controller, iommu, kernel }: VectorInput): LabConfig {
  const disk = pciNode("nvme", "ssd", [], {
    sgl: controller.sgl,
    sglThresholdBytes: controller.sgl_threshold_bytes,
    blockSizeBytes: controller.block_bytes,
    mdtsBytes: controller.mdts_bytes,
  });
  return {
    ...DEFAULTS,
    kernel,
    quirks: new Set(),
    ramSizeBytes: RAM_BYTES,
    iommu: { ...DEFAULTS.iommu, mode: iommu },
    pci: [pciNode("root_port", "rp0", [disk])],
  };
}

/**
 * Records the mapping calls of every request. When a request's command is sent, also records the
 * translations of the request's addresses.
 */
function watch(lab: Lab): ReadonlyMap<number, ObservedCommand> {
  const seen = new Map<number, ObservedCommand>();
  lab.machine.events.listen((event: MachineEvent) => {
    if (event.request === null) return;
    const made = () => ({ mapped: [], translations: [] });
    const known = seen.getOrInsertComputed(event.request, made);
    if (event.name === "dma.map") {
      const { dma, size_bytes } = event.fields;
      known.mapped.push([dma, size_bytes]);
    } else known.translations = translationsOf(lab, known.mapped);
  }, ["dma.map", "nvme.submit"]);
  return seen;
}

/**
 * The translations of each page, joined if the device addresses and the memory addresses are both
 * contiguous.
 */
function translationsOf({ devices, machine }: Lab, mapped: readonly Range[]): Translation[] {
  const { dma: dev } = devices.get("ssd")!;
  const found: [number, number, number][] = [];
  for (const [start, sizeBytes] of mapped) {
    for (let done = 0; done < sizeBytes;) {
      const at = start + done;
      const bytes = Math.min(sizeBytes - done, PAGE_BYTES - at % PAGE_BYTES);
      const phys = machine.iommu.lookup(dev, at);
      const last = found.at(-1);
      const goesOn = last !== undefined && last[0] + last[2] === at && last[1] + last[2] === phys;
      if (goesOn) last[2] += bytes;
      else found.push([at, phys, bytes]);
      done += bytes;
    }
  }
  return found;
}

function limitsOf(lab: Lab): VectorLimits {
  const { limits } = lab.device("ssd", "nvme").disk;
  return {
    max_hw_sectors: limits.maxHwSectors,
    max_sectors: limits.maxSectors,
    max_segments: limits.maxSegments,
    max_segment_bytes: limits.maxSegmentSizeBytes,
    segment_boundary_mask: limits.segBoundaryMask,
    virt_boundary_mask: limits.virtBoundaryMask,
    dma_alignment_mask: limits.dmaAlignmentMask,
  };
}

/**
 * The status of a request. All activities have run by now, so a request without a status would
 * never end.
 */
function statusOf({ status }: { readonly status: string | null }): string {
  if (status === null) throw new InvariantError("a vector's request never ended");
  return status;
}

function requestOf(request: NvmeRequest, { mapped, translations }: ObservedCommand): VectorRequest {
  const command = request.command!;
  const { iova } = request;
  return {
    lba: request.lba,
    bytes: request.bytes,
    status: statusOf(request),
    segments: request.nrPhysSegments,
    gap_bit: request.gapBit,
    mapped,
    iova: iova === null ? null : [iova.start, iova.sizeBytes],
    translations,
    lists: listsOf(command),
    command: commandOf(command),
  };
}

function listsOf(command: NvmeCommandView): number[] {
  if (command.format === "prp") return command.prpLists.map(({ dma }) => dma);
  return command.sglList.length === 0 ? [] : [command.sglOfCommand.address];
}

function commandOf(command: NvmeCommandView): VectorCommand {
  if (command.format === "prp") {
    const { prp1, prp2, prpLists } = command;
    return { format: "prp", prp1, prp2, entries: prpLists.map(({ entries }) => entries) };
  }
  const { address, sizeBytes, type } = command.sglOfCommand;
  return {
    format: "sgl",
    sgl: [type, address, sizeBytes],
    entries: command.sglList.map((entry) => [entry.type, entry.address, entry.sizeBytes] as const),
  };
}
