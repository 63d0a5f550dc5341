/** Calls of a process to VFIO: its memory, mapped for the devices of an IOMMU group. */
import { MAP_FLAG, UNMAP_FLAG, VfioContainer } from "@dmalab/devices/vfio_container";
import {
  type AddressSpace,
  alignUp,
  type DmaAddr,
  errnoName,
  KernelError,
  PAGE_SIZE_BYTES,
  type VirtAddr,
} from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { ListValue, type Value } from "../../values/value.ts";
import { failure, toWord } from "../arguments.ts";
import { builtin } from "../describe/builtin.ts";
import { named, optional, param } from "../describe/parameters.ts";
import { explainByText } from "../explain/explain_decision.ts";
import { EventFacts } from "../explain/explanation.ts";
import { TEXTS } from "../explain/texts.ts";
import { DEVICE } from "../types/device.ts";
import { MM } from "../types/rdma/mm.ts";
import {
  CONTAINER_MACHINE,
  CONTAINER_MEMORY,
  usableContainer,
  VFIO_CONTAINER,
} from "../types/vfio/vfio_container.ts";

/** `dma_entry_limit` of the kernel's module. */
const USUAL_ENTRIES = 65_535;
/** Memory charged for a page that is faulted in. */
const PAGE_CHARGE_BYTES = 128;
/** Limit of the flags that a call can have. */
const FLAG_LIMIT = 2 ** 31 - 1;
/** The flags of an unmap that scripts can name. */
const { GET_DIRTY_BITMAP, ...UNMAP_WORDS } = UNMAP_FLAG;

const CONTAINER = param.of(
  "container",
  `@${VFIO_CONTAINER.name}`,
  "The result of vfio_container().",
  (value) => usableContainer((value as { readonly target: VfioContainer }).target),
);

/** Flags as bits: one word, a list of words, or the number itself. */
function flagsOf(known: Readonly<Record<string, number>>): (value: Value) => number {
  return (value) => {
    if (typeof value === "number") {
      if (value >= 0 && value <= FLAG_LIMIT) return value;
      throw new ValueError(`Cannot use ${value} as flags`, "flags are bits of a 32-bit number");
    }
    let flags = 0;
    for (const item of value instanceof ListValue ? value.items : [value]) {
      const name = toWord(item, "flags");
      const bit = known[name.toUpperCase()];
      if (bit === undefined) {
        throw new ValueError(
          `Cannot use ${name} as a flag`,
          `write one of ${
            Object.keys(known).map((each) => each.toLowerCase()).join(", ")
          }, or the bits as a number`,
        );
      }
      flags |= bit;
    }
    return flags;
  };
}

/** Raises the errno of a refused call, with the check that refused it. */
function raiseRefusal(
  container: VfioContainer,
  event: "vfio.map_dma" | "vfio.unmap_dma",
  result: number,
): void {
  if (result >= 0) return;
  const error = errnoName(result);
  const at = { iova: 0 as DmaAddr, virt: 0 as VirtAddr, size_bytes: 0, unmapped_bytes: 0 };
  const fields = { ...at, flags: [], locked_bytes: 0, error };
  const reason = explainByText(TEXTS[event]!, new EventFacts(event, fields, container.why));
  const call = event === "vfio.map_dma" ? "VFIO_IOMMU_MAP_DMA" : "VFIO_IOMMU_UNMAP_DMA";
  throw new KernelError(error, `${call} is refused: ${reason!.why}`);
}

/** Charges memory for the pages of a process that a map may fault in. */
function chargePages(
  context: ExecutionContext,
  process: AddressSpace,
  vaddr: VirtAddr,
  sizeBytes: number,
): void {
  let bytes = 0;
  for (const { end, start } of process.areas) {
    bytes += Math.max(0, Math.min(end, vaddr + sizeBytes) - Math.max(start, vaddr));
  }
  const roomBytes = process.maySurpassLimit ? Infinity : process.memlockBytes;
  context.chargeMemory(PAGE_CHARGE_BYTES * Math.ceil(Math.min(bytes, roomBytes) / PAGE_SIZE_BYTES));
}

/** Refuses memory for which no capture says what VFIO answers. */
function refusePeerMemory(
  { lab: { machine: { peers } } }: ExecutionContext,
  process: AddressSpace,
  vaddr: VirtAddr,
  sizeBytes: number,
): void {
  const end = alignUp(vaddr + sizeBytes, PAGE_SIZE_BYTES) as VirtAddr;
  if (peers === null || !process.hasPage(vaddr, end, (phys) => peers.isPeerMemory(phys))) return;
  throw new ValueError(
    "Peer memory of pci_alloc_p2pmem() in a container of VFIO is not modelled",
    "map memory of the process",
  );
}

export const CONTAINER_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "vfio_container",
    parameters: [
      param.handle("process", MM, "The process that opens it: the result of address_space()."),
      param.handle("device", DEVICE, "Any device of the IOMMU group that it gets."),
      named(
        param.int("dma_entry_limit", "Areas that it may have. Default 65535.", 0, 2 ** 32 - 1),
        USUAL_ENTRIES,
      ),
    ],
    result: VFIO_CONTAINER,
    doc: "Opens a container, adds the device's IOMMU group and selects VFIO_TYPE1v2_IOMMU: the " +
      "group's devices leave their default domain, and reach only what the process maps. EPERM " +
      "while a kernel driver of any of them is bound, EBUSY while another user has the group.",
    example: `${CONTAINER_MACHINE}gpu.dma_read(0x10_0000 as dma, 4B) faults not_present
container.close()`,
    raises: ["EPERM", "EBUSY", "EINVAL", "ENODEV"],
    run(context, [process, { dma: dev, name }, dmaEntryLimit]) {
      const { machine } = context.lab;
      if (!process.alive) throw new ValueError("The process has ended: it opens nothing any more");
      if (machine.config.iommu.mode !== "off" && machine.iommu.granuleBytes !== PAGE_SIZE_BYTES) {
        throw new ValueError("A container maps pages of 4 KiB: leave `iommu.granule` as it is");
      }
      const opened = VfioContainer.open(machine, { process, dev, dmaEntryLimit });
      if (typeof opened !== "number") return opened;
      throw failure(opened, `The group of ${name} cannot be given to a process`);
    },
  }),
  builtin({
    name: "VFIO_IOMMU_MAP_DMA",
    parameters: [
      CONTAINER,
      param.virt("vaddr", "The memory's address in the process."),
      param.dma("iova", "The address that the devices use."),
      param.size("size", "How many bytes, a multiple of 4 KiB."),
      named(
        param.of(
          "flags",
          ["word", "list", "int"],
          "read, write, or a list of them, the default; vaddr alone gives an area whose address " +
            "was taken back another one. Or the bits as a number.",
          flagsOf(MAP_FLAG),
        ),
        MAP_FLAG.READ + MAP_FLAG.WRITE,
      ),
    ],
    doc:
      "Maps memory of the process for the devices: each page is faulted in, pinned, counted as " +
      "locked memory, and mapped. After an error nothing of it is pinned or mapped.",
    example:
      `${CONTAINER_MEMORY}VFIO_IOMMU_MAP_DMA(container, vaddr: ram, iova: 0x10_0000, size: 4MiB)
gpu.dma_write(0x10_0000 as dma, bytes"c0 de")
assert qemu.read(ram, 2B) == bytes"c0 de" and qemu.locked == 4MiB
VFIO_IOMMU_MAP_DMA(container, ram, 0x10_1000, 4KiB) fails EEXIST
container.close()`,
    raises: ["EINVAL", "EOVERFLOW", "EEXIST", "ENOSPC", "ENOMEM", "EFAULT", "ENOENT"],
    context: "sleeps",
    run(context, [container, vaddr, iova, sizeBytes, flags]) {
      chargePages(context, container.process, vaddr, sizeBytes);
      refusePeerMemory(context, container.process, vaddr, sizeBytes);
      const error = container.mapDma(iova, vaddr, sizeBytes, flags);
      return raiseRefusal(container, "vfio.map_dma", error);
    },
  }),
  builtin({
    name: "VFIO_IOMMU_UNMAP_DMA",
    parameters: [
      CONTAINER,
      optional(param.dma("iova", "The first address of the range. Default 0."), 0 as never),
      optional(param.size("size", "How many bytes, a multiple of 4 KiB. Default 0B."), 0),
      named(
        param.of(
          "flags",
          ["word", "list", "int"],
          "all, for every area, with iova and size 0; vaddr only takes back the address of the " +
            "memory. Default: none.",
          flagsOf(UNMAP_WORDS),
        ),
        0,
      ),
    ],
    result: "size",
    doc:
      "Unmaps and unpins all areas in a range, and returns their bytes: 0B if there is none. An " +
      "area that the range cuts is EINVAL, and nothing is unmapped.",
    example: `${CONTAINER_MEMORY}VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 2MiB)
VFIO_IOMMU_UNMAP_DMA(container, 0x10_0000, 1MiB) fails EINVAL
assert VFIO_IOMMU_UNMAP_DMA(container, 0, 1GiB) == 2MiB
assert VFIO_IOMMU_UNMAP_DMA(container, flags: all) == 0B
container.close()`,
    raises: ["EINVAL", "EOVERFLOW"],
    context: "sleeps",
    run(_run, [container, iova, sizeBytes, flags]) {
      if ((flags & GET_DIRTY_BITMAP) !== 0) {
        throw new ValueError("Dirty bitmaps of containers are not modelled in scenarios");
      }
      const unmapped = container.unmapDma(iova, sizeBytes, flags);
      raiseRefusal(container, "vfio.unmap_dma", unmapped);
      return unmapped;
    },
  }),
  builtin({
    name: "VFIO_IOMMU_GET_INFO",
    pure: true,
    parameters: [CONTAINER],
    result: { iova_pgsizes: ["size"], iova_ranges: [{ start: "dma", end: "dma" }], avail: "int" },
    doc:
      "What the container can do: { iova_pgsizes, iova_ranges, avail }: the IOMMU's page sizes, " +
      "the ranges of addresses that may be mapped with their last addresses, and how many areas " +
      "may still be mapped.",
    example: `${CONTAINER_MACHINE}let info = VFIO_IOMMU_GET_INFO(container)
assert info.iova_ranges[0] == { start: 0 as dma, end: 0xfedf_ffff as dma }
assert info.avail == 65535
container.close()`,
    run: (_run, [container]) => ({
      iova_pgsizes: container.pageSizesBytes,
      iova_ranges: container.ranges,
      avail: container.availableEntries,
    }),
  }),
];
