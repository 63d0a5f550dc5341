/** Streaming mappings: one buffer, one device, one direction. */
import type { DmaAddr, PhysAddr } from "../../../runtime/address.ts";
import { alignDown, DMA_MAPPING_ERROR, PAGE_SIZE_BYTES } from "../../../runtime/address.ts";
import {
  attributeWords,
  directionWord,
  DMA_ATTR,
  type DmaDirection,
} from "../../../runtime/dma/attributes.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import { type MapBranch, mapBranch } from "../../../runtime/dma/paths/map_branch.ts";
import { KernelError } from "../../../runtime/errno.ts";
import type { Run } from "../../values/run.ts";
import type { Value } from "../../values/value.ts";
import { isThing, thing, toAttributes, toDirection, toDma, toSize, toThing } from "../arguments.ts";
import type { Arguments, FunctionSpec, ParameterSpec } from "../../values/spec.ts";
import { DEVICE } from "../things/device.ts";
import { MAPPING } from "../things/dma/mapping.ts";
import { physOfValue } from "./memory.ts";
import {
  ATTRS,
  DEV,
  DIR,
  DIRECT_MACHINE,
  MAPPED,
  PHYS,
  SIZE,
  TRANSLATED_MACHINE,
} from "./parameters.ts";

/** The device address in an argument: a mapping's, or an address. */
export function toMappedAddress(value: Value | undefined): DmaAddr {
  return isThing(value, MAPPING) ? value.target.addr : toDma(value, "dma");
}

/** What a map call was asked for, and what it gave. */
interface Mapped {
  readonly call: string;
  readonly dev: DmaDevice;
  readonly addr: DmaAddr;
  readonly phys: PhysAddr;
  readonly sizeBytes: number;
  readonly dir: DmaDirection;
  readonly attrs: number;
  /** The branch that the map takes. */
  readonly branch: MapBranch;
}

/**
 * The value of a mapping just made. An error cookie raises ENOMEM: that is the script's own test of
 * the result, so the checker is told of it like of a driver's, unless the script does without.
 */
function mappedValue(run: Run, mapped: Mapped, unchecked: Value | undefined): Value {
  const { dev, addr, sizeBytes } = mapped;
  const { dma, iommu, swiotlb } = run.lab.machine;
  if (unchecked !== true && dma.dmaMappingError(dev, addr) !== 0) {
    const why = dma.refusal === null ? "" : `: ${dma.refusal.name} (${dma.refusal.rule})`;
    throw new KernelError(
      "ENOMEM",
      `${mapped.call}() could not map ${sizeBytes} bytes for ${dev.name}${why}`,
    );
  }
  const bounced = swiotlb.contains(iommu.lookup(dev, addr));
  return thing(MAPPING, {
    device: dev.name,
    phys: mapped.phys,
    addr,
    sizeBytes,
    dir: directionWord(mapped.dir),
    path: bounced ? "swiotlb" : dev.domain === null ? "direct" : "iommu",
    attrs: attributeWords(mapped.attrs),
    branch: (addr === DMA_MAPPING_ERROR ? dma.refusal : mapped.branch)?.name ?? null,
    site: run.lab.machine.events.site,
  });
}

type MapMethod = "dmaMapPhys" | "dmaMapSingle" | "dmaMapResource";
type UnmapMethod = "dmaUnmapPhys" | "dmaUnmapPage" | "dmaUnmapSingle" | "dmaUnmapResource";

const UNCHECKED: ParameterSpec = {
  name: "unchecked",
  kind: "bool",
  optional: true,
  named: true,
  doc: "Do as a driver that never asks whether the map failed: nothing is raised.",
};

function mapCall(name: string, method: MapMethod) {
  return (run: Run, [dev, where, length, dir, attrs, unchecked]: Arguments): Value => {
    const device = toThing(dev, DEVICE, "dev").dma;
    const phys = physOfValue(where, "phys");
    const sizeBytes = toSize(length, "size");
    const direction = toDirection(dir);
    const bits = toAttributes(attrs);
    const { machine } = run.lab;
    const effective = method === "dmaMapResource" ? bits | DMA_ATTR.MMIO : bits;
    const branch = mapBranch(machine, device, phys, sizeBytes, direction, effective);
    const addr = machine.dma[method](device, phys, sizeBytes, direction, bits);
    return mappedValue(
      run,
      { call: name, dev: device, addr, phys, sizeBytes, dir: direction, attrs: bits, branch },
      unchecked,
    );
  };
}

function unmapSpec(name: string, method: UnmapMethod, map: string): FunctionSpec {
  return {
    name,
    parameters: [DEV, MAPPED, SIZE, DIR, ATTRS],
    result: "nothing",
    doc: `Ends a mapping of ${map}. Size, direction and attributes must be those of the map.`,
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = ${mapExample(map)}\n` +
      `${name}(ssd, m, 4KiB, to_device)\nassert iommu.live_mappings == 0`,
    run(run, [dev, addr, length, dir, attrs]) {
      run.lab.machine.dma[method](
        toThing(dev, DEVICE, "dev").dma,
        toMappedAddress(addr),
        toSize(length, "size"),
        toDirection(dir),
        toAttributes(attrs),
      );
      return null;
    },
  };
}

function mapExample(map: string): string {
  return map === "dma_map_page"
    ? "dma_map_page(ssd, buf, offset: 0, size: 4KiB, dir: to_device)"
    : `${map}(ssd, buf, 4KiB, to_device)`;
}

export const STREAMING_CALLS: readonly FunctionSpec[] = [
  {
    name: "dma_map_phys",
    parameters: [DEV, PHYS, SIZE, DIR, ATTRS, UNCHECKED],
    result: "@mapping",
    doc: "Maps physical memory for a device: RAM, or with the attribute mmio another device's.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf.phys, size: 4KiB, dir: to_device)\n` +
      `assert ssd.dma_read(m.addr, 4KiB) == buf.bytes\n` +
      `dma_unmap_phys(ssd, m, 4KiB, to_device)`,
    raises: ["ENOMEM"],
    run: mapCall("dma_map_phys", "dmaMapPhys"),
  },
  {
    name: "dma_map_page",
    parameters: [
      DEV,
      {
        name: "page",
        kind: ["@buffer", "phys"],
        doc: "The page: page(pfn), a buffer in it, or its address.",
      },
      { name: "offset", kind: "size", doc: "Where in the page the memory begins." },
      SIZE,
      DIR,
      ATTRS,
      UNCHECKED,
    ],
    result: "@mapping",
    doc: "Maps a part of a page of RAM for a device.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_page(ssd, buf, offset: 512B, size: 1KiB, dir: to_device)\n` +
      `assert m.addr % 4KiB == 512\ndma_unmap_page(ssd, m, 1KiB, to_device)`,
    raises: ["ENOMEM"],
    run(run, [dev, page, offset, length, dir, attrs, unchecked]) {
      const device = toThing(dev, DEVICE, "dev").dma;
      const first = alignDown(physOfValue(page, "page"), PAGE_SIZE_BYTES) as PhysAddr;
      const offsetBytes = toSize(offset, "offset");
      const sizeBytes = toSize(length, "size");
      const direction = toDirection(dir);
      const bits = toAttributes(attrs);
      const { machine } = run.lab;
      const phys = first + offsetBytes as PhysAddr;
      const branch = mapBranch(machine, device, phys, sizeBytes, direction, bits);
      const addr = machine.dma.dmaMapPage(
        device,
        first,
        offsetBytes,
        sizeBytes,
        direction,
        bits,
      );
      const call = "dma_map_page";
      return mappedValue(
        run,
        { call, dev: device, addr, phys, sizeBytes, dir: direction, attrs: bits, branch },
        unchecked,
      );
    },
  },
  {
    name: "dma_map_single",
    parameters: [
      DEV,
      { name: "buf", kind: ["@buffer", "phys"], doc: "The buffer; it must be contiguous." },
      SIZE,
      DIR,
      ATTRS,
      UNCHECKED,
    ],
    result: "@mapping",
    doc: "Maps a buffer that is contiguous in physical memory.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_single(ssd, buf, 4KiB, to_device)\n` +
      `assert m.path == iommu\ndma_unmap_single(ssd, m, 4KiB, to_device)`,
    raises: ["ENOMEM"],
    run: mapCall("dma_map_single", "dmaMapSingle"),
  },
  {
    name: "dma_map_resource",
    parameters: [DEV, PHYS, SIZE, DIR, ATTRS, UNCHECKED],
    result: "@mapping",
    doc: "Maps MMIO of another device: dma_map_phys with the attribute mmio.",
    example: `machine {
  region window { at = 0xe000_0000, size = 1MiB, type = mmio }
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
let m = dma_map_resource(ssd, window.at, 4KiB, bidirectional)
assert iommu.translate(ssd, m.addr) == window.at
dma_unmap_resource(ssd, m, 4KiB, bidirectional)`,
    raises: ["ENOMEM"],
    run: mapCall("dma_map_resource", "dmaMapResource"),
  },
  unmapSpec("dma_unmap_phys", "dmaUnmapPhys", "dma_map_phys"),
  unmapSpec("dma_unmap_page", "dmaUnmapPage", "dma_map_page"),
  unmapSpec("dma_unmap_single", "dmaUnmapSingle", "dma_map_single"),
  unmapSpec("dma_unmap_resource", "dmaUnmapResource", "dma_map_resource"),
  {
    name: "dma_sync_single_for_cpu",
    parameters: [DEV, MAPPED, SIZE, DIR],
    result: "nothing",
    doc: "Hands a mapping, or a part of one, to the CPU: copies out of a bounce buffer, and lets " +
      "the CPU see what a device that is not coherent wrote.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf, 4KiB, from_device)\n` +
      `ssd.dma_write(m.addr, bytes"2a")\ndma_sync_single_for_cpu(ssd, m, 4KiB, from_device)\n` +
      `assert buf[0] == 0x2a\ndma_unmap_phys(ssd, m, 4KiB, from_device)`,
    run(run, [dev, addr, length, dir]) {
      run.lab.machine.dma.dmaSyncSingleForCpu(
        toThing(dev, DEVICE, "dev").dma,
        toMappedAddress(addr),
        toSize(length, "size"),
        toDirection(dir),
      );
      return null;
    },
  },
  {
    name: "dma_sync_single_for_device",
    parameters: [DEV, MAPPED, SIZE, DIR],
    result: "nothing",
    doc: "Hands a mapping, or a part of one, to the device: copies into a bounce buffer, and " +
      "writes caches back for a device that is not coherent.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf, 4KiB, to_device)\nbuf.fill(7)\n` +
      `dma_sync_single_for_device(ssd, m, 4KiB, to_device)\n` +
      `assert ssd.dma_read(m.addr, 1B) == bytes"07"\ndma_unmap_phys(ssd, m, 4KiB, to_device)`,
    run(run, [dev, addr, length, dir]) {
      run.lab.machine.dma.dmaSyncSingleForDevice(
        toThing(dev, DEVICE, "dev").dma,
        toMappedAddress(addr),
        toSize(length, "size"),
        toDirection(dir),
      );
      return null;
    },
  },
];
