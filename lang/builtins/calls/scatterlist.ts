/** Scatterlists: several buffers mapped by one call. */
import { Scatterlist, type ScatterSegment } from "../../../runtime/dma/scatterlist.ts";
import type { DmaDirection } from "../../../runtime/dma/attributes.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import type { DmaMapping } from "../../../runtime/dma/calls/mapping.ts";
import { ScriptError } from "../../values/script_error.ts";
import { RecordValue, type Value } from "../../values/value.ts";
import {
  isThing,
  raiseErrno,
  thing,
  toAttributes,
  toDirection,
  toInt,
  toItems,
  toPhys,
  toSize,
  toThing,
  wrongKind,
} from "../arguments.ts";
import type { FunctionSpec, ParameterSpec } from "../../values/spec.ts";
import { BUFFER } from "../things/buffer.ts";
import { DEVICE } from "../things/device.ts";
import { SCATTERLIST, type ScatterlistTarget } from "../things/dma/scatterlist.ts";
import { ATTRS, DEV, DIR, TRANSLATED_MACHINE } from "./parameters.ts";

const SG: ParameterSpec = {
  name: "sg",
  kind: "@scatterlist",
  doc: "What scatterlist() gave.",
};

const NENTS: ParameterSpec = {
  name: "nents",
  kind: "int",
  optional: true,
  named: true,
  doc: "How many entries the driver says it has; all of them when left out.",
};

/** Entries that one list may have. */
const MAX_ENTRIES = 2 ** 20;
/** Bytes that an entry is charged. */
const ENTRY_BYTES = 64;

const LIST_EXAMPLE = `${TRANSLATED_MACHINE}let sg = scatterlist(alloc_pages(4, contiguous: false))
`;

/** The buffers in an argument: of a buffer, of a list of buffers, or { phys, size } each. */
function segmentsOf(value: Value | undefined): ScatterSegment[] {
  if (isThing(value, BUFFER)) return [...value.target.segments];
  return toItems(value, "buffers").flatMap((item): ScatterSegment[] => {
    if (isThing(item, BUFFER)) return [...item.target.segments];
    if (!(item instanceof RecordValue)) throw wrongKind(item, "an entry", "{ phys, size }");
    return [{
      phys: toPhys(item.entries.get("phys"), "phys of an entry"),
      sizeBytes: toSize(item.entries.get("size"), "size of an entry"),
    }];
  });
}

/** The device and the list of a call; the list remembers whom it was mapped for. */
function deviceAndList(
  dev: Value | undefined,
  sg: Value | undefined,
): { readonly device: DmaDevice; readonly target: ScatterlistTarget } {
  const device = toThing(dev, DEVICE, "dev").dma;
  return { device, target: toThing(sg, SCATTERLIST, "sg") };
}

/** A list that was not unmapped would lose what it maps. */
function mappable({ list }: ScatterlistTarget): Scatterlist {
  if (list.outputs === 0) return list;
  throw new ScriptError(
    "E0919",
    "The scatterlist is mapped already",
    "dma_unmap_sg() ends the mapping",
  );
}

function entriesOf(nents: Value | undefined, { list }: ScatterlistTarget): number {
  return nents === undefined ? list.count : toInt(nents, "nents", 0, list.count);
}

type SyncMethod = "dmaSyncSgForCpu" | "dmaSyncSgForDevice";

function syncSpec(name: string, method: SyncMethod, doc: string): FunctionSpec {
  return {
    name,
    parameters: [DEV, SG, DIR, NENTS],
    result: "nothing",
    doc,
    example: `${LIST_EXAMPLE}dma_map_sgtable(ssd, sg, bidirectional)
${name}(ssd, sg, bidirectional)
dma_unmap_sg(ssd, sg, bidirectional)`,
    run(run, [dev, sg, dir, nents]) {
      const { device, target } = deviceAndList(dev, sg);
      const calls: DmaMapping = run.lab.machine.dma;
      const direction: DmaDirection = toDirection(dir);
      calls[method](device, target.list, direction, entriesOf(nents, target));
      return null;
    },
  };
}

export const SCATTERLIST_CALLS: readonly FunctionSpec[] = [
  {
    name: "scatterlist",
    parameters: [{
      name: "buffers",
      kind: ["@buffer", "list"],
      doc: "A buffer, whose segments become entries, or a list of buffers or { phys, size }.",
    }],
    result: "@scatterlist",
    doc: "Makes a scatterlist, as a driver fills one: an entry for each segment, nothing joined.",
    example: `let sg = scatterlist(alloc_pages(4, contiguous: false))
assert sg.nents == 4 and sg.mapped == []`,
    run(run, [buffers]) {
      const segments = segmentsOf(buffers);
      if (segments.length === 0 || segments.length > MAX_ENTRIES) {
        throw new ScriptError("E0919", `Cannot make a scatterlist of ${segments.length} entries`);
      }
      const empty = segments.find(({ sizeBytes }) => sizeBytes === 0 || sizeBytes >= 2 ** 32);
      if (empty !== undefined) {
        throw new ScriptError(
          "E0919",
          `Cannot put ${empty.sizeBytes} bytes into an entry of a scatterlist`,
          "an entry has from 1B to less than 4GiB",
        );
      }
      run.chargeMemory(ENTRY_BYTES * segments.length);
      return thing(SCATTERLIST, { list: new Scatterlist(segments), device: null });
    },
  },
  {
    name: "dma_map_sg",
    parameters: [DEV, SG, DIR, ATTRS],
    result: "int",
    doc: "Maps all buffers of a list. Gives how many ranges the device is told, which may be " +
      "fewer than the buffers, or 0 for a failure of any kind.",
    example: `${LIST_EXAMPLE}assert dma_map_sg(ssd, sg, to_device) == 1
assert sg.mapped[0].size == 16KiB
dma_unmap_sg(ssd, sg, to_device)`,
    run(run, [dev, sg, dir, attrs]) {
      const { device, target } = deviceAndList(dev, sg);
      const list = mappable(target);
      target.device = device;
      return run.lab.machine.dma.dmaMapSg(device, list, toDirection(dir), toAttributes(attrs));
    },
  },
  {
    name: "dma_map_sgtable",
    parameters: [DEV, { ...SG, name: "sgt" }, DIR, ATTRS],
    result: "nothing",
    doc:
      "Maps all buffers of a list, and tells failures apart: EINVAL, ENOMEM, EIO, EREMOTEIO for " +
      "a peer out of reach, EOPNOTSUPP.",
    example: `${LIST_EXAMPLE}dma_map_sgtable(ssd, sg, to_device)
assert sg.mapped.length == 1
dma_unmap_sg(ssd, sg, to_device)`,
    raises: ["ENOMEM", "EIO", "EREMOTEIO", "EOPNOTSUPP"],
    run(run, [dev, sg, dir, attrs]) {
      const { device, target } = deviceAndList(dev, sg);
      const list = mappable(target);
      target.device = device;
      const result = run.lab.machine.dma.dmaMapSgtable(
        device,
        list,
        toDirection(dir),
        toAttributes(attrs),
      );
      return raiseErrno(result, `dma_map_sgtable() could not map the list for ${device.name}`);
    },
  },
  {
    name: "dma_unmap_sg",
    parameters: [DEV, SG, DIR, ATTRS, NENTS],
    result: "nothing",
    doc: "Ends the mapping of a list. It takes the number of buffers, not that of the ranges.",
    example: `${LIST_EXAMPLE}dma_map_sgtable(ssd, sg, to_device)
dma_unmap_sg(ssd, sg, to_device)
assert sg.mapped == [] and iommu.live_mappings == 0`,
    run(run, [dev, sg, dir, attrs, nents]) {
      const { device, target } = deviceAndList(dev, sg);
      run.lab.machine.dma.dmaUnmapSg(
        device,
        target.list,
        toDirection(dir),
        toAttributes(attrs),
        entriesOf(nents, target),
      );
      return null;
    },
  },
  syncSpec(
    "dma_sync_sg_for_cpu",
    "dmaSyncSgForCpu",
    "Hands a mapped list to the CPU: copies out of bounce buffers, and lets the CPU see what a " +
      "device that is not coherent wrote.",
  ),
  syncSpec(
    "dma_sync_sg_for_device",
    "dmaSyncSgForDevice",
    "Hands a mapped list back to the device.",
  ),
];
