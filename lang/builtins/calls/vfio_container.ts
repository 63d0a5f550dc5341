/** Calls of a process to VFIO: its memory, mapped for the devices of an IOMMU group. */
import {
  bitmapBytesOf,
  DIRTY_PAGES_FLAG,
  MAP_FLAG,
  UNMAP_FLAG,
  VfioContainer,
} from "@dmalab/devices/vfio_container";
import {
  type AddressSpace,
  alignUp,
  type DmaAddr,
  ERRNO,
  errnoName,
  KernelError,
  PAGE_SIZE_BYTES,
  type VirtAddr,
} from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { ListValue, type Value } from "../../values/value.ts";
import { failure, raiseErrno, toWord } from "../arguments.ts";
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
  TWO_GROUPS,
  TWO_GROUPS_EMPTY,
  TWO_GROUPS_MEMORY,
  usableContainer,
  VFIO_CONTAINER,
} from "../types/vfio/vfio_container.ts";

/** `dma_entry_limit` of the kernel's module. */
const USUAL_ENTRIES = 65_535;
/** Memory charged for a page that is faulted in. */
const PAGE_CHARGE_BYTES = 128;
/** Limit of the flags that a call can have. */
const FLAG_LIMIT = 2 ** 31 - 1;
const { GET_DIRTY_BITMAP } = UNMAP_FLAG;
/** Flags of `VFIO_IOMMU_DIRTY_PAGES`. */
const DIRTY_WORDS = { ...DIRTY_PAGES_FLAG, GET_BITMAP: 4 };
/** Memory charged for a run of pages in a bitmap. */
const DIRTY_RUN_BYTES = 64;

const CONTAINER = param.of(
  "container",
  `@${VFIO_CONTAINER.name}`,
  "The result of vfio_container().",
  (value) => usableContainer((value as { readonly target: VfioContainer }).target),
);

const GROUP_DEVICE = param.handle("device", DEVICE, "Any device of the group.");

/** Parameters of a bitmap of dirty pages. */
const BITMAP = [
  named(
    param.size(
      "bitmap_size",
      "Bytes of the bitmap. Default: as many as the range needs, in words of 8 bytes.",
    ),
  ),
  named(
    param.size("bitmap_page", "Bytes for each bit of the bitmap. Default 4KiB."),
    PAGE_SIZE_BYTES,
  ),
] as const;

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

/** The calls with an event that says which check refused them. */
const CALL_OF = {
  "vfio.map_dma": "VFIO_IOMMU_MAP_DMA",
  "vfio.unmap_dma": "VFIO_IOMMU_UNMAP_DMA",
  "vfio.dirty_pages": "VFIO_IOMMU_DIRTY_PAGES",
} as const;

/** Raises the errno of a refused call, with the check that refused it. */
function raiseRefusal(container: VfioContainer, event: keyof typeof CALL_OF, result: number): void {
  if (result >= 0) return;
  const error = errnoName(result);
  const at = {
    iova: 0 as DmaAddr,
    virt: 0 as VirtAddr,
    size_bytes: 0,
    unmapped_bytes: 0,
    pages: 0,
  };
  const fields = { ...at, flags: [], locked_bytes: 0, error };
  const reason = explainByText(TEXTS[event]!, new EventFacts(event, fields, container.why));
  throw new KernelError(error, `${CALL_OF[event]} is refused: ${reason!.why}`);
}

/** Charges memory for the bits that a bitmap may get: at most a run for every other page. */
function chargeBitmap(context: ExecutionContext, container: VfioContainer): void {
  context.chargeMemory(DIRTY_RUN_BYTES * container.areaCount);
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
      optional(
        param.handle(
          "device",
          DEVICE,
          "Any device of the IOMMU group that it gets. Without one it is empty.",
        ),
      ),
      named(
        param.int("dma_entry_limit", "Areas that it may have. Default 65535.", 0, 2 ** 32 - 1),
        USUAL_ENTRIES,
      ),
    ],
    result: VFIO_CONTAINER,
    doc: "Opens a container; for a device it also adds the device's IOMMU group and selects " +
      "VFIO_TYPE1v2_IOMMU: the group's devices leave their default domain, and reach only what the " +
      "process maps. EPERM while a kernel driver of any of them is bound, EBUSY while another user " +
      "has the group.",
    example: `${CONTAINER_MACHINE}gpu.dma_read(0x10_0000 as dma, 4B) faults not_present
container.close()`,
    raises: ["EPERM", "EBUSY", "EINVAL", "ENODEV"],
    run(context, [process, device, dmaEntryLimit]) {
      const { machine } = context.lab;
      if (!process.alive) throw new ValueError("The process has ended: it opens nothing any more");
      if (machine.config.iommu.mode !== "off" && machine.iommu.granuleBytes !== PAGE_SIZE_BYTES) {
        throw new ValueError("A container maps pages of 4 KiB: leave `iommu.granule` as it is");
      }
      const dev = device === undefined ? {} : { dev: device.dma };
      const opened = VfioContainer.open(machine, { process, ...dev, dmaEntryLimit });
      if (typeof opened !== "number") return opened;
      throw failure(opened, `The group of ${device!.name} cannot be given to a process`);
    },
  }),
  builtin({
    name: "VFIO_GROUP_SET_CONTAINER",
    parameters: [CONTAINER, GROUP_DEVICE],
    doc:
      "Adds the IOMMU group of a device to a container. Once the container has an IOMMU, its devices " +
      "share one domain: the new ones reach what is mapped already, and nothing is pinned or counted " +
      "again. EINVAL if the container has the group, EBUSY while another user has it or the address of " +
      "an area is taken back, EPERM while a kernel driver is bound.",
    example: `${TWO_GROUPS_MEMORY}VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 4MiB)
VFIO_GROUP_SET_CONTAINER(container, nic)
gpu.dma_write(0x10_0000 as dma, bytes"c0 de")
assert nic.dma_read(0x10_0000 as dma, 2B) == bytes"c0 de"
assert qemu.locked == 4MiB
VFIO_GROUP_SET_CONTAINER(container, nic) fails EINVAL
container.close()`,
    raises: ["EINVAL", "EBUSY", "EPERM", "ENODEV"],
    run(_run, [container, { dma: dev, name }]) {
      if (!container.hasCoherenceOf(dev)) {
        throw new ValueError(
          `Cannot add ${name}: coherent and non-coherent devices in one container are not modelled`,
          "give the devices the same `coherent`",
        );
      }
      const isTaken = container.isAddressTaken;
      const result = container.addGroup(dev);
      raiseErrno(
        result,
        result === -ERRNO.EBUSY && isTaken
          ? "VFIO_GROUP_SET_CONTAINER is refused: the address of an area is taken back"
          : `The group of ${name} cannot be added to the container`,
      );
    },
  }),
  builtin({
    name: "VFIO_SET_IOMMU",
    parameters: [CONTAINER],
    doc:
      "Selects VFIO_TYPE1v2_IOMMU: from then on areas can be mapped. EINVAL without a group in " +
      "the container, and if an IOMMU is selected already.",
    example: `${TWO_GROUPS_EMPTY}VFIO_SET_IOMMU(container) fails EINVAL
VFIO_GROUP_SET_CONTAINER(container, gpu)
VFIO_GROUP_SET_CONTAINER(container, nic)
VFIO_SET_IOMMU(container)
assert VFIO_IOMMU_GET_INFO(container).avail == 65535
container.close()`,
    raises: ["EINVAL"],
    run: (_run, [container]) =>
      raiseErrno(
        container.setIommu(),
        container.isSelected ? "The container has an IOMMU" : "The container has no group",
      ),
  }),
  builtin({
    name: "VFIO_GROUP_UNSET_CONTAINER",
    parameters: [CONTAINER, GROUP_DEVICE],
    doc:
      "Takes the IOMMU group of a device out of a container; the kernel owns it again. The areas stay " +
      "while another group is left. With the last one nothing stays mapped, pinned or counted, and no " +
      "IOMMU is selected. EINVAL if the container does not have the group, EBUSY while a file of one " +
      "of its devices is open. The group that was added first leaves last here.",
    example: `${TWO_GROUPS_MEMORY}VFIO_GROUP_SET_CONTAINER(container, nic)
VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 4MiB)
VFIO_GROUP_UNSET_CONTAINER(container, nic)
nic.dma_read(0x10_0000 as dma, 4B) faults not_present
assert qemu.locked == 4MiB
VFIO_GROUP_UNSET_CONTAINER(container, gpu)
assert qemu.locked == 0B
container.close()`,
    raises: ["EINVAL", "EBUSY"],
    context: "sleeps",
    run: (_run, [container, { dma: dev, name }]) => {
      // Tables of a recording know areas by the device that the events of their container have.
      if (container.isFirstOfSeveral(dev)) {
        throw new ValueError(
          `Cannot take out the group of ${name}: that the first group leaves before others is not modelled`,
          "take out the groups that were added later, or add this one later",
        );
      }
      const error = container.removeGroup(dev);
      raiseErrno(
        error,
        error === -ERRNO.EBUSY
          ? `A file of a device of ${name}'s group is open`
          : `The container does not have the group of ${name}`,
      );
    },
  }),
  builtin({
    name: "VFIO_GROUP_GET_DEVICE_FD",
    parameters: [CONTAINER, GROUP_DEVICE],
    doc: "Opens the file of a device: while it is open, the device's group cannot leave the " +
      "container. EINVAL before VFIO_SET_IOMMU, and if the container does not have the group.",
    example: `${TWO_GROUPS}VFIO_GROUP_GET_DEVICE_FD(container, gpu)
VFIO_GROUP_UNSET_CONTAINER(container, gpu) fails EBUSY
container.close_device(gpu)
VFIO_GROUP_UNSET_CONTAINER(container, gpu)
container.close()`,
    raises: ["EINVAL"],
    run: (_run, [container, { dma: dev, name }]) =>
      raiseErrno(
        container.openDevice(dev),
        container.isSelected
          ? `The container does not have the group of ${name}`
          : "No IOMMU is selected",
      ),
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
            "memory; get_dirty_bitmap reports the pages that devices may have written. Default: none.",
          flagsOf(UNMAP_FLAG),
        ),
        0,
      ),
      ...BITMAP,
    ],
    result: "size",
    doc:
      "Unmaps and unpins all areas in a range, and returns their bytes: 0B if there is none. An " +
      "area that the range cuts is EINVAL, and nothing is unmapped. With get_dirty_bitmap the pages " +
      "that devices may have written are in `container.dirty` afterwards.",
    example: `${CONTAINER_MEMORY}VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 2MiB)
VFIO_IOMMU_UNMAP_DMA(container, 0x10_0000, 1MiB) fails EINVAL
assert VFIO_IOMMU_UNMAP_DMA(container, 0, 1GiB) == 2MiB
assert VFIO_IOMMU_UNMAP_DMA(container, flags: all) == 0B
container.close()`,
    raises: ["EINVAL", "EOVERFLOW"],
    context: "sleeps",
    run(context, [container, iova, sizeBytes, flags, bitmapBytes, pageSizeBytes]) {
      if ((flags & GET_DIRTY_BITMAP) !== 0) chargeBitmap(context, container);
      const room = bitmapBytes ?? bitmapBytesOf(sizeBytes);
      const unmapped = container.unmapDma(iova, sizeBytes, flags, room, pageSizeBytes);
      raiseRefusal(container, "vfio.unmap_dma", unmapped);
      return unmapped;
    },
  }),
  builtin({
    name: "VFIO_IOMMU_DIRTY_PAGES",
    parameters: [
      CONTAINER,
      param.of(
        "flags",
        ["word", "list", "int"],
        "start or stop, for the log of pages that devices may write; get_bitmap, for its pages in a " +
          "range. Or the bits as a number.",
        flagsOf(DIRTY_WORDS),
      ),
      optional(
        param.dma("iova", "The first address of the bitmap's range. Default 0."),
        0 as never,
      ),
      optional(param.size("size", "Bytes of the range, a multiple of 4 KiB. Default 0B."), 0),
      ...BITMAP,
    ],
    doc:
      "Starts or stops the log of pages that devices may have written, or asks for the pages of a range, " +
      "which are in `container.dirty` afterwards. IOMMUs do not say what was written: all mapped pages " +
      "are dirty, also those that devices may only read. EINVAL for a bitmap without a log, of another " +
      "page size than 4 KiB, without a bit for each page, or of a range that cuts an area.",
    example: `${CONTAINER_MEMORY}VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 16KiB)
VFIO_IOMMU_DIRTY_PAGES(container, get_bitmap, 0x10_0000, 16KiB) fails EINVAL
VFIO_IOMMU_DIRTY_PAGES(container, start)
VFIO_IOMMU_DIRTY_PAGES(container, get_bitmap, iova: 0x10_0000, size: 1MiB)
assert container.dirty == [{ iova: 0x10_0000 as dma, size: 16KiB }]
VFIO_IOMMU_UNMAP_DMA(container, 0x10_0000, 16KiB, flags: get_dirty_bitmap)
assert container.dirty == [{ iova: 0x10_0000 as dma, size: 16KiB }]
VFIO_IOMMU_DIRTY_PAGES(container, stop)
container.close()`,
    raises: ["EINVAL", "EOVERFLOW"],
    run(context, [container, flags, iova, sizeBytes, bitmapBytes, pageSizeBytes]) {
      chargeBitmap(context, container);
      const room = bitmapBytes ?? bitmapBytesOf(sizeBytes);
      const range = { iova, sizeBytes, bitmapBytes: room, pageSizeBytes };
      raiseRefusal(container, "vfio.dirty_pages", container.dirtyPages(flags, range));
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
      "may still be mapped. EINVAL before VFIO_SET_IOMMU.",
    example: `${CONTAINER_MACHINE}let info = VFIO_IOMMU_GET_INFO(container)
assert info.iova_ranges[0] == { start: 0 as dma, end: 0xfedf_ffff as dma }
assert info.avail == 65535
container.close()`,
    raises: ["EINVAL"],
    run(_run, [container]) {
      raiseErrno(container.isSelected ? 0 : -ERRNO.EINVAL, "No IOMMU is selected");
      return {
        iova_pgsizes: container.pageSizesBytes,
        iova_ranges: container.ranges,
        avail: container.availableEntries,
      };
    },
  }),
];
