/** Streaming mappings: one buffer, one device, one direction. */
import {
  alignDown,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  attributeWords,
  directionWord,
  type DmaDevice,
  type DmaDirection,
  mappingCaller,
} from "@dmalab/runtime/dma";
import { HintedKernelError } from "../error_kind.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { MAPPING, type Mapping } from "../types/dma/mapping.ts";
import { kernelCall, mappingCall } from "./kernel_call.ts";
import { ATTRS, DEV, DIR, PHYS, SIZE } from "./parameters.ts";
import { type Decoded, named, param } from "../describe/parameters.ts";
import { DIRECT_MACHINE, TRANSLATED_MACHINE } from "./example_machines.ts";

/** The arguments of a map call, and its result. */
interface MapCall {
  readonly call: string;
  readonly dev: DmaDevice;
  readonly addr: DmaAddr;
  readonly phys: PhysAddr;
  readonly sizeBytes: number;
  readonly dir: DmaDirection;
  readonly attrs: number;
}

/**
 * The value of a mapping just made. Unless `unchecked` is set, an error cookie raises ENOMEM, and
 * the checker counts the result as tested by the driver.
 */
function mapped(context: ExecutionContext, asked: MapCall, unchecked: boolean): Mapping {
  const { dev, addr, sizeBytes } = asked;
  const { dma } = context.lab.machine;
  if (!unchecked && dma.dmaMappingError(dev, addr) !== 0) {
    const why = dma.refusal === null ? "" : `: ${dma.refusal.name} (${dma.refusal.rule})`;
    throw new HintedKernelError(
      "ENOMEM",
      `${asked.call}() could not map ${sizeBytes} bytes for ${dev.name}${why}`,
      "with `unchecked: true` it returns the error value, which `dma_mapping_error()` recognizes",
    );
  }
  const failed = addr === DMA_MAPPING_ERROR;
  return {
    device: dev.name,
    phys: asked.phys,
    addr,
    sizeBytes,
    dir: directionWord(asked.dir),
    path: !failed ? dma.taken.path : dev.domain === null ? "direct" : "iommu",
    attrs: attributeWords(asked.attrs),
    branch: (failed ? dma.refusal : dma.taken)?.name ?? null,
    site: context.lab.machine.events.context.site,
  };
}

const UNCHECKED = named(
  param.bool(
    "unchecked",
    "Behave like a driver that does not check dma_mapping_error(): a failed map raises nothing.",
  ),
  false,
);

const MAP_PARAMETERS = [DEV, PHYS, SIZE, DIR, ATTRS, UNCHECKED] as const;

function mapCall(name: `dma_map_${"phys" | "single" | "resource"}`) {
  const call = mappingCaller(name);
  return (
    context: ExecutionContext,
    [dev, phys, sizeBytes, dir, attrs, unchecked]: Decoded<typeof MAP_PARAMETERS>,
  ): Mapping => {
    const addr = call(context.lab.machine.dma, [dev, phys, sizeBytes, dir, attrs]) as DmaAddr;
    return mapped(context, { call: name, dev, addr, phys, sizeBytes, dir, attrs }, unchecked);
  };
}

function unmapSpec(kind: "phys" | "page" | "single" | "resource"): FunctionSpec {
  const name = `dma_unmap_${kind}` as const;
  const map = `dma_map_${kind}`;
  return mappingCall(name, {
    doc: `Unmaps a mapping of ${map}(). Size, direction and attributes must be those of the map.`,
    example: `${
      map === "dma_map_resource"
        ? WINDOW_MACHINE
        : `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n`
    }` +
      `let m = ${mapExample(map)}\n` +
      `${name}(ssd, m, 4KiB, to_device)\nassert iommu.live_mappings == 0`,
  });
}

function mapExample(map: string): string {
  return map === "dma_map_page"
    ? "dma_map_page(ssd, buf, offset: 0, size: 4KiB, dir: to_device)"
    : `${map}(ssd, ${map === "dma_map_resource" ? "window.at" : "buf"}, 4KiB, to_device)`;
}

const WINDOW_MACHINE = `machine {
  region window { at = 0xe000_0000, size = 1MiB, type = mmio }
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

export const STREAMING_CALLS: readonly FunctionSpec[] = [
  kernelCall("dma_map_phys", {
    more: [UNCHECKED],
    result: MAPPING,
    doc: "Maps physical memory for a device: RAM, or with the attribute mmio the MMIO of another " +
      "device.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf.phys, size: 4KiB, dir: to_device)\n` +
      `assert ssd.dma_read(m.addr, 4KiB) == buf.bytes\n` +
      `dma_unmap_phys(ssd, m, 4KiB, to_device)`,
    raises: ["ENOMEM"],
    run: mapCall("dma_map_phys"),
  }),
  kernelCall("dma_map_page", {
    more: [UNCHECKED],
    result: MAPPING,
    doc: "Maps a part of a page of RAM for a device.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_page(ssd, buf, offset: 512B, size: 1KiB, dir: to_device)\n` +
      `assert m.addr % 4KiB == 512\ndma_unmap_page(ssd, m, 1KiB, to_device)`,
    raises: ["ENOMEM"],
    run(context, [dev, page, offsetBytes, sizeBytes, dir, attrs, unchecked]) {
      const first = alignDown(page, PAGE_SIZE_BYTES) as PhysAddr;
      const { machine } = context.lab;
      const phys = first + offsetBytes as PhysAddr;
      const addr = machine.dma.dmaMapPage(dev, first, offsetBytes, sizeBytes, dir, attrs);
      const call = "dma_map_page";
      return mapped(context, { call, dev, addr, phys, sizeBytes, dir, attrs }, unchecked);
    },
  }),
  kernelCall("dma_map_single", {
    more: [UNCHECKED],
    result: MAPPING,
    doc: "Maps a buffer that is contiguous in physical memory.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_single(ssd, buf, 4KiB, to_device)\n` +
      `assert m.path == iommu\ndma_unmap_single(ssd, m, 4KiB, to_device)`,
    raises: ["ENOMEM"],
    run: mapCall("dma_map_single"),
  }),
  kernelCall("dma_map_resource", {
    more: [UNCHECKED],
    result: MAPPING,
    doc: "Maps MMIO of another device: dma_map_phys with the attribute mmio.",
    example: `${WINDOW_MACHINE}let m = dma_map_resource(ssd, window.at, 4KiB, bidirectional)
assert iommu.translate(ssd, m.addr) == window.at
dma_unmap_resource(ssd, m, 4KiB, bidirectional)`,
    raises: ["ENOMEM"],
    run: mapCall("dma_map_resource"),
  }),
  unmapSpec("phys"),
  unmapSpec("page"),
  unmapSpec("single"),
  unmapSpec("resource"),
  mappingCall("dma_sync_single_for_cpu", {
    doc: "Gives the CPU ownership of a mapping, or of a part of it: copies out of the bounce " +
      "buffer, and invalidates the CPU's cache lines if the device is not coherent.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf, 4KiB, from_device)\n` +
      `ssd.dma_write(m.addr, bytes"2a")\ndma_sync_single_for_cpu(ssd, m, 4KiB, from_device)\n` +
      `assert buf[0] == 0x2a\ndma_unmap_phys(ssd, m, 4KiB, from_device)`,
  }),
  mappingCall("dma_sync_single_for_device", {
    doc: "Gives the device ownership of a mapping, or of a part of it: copies into the bounce " +
      "buffer, and writes dirty cache lines back if the device is not coherent.",
    example: `${DIRECT_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf, 4KiB, to_device)\n` +
      `dma_sync_single_for_cpu(ssd, m, 4KiB, to_device)\nbuf.fill(7)\n` +
      `dma_sync_single_for_device(ssd, m, 4KiB, to_device)\n` +
      `assert ssd.dma_read(m.addr, 1B) == bytes"07"\ndma_unmap_phys(ssd, m, 4KiB, to_device)`,
  }),
];
