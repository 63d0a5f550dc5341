import { assertEquals } from "@std/assert";
import { runScript } from "../testing/run_script.ts";
import { FUNCTIONS, TYPES } from "./mod.ts";

const STRICT = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}
let state = iova_state()
`;
const RANGE = `${STRICT}assert dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 64KiB)\n`;
const UNTRUSTED = RANGE.replace("nvme ssd { }", "nvme ssd { untrusted = true }")
  .replace("iommu {", "swiotlb { size = 0B }\n  iommu {");
const DIRECT = `machine {
  ram { size = 8GiB }
  swiotlb { size = 0B }
  pci { root_port rp0 { nvme ssd { dma_mask_bits = 32 } } }
}
let state = iova_state()
`;
/**
 * A device that cannot reach a buffer above 4 GiB. The machine has no pool, so the buffer cannot be
 * bounced.
 */
const UNREACHABLE = `${DIRECT}let far = buffer(segments: [{ phys: 0x1_4000_0000, size: 4KiB }])\n`;
/** Memory of a device behind another root port. The host bridge is on no allow-list. */
const PEER = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } root_port rp1 { endpoint gpu { p2pmem = 2MiB } } }
}
let peer = pci_alloc_p2pmem(gpu, 4KiB)
`;
const NO_P2PDMA = `machine {
  pci_p2pdma = false
  pci { root_port rp0 { endpoint gpu { bar = 2MiB } } }
}
`;
/** A process that has a container of VFIO, with two pages mapped at 1 MiB. */
const CONTAINER = `machine {
  ram { size = 64MiB }
  iommu { mode = strict }
  pci {
    root_port rp0 { endpoint gpu { driver = none } }
    root_port rp1 { endpoint nic { } }
    root_port rp2 { endpoint usb { driver = none, direct_regions = [0x300_0000..0x301_0000] } }
  }
}
let qemu = address_space(memlock: 16KiB)
let ram = qemu.mmap(64MiB)
let container = vfio_container(qemu, gpu, dma_entry_limit: 2)
VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 8KiB)
`;
const MAPS = `${CONTAINER}VFIO_IOMMU_MAP_DMA(container, `;
/** A process with two pages of memory, of which the first may only be read. */
const PROCESS = `let mm = address_space()
let at = mm.mmap(4KiB, at: 0x7f00_0000_0000, writable: false)
let more = mm.mmap(4KiB)
`;
/** A process, and a map that was allocated before its device needed unmaps. */
const MAPPED = `machine {
  ram { size = 8GiB }
  pci { root_port rp0 { endpoint nic { } } }
}
${PROCESS}let far = buffer(segments: [{ phys: 0x1_4000_0000, size: 4KiB }])
let map = hmm_dma_map_alloc(nic, 2)
hmm_range_fault(mm, map, at, 1)
hmm_dma_map_pfn(nic, map, 0)
dma_set_mask(nic, 32)
let bounced = dma_map_phys(nic, far, 4KiB, to_device)
`;
/**
 * A function that can be migrated, with 64 KiB of state, and buffers for reading and for writing
 * that state.
 */
const MIGRATING = `machine {
  ram { size = 64MiB }
  swiotlb { size = 0B }
  iommu { mode = strict }
  pci { root_port rp0 { vfio vf { } } }
}
let into = vf.alloc_buffer(16, from_device)
let from = vf.alloc_buffer(16, to_device)
`;
/** A memory region of the two pages of `PROCESS`, on a machine with a translated device. */
const RDMA = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { rdma nic { } } }
}
${PROCESS}`;
const REGION = `${RDMA}let mr = nic.reg_mr(mm, more, 4KiB)\nmm.touch(at, 1B)\n`;
/** A region of the read-only page on the machine of `RDMA`; the device is to write to the region. */
const DENIED = `${RDMA}let mr = nic.reg_mr(mm, at, 4KiB)\nmm.touch(more, 1B)\n`;
/**
 * A NIC to which the memory of a GPU is attached. The host bridge decides whether there is a path to
 * that memory.
 */
const shared = (bridge: string, kernel = "7.2.12", model = "vtd") =>
  `machine {
  kernel = "${kernel}"
  iommu { mode = strict, model = ${model} }
  pci { host_bridge h0 {
    whitelisted = ${bridge}
    root_port rp0 { endpoint nic { } }
    root_port rp1 { endpoint gpu { bar = 1MiB } }
  } }
}
let memory = gpu.export(ranges: [0B..8KiB, 64KiB..68KiB])
`;
const ATTACHED = "let attached = nic.attach(memory)\n";
const LINK = "dma_iova_link(ssd, state, phys: 0x10_0000, offset: 0, size: 4KiB, dir: to_device";

/** The same script on the release that reports why a page is missing (v7.3.md 5.4). */
const on7_3 = (script: string) => script.replace("machine {", 'machine {\n  kernel = "7.3-rc7"');

/**
 * For each call and each error, a script in which the call raises the error. The call is written
 * `CALL fails ERRNO`.
 */
const RAISED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dma_iova_link: {
    EIO: `${RANGE}dma_iova_link(ssd, state, 0x20_0800, 4KiB, 4KiB, to_device) fails EIO
      dma_iova_free(ssd, state)`,
    ENXIO: `${RANGE}dma_iova_link(ssd, state, 0x10_0000, 0, 2KiB, to_device)
      dma_iova_link(ssd, state, 0x20_0000, 2KiB, 4KiB, to_device) fails ENXIO
      dma_iova_destroy(ssd, state, 2KiB, to_device)`,
    EINVAL: `${RANGE}dma_iova_link(ssd, state, 0x10_0000, 0, 0, to_device) fails EINVAL
      dma_iova_free(ssd, state)`,
    EADDRINUSE: `${RANGE}${LINK})
      ${LINK}) fails EADDRINUSE
      dma_iova_destroy(ssd, state, 4KiB, to_device)`,
    ENOMEM: `${UNTRUSTED}dma_iova_link(ssd, state, 0x10_0000, 0, 2KiB, to_device) fails ENOMEM
      dma_iova_free(ssd, state)`,
    EPERM: `${UNTRUSTED}dma_iova_link(ssd, state, 0x10_0000, 0, 2KiB, to_device, mmio) fails EPERM
      dma_iova_free(ssd, state)`,
    EOPNOTSUPP: `${RANGE.replace("nvme ssd { }", "nvme ssd { coherent = false }")}
      ${LINK}, attrs: require_coherent) fails EOPNOTSUPP
      dma_iova_free(ssd, state)`,
    EFAULT: `${DIRECT}${LINK}) fails EFAULT`,
  },
  dma_iova_sync: { EFAULT: `${DIRECT}dma_iova_sync(ssd, state, 0, 4KiB) fails EFAULT` },
  dma_iova_unlink: {
    EFAULT: `${DIRECT}dma_iova_unlink(ssd, state, 0, 4KiB, to_device) fails EFAULT`,
  },
  dma_iova_destroy: {
    EFAULT: `${DIRECT}dma_iova_destroy(ssd, state, 4KiB, to_device) fails EFAULT`,
  },
  dma_iova_free: { EFAULT: `${DIRECT}dma_iova_free(ssd, state) fails EFAULT` },
  dma_map_phys: { ENOMEM: `${UNREACHABLE}dma_map_phys(ssd, far, 4KiB, to_device) fails ENOMEM` },
  dma_map_page: { ENOMEM: `${UNREACHABLE}dma_map_page(ssd, far, 0, 4KiB, to_device) fails ENOMEM` },
  dma_map_single: {
    ENOMEM: `${UNREACHABLE}dma_map_single(ssd, far, 4KiB, to_device) fails ENOMEM`,
  },
  dma_map_resource: {
    ENOMEM: `${UNREACHABLE}dma_map_resource(ssd, far.phys, 4KiB, to_device) fails ENOMEM`,
  },
  dma_map_sgtable: {
    ENOMEM: `${STRICT.replace("nvme ssd { }", "nvme ssd { }\n endpoint old { dma_mask_bits = 20 }")}
      dma_map_sgtable(old, scatterlist(alloc_pages(512)), to_device) fails ENOMEM`,
    EIO: `${UNREACHABLE}dma_map_sgtable(ssd, scatterlist(far), to_device) fails EIO`,
    EREMOTEIO: `${PEER}dma_map_sgtable(ssd, scatterlist(peer), to_device) fails EREMOTEIO`,
    EOPNOTSUPP: `${STRICT.replace("nvme ssd { }", "nvme ssd { coherent = false }")}
      dma_map_sgtable(ssd, scatterlist(alloc_pages(1)), to_device, require_coherent)
        fails EOPNOTSUPP`.replace(/\n +fails/, " fails"),
  },
  dma_set_mask: { EIO: `${DIRECT}dma_set_mask(ssd, 8) fails EIO` },
  dma_set_coherent_mask: { EIO: `${DIRECT}dma_set_coherent_mask(ssd, 8) fails EIO` },
  kmalloc: { ENOMEM: `${DIRECT}inject alloc_pages { kmalloc(4KiB) fails ENOMEM }` },
  vmalloc: { ENOMEM: `${DIRECT}inject kvmalloc { vmalloc(4KiB) fails ENOMEM }` },
  kvmalloc: {
    ENOMEM: `${DIRECT}inject alloc_pages { inject kvmalloc { kvmalloc(4KiB) fails ENOMEM } }`,
  },
  dma_alloc_coherent: { ENOMEM: `${DIRECT}dma_alloc_coherent(ssd, 16GiB) fails ENOMEM` },
  dma_alloc_pages: { ENOMEM: `${DIRECT}dma_alloc_pages(ssd, 8MiB, to_device) fails ENOMEM` },
  dma_alloc_noncontiguous: {
    ENOMEM: `${DIRECT}dma_alloc_noncontiguous(ssd, 8MiB, to_device) fails ENOMEM`,
  },
  request: {
    EINVAL: `${STRICT}request(bio(read, into: buffer(size: 512B, offset: 2B))) fails EINVAL`,
  },
  block_request: {
    EINVAL: `${STRICT}block_request(ssd, read, into: alloc_pages(3, contiguous: false),
      max_segments: 2) fails EINVAL`,
  },
  pci_alloc_p2pmem: { ENOMEM: `${STRICT}pci_alloc_p2pmem(ssd, 4KiB) fails ENOMEM` },
  pcim_p2pdma_init: { EOPNOTSUPP: `${NO_P2PDMA}pcim_p2pdma_init(gpu) fails EOPNOTSUPP` },
  pci_p2pdma_add_resource: {
    EINVAL: `${PEER}pci_p2pdma_add_resource(gpu, 0, 64KiB) fails EINVAL`,
    EEXIST: `${PEER}pci_p2pdma_add_resource(gpu, 0, 2MiB) fails EEXIST`,
    EOPNOTSUPP: `${NO_P2PDMA}pci_p2pdma_add_resource(gpu, 0) fails EOPNOTSUPP`,
  },
  pci_p2pdma_enable_store: {
    ENODEV: `${PEER}pci_p2pdma_enable_store("0000:01:00.0") fails ENODEV`,
    EINVAL: `${PEER}pci_p2pdma_enable_store("maybe") fails EINVAL`,
  },
  p2pmem_mmap: {
    EINVAL: `${PEER}p2pmem_mmap(gpu, 4KiB, private: true) fails EINVAL`,
    ENODEV: `${PEER}p2pmem_mmap(ssd, 4KiB) fails ENODEV`,
    ENOMEM: `${PEER}p2pmem_mmap(gpu, 2MiB) fails ENOMEM`,
  },
  alloc_pages: { ENOMEM: `alloc_pages(2_000_000) fails ENOMEM` },
  buffer: { ENOMEM: `buffer(size: 8GiB) fails ENOMEM` },
  "dma_pool.alloc": {
    ENOMEM: `${DIRECT}let pool = dma_pool(ssd, 256B, 256B)
      inject dma_pool_alloc { pool.alloc() fails ENOMEM }`,
  },
  "mm.mlock": {
    EPERM: `${PROCESS}mm.set_memlock(0B)\nmm.mlock(more, 4KiB) fails EPERM\nmm.touch(at, 1B)`,
    ENOMEM:
      `${PROCESS}mm.mlock(more, 8KiB) fails ENOMEM\nassert mm.locked == 4KiB\nmm.touch(at, 1B)`,
  },
  "mm.munlock": {
    ENOMEM: `${PROCESS}mm.munlock(more, 8KiB) fails ENOMEM\nmm.touch(at, 1B)`,
  },
  vfio_container: {
    EPERM: `${CONTAINER}vfio_container(qemu, nic) fails EPERM\ncontainer.close()`,
    EBUSY: `${CONTAINER}vfio_container(qemu, gpu) fails EBUSY\ncontainer.close()`,
    EINVAL: `${CONTAINER}vfio_container(qemu, usb) fails EINVAL\ncontainer.close()`,
    ENODEV:
      `machine { pci { root_port rp0 { endpoint gpu { driver = none } } } }\nvfio_container(address_space(), gpu) fails ENODEV`,
  },
  VFIO_IOMMU_MAP_DMA: {
    EINVAL: `${MAPS}ram, 0x10_0000, 0B) fails EINVAL\ncontainer.close()`,
    EOVERFLOW: `${MAPS}ram, 0xffff_ffff_ffff_f000 as dma, 8KiB) fails EOVERFLOW\ncontainer.close()`,
    EEXIST: `${MAPS}ram, 0x10_1000, 4KiB) fails EEXIST\ncontainer.close()`,
    ENOSPC:
      `${MAPS}ram, 0, 4KiB)\nVFIO_IOMMU_MAP_DMA(container, ram, 0x20_0000, 4KiB) fails ENOSPC\ncontainer.close()`,
    ENOMEM: `${MAPS}ram, 0x20_0000, 12KiB) fails ENOMEM\ncontainer.close()`,
    EFAULT: `${MAPS}0x1000, 0x20_0000, 4KiB) fails EFAULT\ncontainer.close()`,
    ENOENT: `${MAPS}ram, 0x20_0000, 4KiB, flags: vaddr) fails ENOENT\ncontainer.close()`,
  },
  VFIO_IOMMU_UNMAP_DMA: {
    EINVAL:
      `${CONTAINER}VFIO_IOMMU_UNMAP_DMA(container, 0x10_0000, 4KiB) fails EINVAL\ncontainer.close()`,
    EOVERFLOW:
      `${CONTAINER}VFIO_IOMMU_UNMAP_DMA(container, 0xffff_ffff_ffff_f000 as dma, 8KiB) fails EOVERFLOW\ncontainer.close()`,
  },
  VFIO_IOMMU_DIRTY_PAGES: {
    EINVAL:
      `${CONTAINER}VFIO_IOMMU_DIRTY_PAGES(container, get_bitmap, 0x10_0000, 8KiB) fails EINVAL\ncontainer.close()`,
    EOVERFLOW:
      `${CONTAINER}VFIO_IOMMU_DIRTY_PAGES(container, get_bitmap, 0xffff_ffff_ffff_f000 as dma, 8KiB) fails EOVERFLOW\ncontainer.close()`,
  },
  VFIO_IOMMU_GET_INFO: {
    EINVAL: `${CONTAINER}VFIO_IOMMU_GET_INFO(vfio_container(qemu)) fails EINVAL\nqemu.exit()`,
  },
  VFIO_SET_IOMMU: {
    EINVAL: `${CONTAINER}VFIO_SET_IOMMU(container) fails EINVAL\ncontainer.close()`,
  },
  VFIO_GROUP_SET_CONTAINER: {
    EINVAL: `${CONTAINER}VFIO_GROUP_SET_CONTAINER(container, gpu) fails EINVAL\ncontainer.close()`,
    EBUSY:
      `${CONTAINER}VFIO_GROUP_SET_CONTAINER(vfio_container(qemu), gpu) fails EBUSY\nqemu.exit()`,
    EPERM: `${CONTAINER}VFIO_GROUP_SET_CONTAINER(container, nic) fails EPERM\ncontainer.close()`,
    ENODEV:
      `machine { pci { root_port rp0 { endpoint gpu { driver = none } } } }\nVFIO_GROUP_SET_CONTAINER(vfio_container(address_space()), gpu) fails ENODEV`,
  },
  VFIO_GROUP_UNSET_CONTAINER: {
    EINVAL:
      `${CONTAINER}VFIO_GROUP_UNSET_CONTAINER(container, nic) fails EINVAL\ncontainer.close()`,
    EBUSY:
      `${CONTAINER}VFIO_GROUP_GET_DEVICE_FD(container, gpu)\nVFIO_GROUP_UNSET_CONTAINER(container, gpu) fails EBUSY\ncontainer.close()`,
  },
  VFIO_GROUP_GET_DEVICE_FD: {
    EINVAL: `${CONTAINER}VFIO_GROUP_GET_DEVICE_FD(container, nic) fails EINVAL\ncontainer.close()`,
  },
  "mm.mmap": { EEXIST: `${PROCESS}mm.mmap(4KiB, at: at) fails EEXIST\nmm.touch(more, 1B)` },
  "mm.migrate": {
    ENOENT: `${PROCESS}mm.migrate(at) fails ENOENT\nmm.migrate(more) fails ENOENT`,
    ENOMEM: `${PROCESS}mm.touch(more, 1B, write: true)\nmm.touch(at, 1B)
      inject alloc_pages { mm.migrate(more) fails ENOMEM }`,
    EBUSY: `${CONTAINER}qemu.migrate(ram) fails EBUSY\ncontainer.close()`,
  },
  migrate: {
    ENOENT: `${PROCESS}migrate(mm, at) fails ENOENT\nmigrate(mm, more) fails ENOENT`,
    ENOMEM: `${PROCESS}mm.touch(more, 1B, write: true)\nmm.touch(at, 1B)
      inject alloc_pages { migrate(mm, more) fails ENOMEM }`,
    EBUSY: `${CONTAINER}migrate(qemu, ram) fails EBUSY\ncontainer.close()`,
  },
  "mm.remap": { EFAULT: `${PROCESS}mm.remap(at, 8KiB) fails EFAULT\nmm.touch(more, 1B)` },
  "mm.poison": { ENOENT: `${PROCESS}mm.poison(at) fails ENOENT\nmm.touch(more, 1B)` },
  "mm.touch": {
    EFAULT: `${PROCESS}mm.touch(at, 8KiB) fails EFAULT\nmm.touch(more, 1B)`,
    EPERM: `${PROCESS}mm.touch(at, 1B, write: true) fails EPERM\nmm.touch(more, 1B)`,
    ENOMEM: `${PROCESS}mm.touch(at, 1B)
      inject alloc_pages { mm.touch(more, 1B, write: true) fails ENOMEM }`,
  },
  "mm.read": {
    EFAULT: `${PROCESS}mm.read(at, 8KiB) fails EFAULT\nmm.touch(more, 1B)`,
    ENOMEM: `${PROCESS}mm.write(more, bytes"01")\nmm.page_out(more, 4KiB)\nmm.touch(at, 1B)
      inject alloc_pages { mm.read(more, 1B) fails ENOMEM }`,
  },
  "mm.write": {
    EFAULT: `${PROCESS}mm.write(more + 4KiB, bytes"01") fails EFAULT\nmm.touch(at, 1B)`,
    EPERM: `${PROCESS}mm.write(at, bytes"01") fails EPERM\nmm.touch(more, 1B)`,
    ENOMEM: `${PROCESS}mm.touch(at, 1B)
      inject alloc_pages { mm.write(more, bytes"01") fails ENOMEM }`,
  },
  hmm_range_fault: {
    EFAULT: `${MAPPED}hmm_range_fault(mm, map, more, 2) fails EFAULT
      dma_unmap_phys(nic, bounced, 4KiB, to_device)`,
    EPERM: `${MAPPED}hmm_range_fault(mm, map, at, 1, write: true) fails EPERM
      mm.touch(more, 1B)\ndma_unmap_phys(nic, bounced, 4KiB, to_device)`,
    ENOMEM: `${on7_3(MAPPED)}
      inject alloc_pages { hmm_range_fault(mm, map, more, 1, write: true) fails ENOMEM }
      dma_unmap_phys(nic, bounced, 4KiB, to_device)`,
  },
  hmm_dma_map_alloc: {
    EOPNOTSUPP: `${MAPPED}hmm_dma_map_alloc(nic, 1) fails EOPNOTSUPP
      mm.touch(more, 1B)\ndma_unmap_phys(nic, bounced, 4KiB, to_device)`,
    ENOMEM: `${STRICT.replace("let state = iova_state()", "")}
      inject hmm_pfn_list.alloc { hmm_dma_map_alloc(ssd, 1) fails ENOMEM }`,
  },
  hmm_dma_map_pfn: {
    ENOMEM: `${MAPPED}hmm_range_fault(mm, map, more, 1, first: 1)
      hmm_dma_map_pfn(nic, map, 1) fails ENOMEM
      dma_unmap_phys(nic, bounced, 4KiB, to_device)`,
    EFAULT: `${MAPPED}hmm_dma_map_pfn(nic, map, 0) fails EFAULT
      mm.touch(more, 1B)\ndma_unmap_phys(nic, bounced, 4KiB, to_device)`,
  },
  hmm_dma_unmap_pfn: {
    EFAULT: `${MAPPED}hmm_dma_unmap_pfn(nic, map, 0) fails EFAULT
      mm.touch(more, 1B)\ndma_unmap_phys(nic, bounced, 4KiB, to_device)`,
  },
  "rdma.reg_mr": {
    EINVAL: `${RDMA}nic.reg_mr(mm, at, 4KiB, odp: false) fails EINVAL\nmm.touch(more, 1B)`,
    EOVERFLOW: `${RDMA}nic.reg_mr(mm, 0x1f_ffff_ffff_f000, 4KiB) fails EOVERFLOW
      mm.touch(more, 1B)\nmm.touch(at, 1B)`,
    EOPNOTSUPP: `${RDMA.replace("rdma nic { }", "rdma nic { coherent = false }")}
      nic.reg_mr(mm, at, 4KiB) fails EOPNOTSUPP\nmm.touch(more, 1B)`,
    ENOMEM: `${RDMA}mm.touch(more, 1B)
      inject mmu_interval_notifier_insert { nic.reg_mr(mm, at, 4KiB) fails ENOMEM }`,
    EFAULT: `${
      RDMA.replace("rdma nic { }", "rdma nic { software = true }")
        .replace("machine {", "machine {\n  quirks = [hmm_without_dma_device]")
    }nic.reg_mr(mm, at, 4KiB) fails EFAULT\nmm.touch(more, 1B)`,
  },
  "rdma.reg_implicit_mr": {
    EINVAL: `${RDMA}nic.reg_implicit_mr(mm, huge: true) fails EINVAL
      mm.touch(more, 1B)\nmm.touch(at, 1B)`,
  },
  "mr.read": {
    EACCES: `${REGION}mr.read(more + 1B, 4KiB) fails EACCES`,
    EFAULT: `${REGION}mm.munmap(more, 4KiB)\n mr.read(more, 1B) fails EFAULT`,
    EPERM: `${DENIED}mr.read(at, 1B) fails EPERM`,
    ENOMEM: `${on7_3(REGION)}inject alloc_pages { mr.read(more, 1B) fails ENOMEM }`,
    EIO:
      `${REGION}inject device.read { expect fault unreachable { expect error EIO { mr.read(more, 1B) } } }`,
    EINVAL: `${REGION}mm.exit()\n mr.read(more, 1B) fails EINVAL`,
  },
  "mr.write": {
    EACCES: `${REGION}mr.write(more + 1B, buffer(size: 4KiB).bytes) fails EACCES`,
    EFAULT: `${REGION}mm.munmap(more, 4KiB)\n mr.write(more, bytes"01") fails EFAULT`,
    EPERM: `${DENIED}mr.write(at, bytes"01") fails EPERM`,
    ENOMEM: `${on7_3(REGION)}inject alloc_pages { mr.write(more, bytes"01") fails ENOMEM }`,
    EIO:
      `${REGION}inject device.write { expect fault unreachable { expect error EIO { mr.write(more, bytes"01") } } }`,
    EINVAL: `${REGION}mm.exit()\n mr.write(more, bytes"01") fails EINVAL`,
  },
  "mr.prefetch": {
    EFAULT: `${REGION}mr.prefetch(more + 4KiB, 1B) fails EFAULT`,
    EINVAL: `${REGION}mm.exit()\n mr.prefetch(more, 1B) fails EINVAL`,
    EBUSY: `${REGION}mmu_notifier_invalidate_range_start(mm, more, 4KiB)
      mr.prefetch(more, 1B) fails EBUSY`,
    EPERM: `${DENIED}mr.prefetch(at, 1B) fails EPERM`,
    ENOMEM: `${on7_3(REGION)}inject alloc_pages { mr.prefetch(more, 1B) fails ENOMEM }`,
  },
  "mr.page_fault": {
    EFAULT: `${RDMA}let all = nic.reg_implicit_mr(mm)\nmm.touch(at, 1B)
      mm.exit()\n all.page_fault(more, 1B) fails EFAULT`,
  },
  "mr.dereg": {
    ETIMEDOUT: `${REGION.replace("machine {", "machine {\n  quirks = [odp_populate_error_exit]")}
      inject dma_iova_link { mr.prefetch(more, 1B) fails EFAULT }
      mr.dereg() fails ETIMEDOUT`,
  },
  "page_fault.read_begin": {
    EFAULT: `${REGION}let pf = mr.page_fault(more + 4KiB, 1B)\n pf.read_begin() fails EFAULT`,
    EINVAL: `${REGION}let pf = mr.page_fault(more, 1B)\n mm.exit()\n pf.read_begin() fails EINVAL`,
  },
  "page_fault.range_fault": {
    EFAULT: `${REGION}let pf = mr.page_fault(more, 1B)\n mm.munmap(more, 4KiB)\n pf.read_begin()
      pf.range_fault() fails EFAULT`,
    EPERM:
      `${DENIED}let pf = mr.page_fault(at, 1B)\n pf.read_begin()\n pf.range_fault() fails EPERM`,
    ENOMEM: `${on7_3(REGION)}let pf = mr.page_fault(more, 1B)\n pf.read_begin()
      inject alloc_pages { pf.range_fault() fails ENOMEM }`,
  },
  "page_fault.map": {
    EFAULT: `${REGION}let pf = mr.page_fault(more, 1B)\n pf.read_begin()\n assert pf.range_fault()
      inject dma_iova_link { pf.map() fails EFAULT }`,
    EINVAL: `${RDMA}mm.touch(at, 1B)\nmm.touch(more, 1B)
      let big = mm.mmap(2MiB)
      mm.touch(big, 2MiB, write: true)
      let mr = nic.reg_mr(mm, big, 2MiB, huge: true)
      let pf = mr.page_fault(big, 1B)\n pf.read_begin()\n assert pf.range_fault()
      pf.map() fails EINVAL`,
  },
  "mm.discard": {
    EAGAIN: `${REGION}mm.discard(more, 4KiB, blockable: false) fails EAGAIN\nmr.dereg()`,
    EINVAL: `${PROCESS}mm.mlock(more, 4KiB)\nmm.discard(more, 4KiB) fails EINVAL\nmm.touch(at, 1B)`,
  },
  "iommu.claim": {
    EPERM: `${STRICT}iommu.claim(ssd) fails EPERM`,
    ENODEV: `${DIRECT}iommu.claim(ssd) fails ENODEV`,
  },
  "iommu.set_mode": {
    EPERM: `${STRICT}iommu.set_mode(ssd, passthrough) fails EPERM`,
    EINVAL: `${STRICT}iommu.set_mode(ssd, off) fails EINVAL`,
    EACCES: `${STRICT}iommu.set_mode(ssd, lazy, privileged: false) fails EACCES`,
    ENODEV: `${DIRECT}iommu.set_mode(ssd, lazy) fails ENODEV`,
  },
  "endpoint.export": {
    EOPNOTSUPP: `${NO_P2PDMA}gpu.export(ranges: [0B..4KiB]) fails EOPNOTSUPP`,
  },
  "device.attach": {
    ENODEV: `${shared("true")}gpu.revoke(memory)
      nic.attach(memory) fails ENODEV`,
  },
  "dma_buf_attachment.map": {
    EINVAL: `${shared("false")}${ATTACHED}attached.map(to_device) fails EINVAL`,
    ENODEV: `${shared("true")}${ATTACHED}gpu.revoke(memory)
      attached.map(to_device) fails ENODEV`,
    EADDRINUSE: `${shared("true", "7.3.4")}${ATTACHED}expect warning link_overlap {
        attached.map(to_device) fails EADDRINUSE
      }`,
    EEXIST: `${shared("true", "7.3.4", "smmu")}${ATTACHED}attached.map(to_device) fails EEXIST`,
    ENOMEM: `${shared("true")}${ATTACHED}inject page_table.alloc {
        attached.map(to_device) fails ENOMEM
      }`,
    EIO: `${shared("true")}${ATTACHED}inject dma_iova_sync { attached.map(to_device) fails EIO }`,
  },
  "nvme.read": {
    EIO: `${STRICT}ssd.read(lba: 4_294_967_296, into: alloc_pages(1)) fails EIO`,
    EINVAL: `${STRICT}ssd.read(into: buffer(size: 512B, offset: 2B)) fails EINVAL`,
    ENOMEM: `${UNREACHABLE}ssd.read(into: far) fails ENOMEM`,
  },
  "nvme.write": {
    EIO: `${STRICT}ssd.write(lba: 4_294_967_296, from: alloc_pages(1)) fails EIO`,
    EINVAL: `${STRICT}ssd.write(from: buffer(size: 512B, offset: 2B)) fails EINVAL`,
    ENOMEM: `${UNREACHABLE}ssd.write(from: far) fails ENOMEM`,
  },
  "nvme.reset": {
    ENODEV: `${STRICT}ssd.remove()
      ssd.reset() fails ENODEV`,
    EIO: `${STRICT}inject device.answer { ssd.reset() fails EIO }`,
  },
  "nvme.remove": {
    ENODEV: `${STRICT}ssd.remove()
      ssd.remove() fails ENODEV`,
  },
  "vfio.alloc_buffer": newBuffer("vf.alloc_buffer("),
  "vfio.get_buffer": newBuffer("vf.get_buffer("),
  vfio_dma_pages: newBuffer("vfio_dma_pages(vf, "),
  "vfio.save": {
    EIO: `${MIGRATING}vf.save(from) fails EIO`,
    EINVAL: `${MIGRATING}vf.save(vf.alloc_buffer(16, none)) fails EINVAL`,
    ENOSPC: `${MIGRATING}vf.save(vf.alloc_buffer(15, from_device)) fails ENOSPC`,
    ENOTCONN: `${MIGRATING}vf.detach()
      vf.save(into) fails ENOTCONN`,
  },
  "vfio.load": {
    EIO: `${MIGRATING}inject device.read { vf.load(from) fails EIO }`,
    EINVAL: `${MIGRATING}vf.load(from, 128KiB) fails EINVAL`,
    ENOTCONN: `${MIGRATING}vf.detach()
      vf.load(from) fails ENOTCONN`,
  },
  "vfio.track": {
    EBUSY: `${MIGRATING}vf.track(0, 1MiB)
      vf.track(0, 1MiB) fails EBUSY`,
    ENOMEM: `${MIGRATING}inject kvmalloc { vf.track(0, 1MiB) fails ENOMEM }`,
    ENOTCONN: `${MIGRATING}vf.detach()
      vf.track(0, 1MiB) fails ENOTCONN`,
    EIO: `${MIGRATING}inject vfio.key { vf.track(0, 1MiB) fails EIO }`,
    EFAULT: `${MIGRATING}vf.track(0, 1MiB, pages: 20_000) fails EFAULT`,
  },
  "vfio_buffer.map": {
    EINVAL: `${MIGRATING}into.map() fails EINVAL`,
    ENOTCONN: `${MIGRATING}vf.detach()
      into.map() fails ENOTCONN`,
  },
  "dirty_tracker.report": {
    EIO: `${MIGRATING}let tracker = vf.track(0, 1MiB)
      vf.detach()
      vf.attach()
      tracker.report() fails EIO`,
    ENOTCONN: `${MIGRATING}let tracker = vf.track(0, 1MiB)
      vf.detach()
      tracker.report() fails ENOTCONN`,
  },
  "nvme.write_zeroes": {
    EIO: `${STRICT}ssd.write_zeroes(lba: 4_294_967_296, bytes: 4KiB) fails EIO`,
    EINVAL: `${STRICT}ssd.write_zeroes(bytes: 100B) fails EINVAL`,
  },
  "nvme.discard": {
    EIO: `${STRICT}ssd.discard(lba: 4_294_967_296, bytes: 4KiB) fails EIO`,
    EINVAL: `${STRICT}ssd.discard(bytes: 100B) fails EINVAL`,
  },
};

/** Errors of the methods that return a migration buffer. */
function newBuffer(call: string): Readonly<Record<string, string>> {
  return {
    ENOMEM: `${MIGRATING}inject alloc_pages { ${call}4, none) fails ENOMEM }`,
    ENOTCONN: `${MIGRATING}vf.detach()
      ${call}4, from_device) fails ENOTCONN`,
    EINVAL: `${MIGRATING}${call}0, from_device) fails EINVAL`,
    EIO: `${MIGRATING}inject vfio.key { ${call}4, to_device) fails EIO }`,
    EFAULT: `${MIGRATING}${call}20_000, none) fails EFAULT`,
  };
}

/** The errors declared in the entries, as `name ERRNO`. */
function declared(): string[] {
  const functions = [...FUNCTIONS.values()].map((spec) => [spec.name, spec] as const);
  const methods = [...TYPES.values()].flatMap((type) =>
    (type.methods ?? []).map((method) => [`${type.name}.${method.name}`, method] as const)
  );
  return [...functions, ...methods].flatMap(([name, spec]) =>
    (spec.raises ?? []).map((errno) => `${name} ${errno}`)
  );
}

Deno.test("every error that a builtin declares has a script here that raises it", () => {
  const tested = Object.entries(RAISED).flatMap(([name, scripts]) =>
    Object.keys(scripts).map((errno) => `${name} ${errno}`)
  );
  assertEquals(tested.sort(), declared().sort());
});

for (const [name, scripts] of Object.entries(RAISED)) {
  for (const [errno, script] of Object.entries(scripts)) {
    Deno.test(`${name}() raises ${errno}`, () => {
      assertEquals(runScript(script, {}, { lenient: true }).problems, []);
    });
  }
}
