/** Scatterlists: several buffers mapped by one call. */
import { type DmaDevice, Scatterlist, type ScatterSegment } from "@dmalab/runtime/dma";
import { ValueError } from "../../values/script_error.ts";
import type { Value } from "../../values/value.ts";
import { isHandle, raiseErrno, toInt, toItems, toSegment } from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BUFFER } from "../types/buffer.ts";
import { SCATTERLIST, type ScatterlistTarget } from "../types/dma/scatterlist.ts";
import { kernelCall } from "./kernel_call.ts";
import { builtin } from "../describe/builtin.ts";
import { named, param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

const NENTS = named(
  param.int("nents", "The number of entries that the driver passes; all of them when left out."),
);

const MAX_ENTRIES = 2 ** 20;
const ENTRY_BYTES = 64;

const LIST_EXAMPLE = `${TRANSLATED_MACHINE}let sg = scatterlist(alloc_pages(4, contiguous: false))
`;

/**
 * The segments of an argument: of a buffer, of a list of buffers, or of a list of { phys, size }.
 */
function segmentsOf(value: Value): ScatterSegment[] {
  if (isHandle(value, BUFFER)) return [...value.target.segments];
  return toItems(value, "buffers").flatMap((item) =>
    isHandle(item, BUFFER) ? [...item.target.segments] : [toSegment(item, "an entry")]
  );
}

/**
 * Sets the device of a list that is not mapped. A mapped list is refused, because mapping it again
 * would lose its mapping.
 */
function mappable(target: ScatterlistTarget, dev: DmaDevice): Scatterlist {
  if (target.list.outputs === 0) {
    target.device = dev;
    return target.list;
  }
  throw new ValueError("The scatterlist is mapped already", "dma_unmap_sg() ends the mapping");
}

/** The number of entries that a driver passes for a list. */
function entriesOf(nents: number | undefined, { list }: ScatterlistTarget): number {
  return nents === undefined ? list.count : toInt(nents, "nents", 0, list.count);
}

function syncSpec(
  name: `dma_sync_sg_for_${"cpu" | "device"}`,
  method: "dmaSyncSgForCpu" | "dmaSyncSgForDevice",
  doc: string,
): FunctionSpec {
  return kernelCall(name, {
    more: [NENTS],
    doc,
    example: `${LIST_EXAMPLE}dma_map_sgtable(ssd, sg, bidirectional)
${name}(ssd, sg, bidirectional)
dma_unmap_sg(ssd, sg, bidirectional)`,
    run: (context, [dev, sg, dir, nents]) =>
      context.lab.machine.dma[method](dev, sg.list, dir, entriesOf(nents, sg)),
  });
}

export const SCATTERLIST_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "scatterlist",
    parameters: [
      param.of(
        "buffers",
        ["@buffer", "list"],
        "A buffer, whose segments become entries, or a list of buffers or { phys, size }.",
        segmentsOf,
      ),
    ],
    result: SCATTERLIST,
    doc: "Builds a scatterlist as a driver does: one entry per segment, none merged.",
    example: `let sg = scatterlist(alloc_pages(4, contiguous: false))
assert sg.nents == 4 and sg.mapped == []`,
    run(context, [segments]) {
      if (segments.length === 0 || segments.length > MAX_ENTRIES) {
        throw new ValueError(`Cannot make a scatterlist of ${segments.length} entries`);
      }
      const empty = segments.find(({ sizeBytes }) => sizeBytes === 0 || sizeBytes >= 2 ** 32);
      if (empty !== undefined) {
        throw new ValueError(
          `Cannot put ${empty.sizeBytes} bytes into an entry of a scatterlist`,
          "an entry has from 1B to less than 4GiB",
        );
      }
      context.chargeMemory(ENTRY_BYTES * segments.length);
      return { list: new Scatterlist(segments), device: null };
    },
  }),
  kernelCall("dma_map_sg", {
    result: "int",
    doc:
      "Maps all entries of a scatterlist. Returns the number of DMA ranges, which may be fewer " +
      "than the entries, or 0 on any failure.",
    example: `${LIST_EXAMPLE}assert dma_map_sg(ssd, sg, to_device) == 1
assert sg.mapped[0].size == 16KiB
dma_unmap_sg(ssd, sg, to_device)`,
    run: (context, [dev, sg, dir, attrs]) =>
      context.lab.machine.dma.dmaMapSg(dev, mappable(sg, dev), dir, attrs),
  }),
  kernelCall("dma_map_sgtable", {
    doc: "Maps all entries of a scatterlist. Raises the errno of a failure: EINVAL, ENOMEM, EIO, " +
      "EREMOTEIO for an unreachable peer, EOPNOTSUPP.",
    example: `${LIST_EXAMPLE}dma_map_sgtable(ssd, sg, to_device)
assert sg.mapped.length == 1
dma_unmap_sg(ssd, sg, to_device)`,
    raises: ["ENOMEM", "EIO", "EREMOTEIO", "EOPNOTSUPP"],
    run(context, [dev, sg, dir, attrs]) {
      const result = context.lab.machine.dma.dmaMapSgtable(dev, mappable(sg, dev), dir, attrs);
      raiseErrno(result, `dma_map_sgtable() could not map the list for ${dev.name}`);
    },
  }),
  kernelCall("dma_unmap_sg", {
    more: [NENTS],
    doc:
      "Unmaps a scatterlist. `nents` is the number of entries passed to the map, not the number " +
      "of DMA ranges it returned.",
    example: `${LIST_EXAMPLE}dma_map_sgtable(ssd, sg, to_device)
dma_unmap_sg(ssd, sg, to_device)
assert sg.mapped == [] and iommu.live_mappings == 0`,
    run: (context, [dev, sg, dir, attrs, nents]) =>
      context.lab.machine.dma.dmaUnmapSg(dev, sg.list, dir, attrs, entriesOf(nents, sg)),
  }),
  syncSpec(
    "dma_sync_sg_for_cpu",
    "dmaSyncSgForCpu",
    "Gives the CPU ownership of a mapped list: copies out of bounce buffers, and invalidates " +
      "the CPU's cache lines if the device is not coherent.",
  ),
  syncSpec(
    "dma_sync_sg_for_device",
    "dmaSyncSgForDevice",
    "Gives the device ownership of a mapped list: copies into bounce buffers, and writes dirty " +
      "cache lines back if the device is not coherent.",
  ),
];
