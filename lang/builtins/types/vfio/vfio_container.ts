/** Containers of VFIO: the memory that a process maps for the devices of an IOMMU group. */
import { addressOf, type MappedArea, type VfioContainer } from "@dmalab/devices/vfio_container";
import { type MachineEvent, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { pairLines, tableLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { ValueError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { param } from "../../describe/parameters.ts";
import { DEVICE } from "../device.ts";
import { fieldsOf } from "../../describe/fields.ts";
import type { PlainOf } from "../../describe/form.ts";
import { MM } from "../rdma/mm.ts";
import { decisionList } from "../../explain/decision_list.ts";

/** Limit of the areas that a picture shows; the rest is only counted. */
const DISPLAYED_AREAS = 16;
/** Memory charged for each area in a list. */
const ITEM_BYTES = 512;

/** The machine of the examples: a device without a driver behind an IOMMU, and a process. */
export const CONTAINER_MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint gpu { driver = none } } }
}
let qemu = address_space(memlock: 16MiB)
let container = vfio_container(qemu, gpu)
`;
/** The same with memory of the process. */
export const CONTAINER_MEMORY = `${CONTAINER_MACHINE}let ram = qemu.mmap(4MiB, huge: true)\n`;

/** Two devices in groups of their own, and a container without a group. */
export const TWO_GROUPS_EMPTY = `machine {
  iommu { mode = strict }
  pci {
    root_port rp0 { endpoint gpu { driver = none } }
    root_port rp1 { endpoint nic { driver = none } }
  }
}
let qemu = address_space(memlock: 16MiB)
let container = vfio_container(qemu)
`;
/** The same with the first group and an IOMMU. */
export const TWO_GROUPS = `${TWO_GROUPS_EMPTY}VFIO_GROUP_SET_CONTAINER(container, gpu)
VFIO_SET_IOMMU(container)
`;
/** The same with memory of the process. */
export const TWO_GROUPS_MEMORY = `${TWO_GROUPS}let ram = qemu.mmap(4MiB, huge: true)\n`;

/** Its calls for areas; their events have its device. */
const AREA_CALLS: ReadonlySet<string> = new Set([
  ...["vfio.map_dma", "vfio.unmap_dma", "vfio.dirty_pages"],
]);

const AREA = {
  iova: "dma",
  vaddr: "virt",
  size: "size",
  read: "bool",
  write: "bool",
  locked: "size",
} as const;

function plainArea(area: MappedArea): PlainOf<typeof AREA> {
  return {
    iova: addressOf(area.startPage),
    vaddr: area.isAddressless ? null : area.virtPage * PAGE_SIZE_BYTES,
    size: area.pages * PAGE_SIZE_BYTES,
    read: area.readable,
    write: area.writable,
    locked: area.lockedPages * PAGE_SIZE_BYTES,
  };
}

/** The container of a call. Raises when it was closed, or ended with its process. */
export function usableContainer(container: VfioContainer): VfioContainer {
  if (container.isOpen) return container;
  throw new ValueError(
    container.process.alive
      ? "The container is closed"
      : "The container was closed when its process ended",
    "open another one with vfio_container()",
  );
}

function mappedBytes(container: VfioContainer): number {
  let pages = 0;
  for (const area of container.areas) pages += area.pages;
  return pages * PAGE_SIZE_BYTES;
}

function formatContainer(container: VfioContainer): string {
  const of = container.deviceNames.join(", ") || "no group";
  if (!container.isOpen) return `vfio container of ${of}, closed`;
  return `vfio container of ${of}, ${formatCount(container.areaCount, "area")}, ${
    formatSize(mappedBytes(container))
  } mapped`;
}

function areaRows(container: VfioContainer): string[][] {
  const rows: string[][] = [];
  for (const area of container.areas) {
    if (rows.length === DISPLAYED_AREAS) {
      rows.push(["…", `${container.areaCount - DISPLAYED_AREAS} more`]);
      break;
    }
    const { isAddressless, lockedPages, pages, readable, startPage, virtPage, writable } = area;
    rows.push([
      formatAddress(addressOf(startPage)),
      formatSize(pages * PAGE_SIZE_BYTES),
      isAddressless ? "taken back" : formatAddress(virtPage * PAGE_SIZE_BYTES),
      [...readable ? ["read"] : [], ...writable ? ["write"] : []].join(", "),
      formatSize(lockedPages * PAGE_SIZE_BYTES),
    ]);
  }
  return rows;
}

function showContainer(container: VfioContainer): string[] {
  if (!container.isOpen) return [formatContainer(container)];
  const { process } = container;
  const limit = process.maySurpassLimit ? "no limit counts" : formatSize(process.memlockBytes);
  return [
    formatContainer(container),
    ...pairLines([
      ["locked", `${formatSize(process.lockedPages * PAGE_SIZE_BYTES)} of ${limit}`],
      ["entries", `${container.availableEntries} of ${container.dmaEntryLimit} left`],
      ["tables", formatCount(container.tablePages, "page")],
    ]),
    ...container.areaCount === 0
      ? []
      : tableLines(["IOVA", "size", "in the process", "may", "locked"], areaRows(container)),
  ];
}

function explainContainer(container: VfioContainer, context: ExecutionContext): string[] {
  const isMine = ({ device, name, seq, why }: MachineEvent) =>
    container.isOwn(seq) ||
    (why !== null && AREA_CALLS.has(name) && device === container.deviceName &&
      seq >= container.firstSeq && seq <= container.lastSeq);
  return [
    formatContainer(container),
    ...decisionList(context.recorder.events.filter(isMine), context.columns),
  ];
}

const method = methodsOf<VfioContainer>();

export const VFIO_CONTAINER: HandleType<VfioContainer> = {
  name: "vfio_container",
  doc: "A container of VFIO (type 1, version 2): a process owns IOMMU groups and maps its own " +
    "memory for the groups' devices.",
  fields: fieldsOf<VfioContainer>((f) => ({
    open: f.bool("It is open.", ({ isOpen }) => isOpen),
    devices: f.list("string", "The devices of its groups.", ({ deviceNames }) => deviceNames),
    process: f.of(MM, "The process that opened it.", ({ process }) => process),
    areas: f.list(
      AREA,
      "The mapped areas, by their addresses: { iova, vaddr, size, read, write, locked }; vaddr is " +
        "none while it is taken back.",
      (container, context) => {
        context.chargeMemory(ITEM_BYTES * container.areaCount);
        return [...container.areas].map(plainArea);
      },
    ),
    mapped: f.size("Bytes of its areas.", mappedBytes),
    dirty: f.list(
      { iova: "dma", size: "size" },
      "What the last bitmap of dirty pages had: { iova, size }, by their addresses.",
      ({ dirtyRanges }) =>
        dirtyRanges.map(({ iova, pages }) => ({ iova, size: pages * PAGE_SIZE_BYTES })),
    ),
    tables: f.int(
      "How many pages the IOMMU's tables take for its devices, the top one included; 0 when closed.",
      ({ isOpen, tablePages }) => isOpen ? tablePages : 0,
    ),
  })),
  methods: [
    method({
      name: "close",
      doc: "Closes every file of it: its own, those of its groups, and those of devices that " +
        "VFIO_GROUP_GET_DEVICE_FD opened. So all areas are unmapped and unpinned, and the kernel owns " +
        "its groups again. The end of the process does the same.",
      example: `${CONTAINER_MEMORY}VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 4MiB)
container.close()
assert qemu.locked == 0B and qemu.pinned == 0`,
      run: (_run, container) => usableContainer(container).close(),
    }),
    method({
      name: "close_device",
      parameters: [param.handle("device", DEVICE, "The device.")],
      doc: "Closes the file of a device that VFIO_GROUP_GET_DEVICE_FD opened.",
      example: `${TWO_GROUPS}VFIO_GROUP_GET_DEVICE_FD(container, gpu)
container.close_device(gpu)
container.close()`,
      run(_run, container, [{ dma, name }]) {
        if (usableContainer(container).closeDevice(dma)) return;
        throw new ValueError(
          `No file of ${name} is open in the container`,
          "VFIO_GROUP_GET_DEVICE_FD opens one",
        );
      },
    }),
  ],
  format: formatContainer,
  show: showContainer,
  explain: explainContainer,
};
