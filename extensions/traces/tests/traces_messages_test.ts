/**
 * Messages with other wordings, with other prefixes and from other devices, and the check's report for
 * each of them.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Fact } from "../kernel_log/log_facts.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";
import { isClean } from "../ledger/check_report.ts";
import { isSure } from "../ledger/traced_mapping.ts";
import { checkedTrace } from "./checked_trace.ts";

type Row = readonly [line: string, kind: string, facts: Readonly<Record<string, Fact>>];

const OVERLAPS = { class: "cacheline_overlap_many" };
const VMALLOC = { class: "map_vmalloc" };

const ROWS: readonly Row[] = [
  // Many mappings of one cache line.
  [
    "[  12.113456] DMA-API: exceeded 7 overlapping mappings of cacheline 0x0000000008a7c0e4",
    "dma_debug",
    { ...OVERLAPS, cacheline: "0x8a7c0e4" },
  ],
  [
    "Mar  4 10:12:07 host kernel: DMA-API: exceeded 7 overlapping mappings of cacheline 0x117c43a",
    "dma_debug",
    OVERLAPS,
  ],
  [
    "kern  :warn  : [  61.000001] mmci-pl18x 58005000.mmc: DMA-API: exceeded 7 overlapping mappings of cacheline 0x0000000003a4f0c0",
    "dma_debug",
    { ...OVERLAPS, count: 7 },
  ],
  ["DMA-API: exceeded 7 overlapping mappings of pfn 6b8a1", "dma_debug", {
    ...OVERLAPS,
    frame: "0x6b8a1",
  }],
  ["> [ 100.5][  T641] exceeded 7 overlapping mappings of cacheline 0x0117c43b", "dma_debug", {
    ...OVERLAPS,
    cacheline: "0x117c43b",
  }],
  // Memory that is not contiguous.
  [
    "<4>[    4.312058] i2c_designware 808622C1:00: rejecting DMA map of vmalloc memory",
    "dma_debug",
    { ...VMALLOC, device: "808622C1:00" },
  ],
  [
    "Nov 21 05:00:00.123456 my-host kernel: spi_imx 30820000.spi: rejecting DMA map of vmalloc memory",
    "dma_debug",
    { ...VMALLOC, driver: "spi_imx" },
  ],
  [
    "[ 9.1] DMA-API: xhci_hcd 0000:00:14.0: device driver maps memory from vmalloc area [addr=ffffc90000a1fd40] [len=16]",
    "dma_debug",
    { ...VMALLOC, size_bytes: 16 },
  ],
  ["[ 9.2] usb 1-2: transfer buffer not dma capable", "dma_debug", { ...VMALLOC, device: "1-2" }],
  [
    "2024-05-15T00:37:53.595431+01:00 host kernel: dwc2 ff540000.usb: rejecting DMA map of vmalloc memory",
    "dma_debug",
    { ...VMALLOC, device: "ff540000.usb" },
  ],
  ["[ 9.3] usb 3-1: transfer buffer is on stack", "dma_debug", { class: "map_stack" }],
  // Contiguous memory.
  [
    "[   32.7] cma: __cma_alloc: linux,cma: alloc failed, req-size: 8100 pages, ret: -12",
    "contiguous_full",
    { name: "linux,cma", pages: 8100, cause: "full" },
  ],
  ["cma: cma_alloc: reserved: alloc failed, req-size: 1 pages, ret: -16", "contiguous_full", {
    pages: 1,
    cause: "busy",
  }],
  [
    "Jan  1 00:00:10 pi kernel: [   10.1] cma_alloc: alloc failed, req-size: 2025 pages, ret: -12",
    "contiguous_full",
    { pages: 2025, errno: -12 },
  ],
  ["cma: cma_alloc: alloc failed, req-size: 512 pages, ret: -4", "contiguous_full", {
    cause: "interrupted",
  }],
  [
    "[ 3.3] sun6i-csi 1cb0000.camera: dma_alloc_coherent of size 4149248 failed",
    "coherent_failed",
    { device: "1cb0000.camera", size_bytes: 4149248 },
  ],
  ["[ 3.3] coda 2040000.vpu: dma_alloc_coherent of size 3133440 failed", "coherent_failed", {
    driver: "coda",
  }],
  // Records that were lost.
  ["[ 5.1] AMD-Vi: IOMMU Event log restarting", "iommu_error", { error: "queue_overflow" }],
  ["[ 5.1] AMD-Vi: IOMMU PPR log overflow", "iommu_error", {
    error: "queue_overflow",
    queue: "PPR",
  }],
  ["arm-smmu-v3 2b400000.smmu: EVTQ overflow detected -- events lost", "iommu_error", {
    error: "queue_overflow",
  }],
  ["[ 5.1] IOMMU: dmar2: PRQ overflow cleared", "iommu_error", {
    error: "queue_overflow",
    queue: "PRQ",
  }],
  ["riscv,iommu 30000.iommu: Queue #1 error; memory fault:0 overflow:1", "iommu_error", {
    error: "queue_overflow",
  }],
  ["[ 5.1] arm_smmu_evtq_thread: 12 callbacks suppressed", "suppressed", { cause: "faults" }],
  ["[ 5.1] dmar_fault: 893 callbacks suppressed", "suppressed", { cause: "faults", count: 893 }],
  ["[ 5.1] swiotlb_tbl_map_single: 44 callbacks suppressed", "suppressed", { cause: "maps" }],
  // virtio-iommu.
  ["virtio_iommu virtio3: page fault from EP 256 at 0xfe000 [R]", "other_iommu_fault", {
    device: "0000:01:00.0",
    access: "read",
    address: "0xfe000",
  }],
  [
    "Feb  1 10:00:00 vm kernel: virtio_iommu virtio0: page fault from EP 8 at 0x102030405000 [W]",
    "other_iommu_fault",
    { device: "0000:00:01.0", access: "write" },
  ],
  ["virtio_iommu virtio0: domain fault from EP 17", "other_iommu_fault", {
    device: "0000:00:02.1",
    reason: "no_entry",
    address: null,
  }],
  ["[ 1.0] virtio_iommu virtio0: page fault from EP 32 at 0x1000 [X]", "other_iommu_fault", {
    access: null,
    access_bits: "X",
  }],
  ["[ 1.0] virtio_iommu virtio0: unknown fault from EP 40", "other_iommu_fault", {
    endpoint: 40,
    reason: "unknown",
  }],
  // PowerPC's table.
  [
    "[  7.5] iommu_alloc failed, tbl c0000000028e4480 vaddr c0000004d5ca0000 npages 1",
    "iova_full",
    { pages: 1, device: null },
  ],
  [
    "Jan 27 14:19:41 p8 kernel: lpfc 0005:01:00.0: iommu_alloc failed, tbl c000000fa8d50400 vaddr c0000007f1a00000 npages 64",
    "iova_full",
    { pages: 64, device: "0005:01:00.0" },
  ],
  [
    "ibmvscsi 30000002: iommu_alloc failed, tbl 00000000c1d2e3f4 vaddr 000000009a8b7c6d npages 10",
    "iova_full",
    { pages: 10, driver: "ibmvscsi" },
  ],
  ["<3>iommu_alloc failed, tbl c000000001f2a300 vaddr c000000077c00000 npages 100", "iova_full", {
    pages: 256,
  }],
  ["[ 1.0] sata_nv 0000:00:07.0: PCI-DMA: Out of IOMMU space for 69632 bytes", "iova_full", {
    platform: "gart",
    size_bytes: 69632,
    device: "0000:00:07.0",
  }],
  ["PCI-DMA: Out of IOMMU space for 65536 bytes at device 0000:00:07.0", "iova_full", {
    platform: "gart",
    device: "0000:00:07.0",
  }],
  // DART.
  [
    "apple-dart 382c00000.iommu: translation fault: status:0x80000008 stream:15 code:0x8 (READ FAULT) at 0x103a8000",
    "other_iommu_fault",
    { access: "read", reason: "not_readable", stream: 15 },
  ],
  [
    "[ 2.2] apple-dart 382c00000.iommu: translation fault: status:0x80000004 stream:1 code:0x4 (NO PTE) at 0x103a8000",
    "other_iommu_fault",
    { access: null, reason: "not_present" },
  ],
  [
    "apple-dart 6b0400000.iommu: translation fault: status:0x80000002 stream:0 code:0x2 (NO PMD) at 0x0",
    "other_iommu_fault",
    { reason: "not_present", stream: 0 },
  ],
  [
    "Apr  1 00:00:01 mac kernel: apple-dart 23b700000.iommu: translation fault: status:0x80000001 stream:2 code:0x1 (NO TTBR) at 0xffff0000",
    "other_iommu_fault",
    { reason: "not_present", address: "0xffff0000" },
  ],
  [
    "apple-dart 285800000.iommu: translation fault: status:0x80000010 stream:4 code:0x10 (WRITE FAULT) at 0xfffec000",
    "other_iommu_fault",
    { access: "write", stream: 4 },
  ],
  // An abort that the host ended.
  ["nvme nvme1: Abort status: 0x370", "nvme_abort_status", { cause: "host", status: 0x370 }],
  ["Aug  9 01:02:03 s kernel: nvme nvme0: Abort status: 0x371", "nvme_abort_status", {
    cause: "host",
  }],
  ["nvme nvme0: Abort status: 0x0", "nvme_abort_status", { cause: "done" }],
  ["nvme nvme0: Abort status: 0x7", "nvme_abort_status", { cause: "aborted" }],
  ["nvme nvme0: Abort status: 0x103", "nvme_abort_status", { cause: "limit" }],
  ["nvme nvme0: Abort status: 0x2", "nvme_abort_status", { cause: "controller" }],
  // VFIO.
  [
    "[ 1.5] vfio_pin_page_external: Task qemu-system-x86 (2296) RLIMIT_MEMLOCK (65536) exceeded",
    "pin_limit",
    { limit: 65536, task: "qemu-system-x86", pid: 2296 },
  ],
  [
    "Jul 28 16:14:53 h kernel: vfio_pin_pages_remote: Task cloud-hyperviso (991) RLIMIT_MEMLOCK (67108864) exceeded",
    "pin_limit",
    { limit: 67108864 },
  ],
  ["vfio_lock_acct: RLIMIT_MEMLOCK (8388608) exceeded", "pin_limit", {
    function: "vfio_lock_acct",
  }],
  [
    "qemu-system-x86_64: vfio_dma_map(0x55d5c0, 0x100000000, 0x80000000, 0x7f0a) = -12 (Cannot allocate memory)",
    "vfio_error",
    { cause: "memlock", errno: -12 },
  ],
  [
    "qemu-kvm: vfio_container_dma_map(0x560e, 0x0, 0xa0000, 0x7fec) = -22 (Invalid argument)",
    "vfio_error",
    { cause: "reserved" },
  ],
  ["EAL: VFIO_MAP_DMA failed: No space left on device", "vfio_error", { cause: "no_entries" }],
  // Other IOMMUs and platforms.
  [
    "tegra-mc 70019000.memory-controller: fdcdwr2: secure write @0x00000003f0000000: EMEM address decode error (SMMU translation error [--S])",
    "other_iommu_fault",
    { model: "tegra", access: "write", reason: "not_present" },
  ],
  [
    "sun50i-iommu 30f0000.iommu: Page fault for 0x0000000048e7c000 (master 1, dir rd)",
    "other_iommu_fault",
    { model: "sun50i", access: "read", port: 1 },
  ],
  [
    "omap-iommu 5d500000.mmu: 5d500000.mmu: errs:0x00000002 da:0x96000000 pgd:0x(ptrval) *pgd:px00000000",
    "other_iommu_fault",
    { model: "omap", address: "0x96000000", reason: "not_present" },
  ],
  [
    "msm_iommu: Unexpected IOMMU page fault!\nname    = gfx3d_iommu\ncontext = gfx3d_user (0)\nInteresting registers:\nFAR    = 67a2b000",
    "other_iommu_fault",
    { model: "msm", address: "0x67a2b000", iommu: "gfx3d_iommu" },
  ],
  [
    "ipmmu-vmsa e67b0000.mmu: Unhandled fault: status 0x00000401 iova 0x12345000",
    "other_iommu_fault",
    { model: "ipmmu", address: "0x12345000" },
  ],
  ["ipmmu-vmsa e67b0000.mmu: Multiple TLB hits @0x7f000", "other_iommu_fault", {
    model: "ipmmu",
    reason: "table_error",
  }],
  ["zpci: 0001:00:00.0: Event 0x3b reports an error for PCI function 0x203", "bridge_error", {
    platform: "s390",
    device: "0001:00:00.0",
    event_code: 0x3b,
  }],
  ["EEH: Frozen PE#1 on PHB#0 detected", "bridge_error", {
    platform: "powerpc",
    pe: "1",
    bridge: "0",
  }],
  ["[ 4.4] EEH: Recovering PHB#2-PE#10000", "bridge_error", { pe: "PHB#2-PE#10000" }],
  [
    "riscv,iommu-pci 0000:00:01.0: Fault 13 devid: 0x18 iotval: 80200000 iotval2: 0",
    "other_iommu_fault",
    { model: "riscv", access: "read", address: "0x80200000" },
  ],
  [
    "(XEN) AMD-Vi: IO_PAGE_FAULT: domain = 0, device id = 0x00a0, fault address = 0xbf6c8000, flags = 0x0",
    "other_iommu_fault",
    { model: "xen_amd", address: "0xbf6c8000" },
  ],
  // page_pool, and VT-d's queue.
  ["page_pool_release_retry() stalled pool shutdown 3 inflight 60 sec", "page_pool_stalled", {
    inflight: 3,
    pool_id: null,
    cause: "held",
  }],
  [
    "Sep 24 22:56:32 qos kernel: page_pool_release_retry() stalled pool shutdown: id 51, 4032 inflight 26825 sec",
    "page_pool_stalled",
    { pool_id: 51 },
  ],
  [
    "page_pool_release_retry() stalled pool shutdown: id 9, -2 inflight 121 sec",
    "page_pool_stalled",
    { cause: "negative" },
  ],
  [
    "DMAR: QI HEAD: Device-TLB Invalidation qw0 = 0x30000000003, qw1 = 0x7ffffffffffff001",
    "invalidation_error",
    { head_type: "Device-TLB Invalidation", cause: "device_tlb" },
  ],
  [
    "DMAR: VT-d detected Invalidation Time-out Error: SID 300\nDMAR: QI HEAD: Device-TLB Invalidation qw0 = 0x3, qw1 = 0x1",
    "invalidation_error",
    { device: "0000:03:00.0", cause: "device_tlb" },
  ],
  [
    "DMAR: VT-d detected Invalidation Queue Error: Reason 1\nDMAR: QI HEAD: IOTLB Invalidation qw0 = 0x2, qw1 = 0x0",
    "invalidation_error",
    { cause: "queue", device: null },
  ],
  // Messages of older releases, of programs and of drivers.
  ["PCI-DMA: Out of SW-IOMMU space for 4096 bytes at device 0000:02:00.0", "swiotlb_full", {
    device: "0000:02:00.0",
    size_bytes: 4096,
    cause: "unknown",
  }],
  [
    "ata3: swiotlb buffer is full (sz: 262144 bytes), total 32768 (slots), used 32701 (slots)",
    "swiotlb_full",
    { driver: null, device: "ata3", cause: "full" },
  ],
  ["[ 3.1] hv_vmbus: swiotlb buffer is full", "swiotlb_full", {
    device: "hv_vmbus",
    size_bytes: null,
    cause: "unknown",
  }],
  ["hpsa 0000:03:00.0: swiotlb: coherent allocation failed, size=4194304", "swiotlb_full", {
    device: "0000:03:00.0",
    cause: "coherent",
  }],
  ["DMA-API: cacheline tracking EEXIST, overlapping mappings aren't supported", "dma_debug", {
    class: "cacheline_overlap",
    device: null,
  }],
  ["DMA-API: device driver tries to free an invalid DMA memory address", "dma_debug", {
    class: "unmap_error_value",
  }],
  ["nvme nvme1: Invalid SGL for payload:131072 nents:7", "nvme_bad_request", {
    controller: "nvme1",
    size_bytes: 131072,
    segments: 7,
  }],
  ["nvme nvme0: Removing after probe failure status: -12", "nvme_failed", { errno: -12 }],
  [
    "nvme 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
    "pcie_error",
    { device: "0000:01:00.0", event: "inaccessible", from_state: "D3cold" },
  ],
  [
    "kworker/0:1: page allocation failure: order:10, mode:0xcc1(GFP_KERNEL|GFP_DMA), nodemask=(null),cpuset=/,mems_allowed=0",
    "coherent_failed",
    { order: 10, wanted_bytes: 4194304, gfp: "0xcc1(GFP_KERNEL|GFP_DMA)", cause: "no_pages" },
  ],
  ["e1000e 0000:00:1f.6: No usable DMA configuration, aborting", "coherent_failed", {
    device: "0000:00:1f.6",
    cause: "mask_refused",
  }],
  ["mpt3sas 0000:01:00.0: failed to set DMA mask: -5", "coherent_failed", {
    device: "0000:01:00.0",
    errno: -5,
  }],
  ["xhci_hcd 0000:00:14.0: dma_pool_destroy xHCI ring segments busy", "dma_pool_error", {
    device: "0000:00:14.0",
    pool: "xHCI ring segments",
  }],
  ["vfio: error, group 12 is not viable, please ensure all devices are bound", "vfio_error", {
    group: 12,
  }],
  ["vfio-pci: probe of 0000:01:00.0 failed with error -22", "vfio_error", { errno: -22 }],
  ["DMAR: Allocating 1-page iova for 0000:00:14.0 failed", "iova_full", {
    device: "0000:00:14.0",
    pages: 1,
  }],
  [
    "arm-smmu-v3 2b400000.smmu: CMDQ error (cons 0x03000007): Illegal command",
    "invalidation_error",
    {
      cause: "command",
    },
  ],
  [
    "arm-smmu-v3 2b400000.smmu: CMDQ error (cons 0x02000007): Abort on command fetch",
    "invalidation_error",
    { cause: "fetch" },
  ],
  [
    "(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:02.0] fault addr cb2f1000, iommu reg = ffff82c000201000\n(XEN) [VT-D]DMAR: reason 02 - Present bit in context entry is clear",
    "other_iommu_fault",
    { device: "0000:00:02.0", access: "read", reason: "no_entry" },
  ],
  ["[ 7.1] mc-err: (255) csw_pcie5w: MC request violates VPR requirements", "other_iommu_fault", {
    client: "csw_pcie5w",
    model: "tegra",
  }],
  ["mlx5_core 0000:01:00.0: mlx5e_txwqe_build: DMA mapping failed", "map_failed", {
    device: "0000:01:00.0",
    function: "mlx5e_txwqe_build",
  }],
  ["fec 30be0000.ethernet eth0: Tx DMA memory map failed", "map_failed", {
    device: "30be0000.ethernet",
    interface_name: "eth0",
  }],
  ["scsi host0: scsi_dma_map failed: request for 262144 bytes!", "map_failed", { device: "host0" }],
  ["stmmac_xmit: Tx DMA map failed", "map_failed", {}],
  ["dma_alloc_coherent failed", "coherent_failed", {}],
  [
    "WARNING: CPU: 3 PID: 0 at drivers/iommu/dma-iommu.c:840 __iommu_dma_unmap+0xe5/0x100",
    "unmap_warning",
    { function: "__iommu_dma_unmap", cause: "not_mapped" },
  ],
  [
    "WARNING: CPU: 1 PID: 1 at drivers/iommu/io-pgtable-arm.c:310 __arm_lpae_map+0x1d8/0x3a8",
    "pte_already_set",
    { cause: "overlap" },
  ],
];

/** Records of several lines, and a record of one line that a mailer breaks. */
const RECORDS:
  readonly (readonly [lines: readonly string[], facts: Readonly<Record<string, Fact>>])[] = [
    [
      [
        "arm-smmu-v3 9050000.smmuv3: event 0x10 received:",
        "arm-smmu-v3 9050000.smmuv3: \t0x0000000800000010",
        "arm-smmu-v3 9050000.smmuv3: \t0x0000020800000000",
        "arm-smmu-v3 9050000.smmuv3: \t0x00000000fffff000",
        "arm-smmu-v3 9050000.smmuv3: \t0x0000000000000000",
      ],
      { event: "F_TRANSLATION", stream: 8, address: "0xfffff000", access: "read" },
    ],
    [
      [
        "arm-smmu-v3 arm-smmu-v3.1.auto: event: F_PERMISSION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0xfffe0000 ipa: 0x0",
        'arm-smmu-v3 arm-smmu-v3.1.auto: unpriv data write s1 "Input address caused fault" stag: 0x0',
      ],
      { event: "F_PERMISSION", source: "0000:01:00.0", address: "0xfffe0000", access: "write" },
    ],
    [
      [
        "DMAR:[DMA Read] Request device [01:00.0] fault addr fff80000 ",
        "DMAR:[fault reason 02] Present bit in context entry is clear",
      ],
      { source: "01:00.0", address: "0xfff80000", code: 2 },
    ],
    [
      [
        "DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr 0xfffe0000 [fault reason 0x05] PTE Write access is not set",
      ],
      { source: "03:00.0", address: "0xfffe0000", code: 5, access: "write" },
    ],
    [
      [
        "nvme 0000:41:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0018 address=0x4d77c4080 flags=0x0020]",
      ],
      { source: "0000:41:00.0", address: "0x4d77c4080", domain: 0x18 },
    ],
    [
      [
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:06:00.0 pasid=0x00000 address=0x7f0000 flags=0x0050]",
      ],
      { source: "0000:06:00.0", address: "0x7f0000", pasid: 0 },
    ],
  ];

/** Wraps at the last blank before a column, as a mailer does. */
function wrappedAt(text: string, columns: number): string[] {
  if (text.length <= columns) return [text];
  const blank = text.lastIndexOf(" ", columns);
  return [text.slice(0, blank), ...wrappedAt(text.slice(blank + 1), columns)];
}

const PASTES: Readonly<Record<string, (lines: readonly string[]) => readonly string[]>> = {
  "as they are": (lines) => lines,
  "with the kernel's clock": (lines) => lines.map((line) => `[  455.123456] ${line}`),
  "with the columns of syslog": (lines) =>
    lines.map((line) => `Mar  4 10:12:07 box kernel: [  455.123456] ${line}`),
  "of a journal": (lines) => lines.map((line) => `Mar 04 10:12:07 box kernel: ${line}`),
  "quoted": (lines) => lines.map((line) => `> [  455.123456] ${line}`),
  "quoted twice and wrapped at 72": (lines) =>
    lines.flatMap((line) => wrappedAt(`[  455.123456] ${line}`, 68)).map((line) => `> > ${line}`),
  "wrapped at 76": (lines) => lines.flatMap((line) => wrappedAt(`[  455.123456] ${line}`, 76)),
  "of CSV": (lines) => [
    "time,host,message",
    ...lines.map((line) => `1,box,"${line.replaceAll('"', '""')}"`),
  ],
  "of CSV with every column in quotes": (lines) =>
    lines.map((line) => `"2024-01-01T00:00:00Z","box","${line.replaceAll('"', '""')}"`),
};

Deno.test("records of IOMMUs that have several lines, or are broken into several, read the same in every paste", () => {
  for (const [name, paste] of Object.entries(PASTES)) {
    for (const [lines, facts] of RECORDS) {
      const text = paste(lines).join("\n");
      const { entries, unread, unreadable } = readKernelLog(text);
      assertEquals(
        [entries.map(({ kind }) => kind), unread, unreadable],
        [["iommu_fault"], [], []],
        `${name}: ${text}`,
      );
      for (const [field, value] of Object.entries(facts)) {
        assertEquals(entries[0]!.facts[field], value, `${name}: ${text}: ${field}`);
      }
    }
  }
});

Deno.test("messages of other releases, devices and logs say the same", () => {
  for (const [line, kind, facts] of ROWS) {
    const { entries, unreadable } = readKernelLog(line);
    assertEquals([entries.map((entry) => entry.kind), unreadable], [[kind], []], line);
    for (const [name, value] of Object.entries(facts)) {
      assertEquals(entries[0]!.facts[name], value, `${line}: ${name}`);
    }
  }
});

Deno.test("a fault of any IOMMU or bridge fails the check, and no such line is hardware for sure", () => {
  const faults = ROWS.filter(([, kind]) => kind === "other_iommu_fault" || kind === "bridge_error");
  assert(faults.length >= 20);
  for (const [line] of faults) {
    const { findings, pass, result, text } = checkedTrace([], line.split("\n"));
    assertEquals(isClean(pass, result), false, line);
    assertEquals(findings.map(({ certainty, kind }) => `${certainty} ${kind}`), [
      "unknown iommu_fault",
    ], line);
    assert(!text().includes("Nothing is proved or likely"), line);
  }
});

Deno.test("a consequence alone is no hardware error; lost records of faults are a fault", () => {
  const overflow = "[ 5.1] AMD-Vi: IOMMU event log overflow";
  const alone = checkedTrace([], [overflow]);
  assertEquals(alone.findings.map(({ certainty, kind }) => `${certainty} ${kind}`), [
    "unknown iommu_fault",
  ]);
  assertStringIncludes(alone.text(), "faults happened, and none is in the log");
  const consequences = [
    "nvme nvme0: I/O tag 5 (0005) opcode 0x2 (I/O Cmd) QID 1 timeout, aborting req_op:READ(0) size:4096",
    "nvme nvme0: Abort status: 0x371",
    "nvme nvme0: Device not ready; aborting reset, CSTS=0x1",
    "I/O error, dev nvme0n1, sector 1401856 op 0x0:(READ) flags 0x80700 phys_seg 4 prio class 2",
    "swiotlb_tbl_map_single: 44 callbacks suppressed",
    "e1000e 0000:00:19.0 eth0: TX DMA map failed",
  ];
  for (const line of consequences) {
    const { findings, pass, result } = checkedTrace([], [line]);
    assertEquals([findings, isClean(pass, result)], [[], true], line);
  }
});

/**
 * Lines of machines that work: sizes, settings, corrected errors, and errors after which the kernel
 * continues.
 */
const OF_CORRECT_MACHINES = [
  "[    0.000000] DMAR: Host address width 46\n[    0.000000] DMAR: DRHD base: 0x000000d1dfc000 flags: 0x0\n[    0.000000] DMAR: RMRR base: 0x0000007b800000 end: 0x0000007bffffff",
  "[    0.400000] DMAR: dmar0: reg_base_addr d1dfc000 ver 1:0 cap d2078c106f0466 ecap f020df\n[    0.400001] DMAR-IR: Enabled IRQ remapping in x2apic mode",
  "[    0.370393] pci 0000:00:00.2: AMD-Vi: IOMMU performance counters supported\n[    2.6] AMD-Vi: Interrupt remapping enabled\n[    2.6] AMD-Vi: Lazy IO/TLB flushing enabled",
  "[    1.0] software IO TLB: mapped [mem 0x0000000072363000-0x0000000076363000] (64MB)\n[    1.1] PCI-DMA: Using software bounce buffering for IO (SWIOTLB)",
  "[    1.0] software IO TLB: tearing down default memory pool",
  "[    0.0] cma: Reserved 64 MiB at 0x000000003b400000\n[    0.0] cma: Reserved 16 MiB at 0x9d800000",
  "[    0.5] DMA: preallocated 1024 KiB GFP_KERNEL pool for atomic allocations\n[    0.5] DMA: preallocated 1024 KiB GFP_KERNEL|GFP_DMA32 pool for atomic allocations",
  "[    9.1] cma: cma_alloc: alloc failed, req-size: 256 pages, ret: -16",
  "[    1.2] DMA-API: preallocated 65536 debug entries\n[    1.2] DMA-API: debugging enabled by kernel config",
  "[    1.2] iommu: Default domain type: Translated\n[    1.2] iommu: DMA domain TLB invalidation policy: lazy mode\n[    1.3] pci 0000:00:01.0: Adding to iommu group 1",
  "[    2.0] nvme nvme0: pci function 0000:01:00.0\n[    2.1] nvme nvme0: 8/0/0 default/read/poll queues",
  "[    3.0] pcieport 0000:00:1c.2: AER: Corrected error received: 0000:00:1c.2\n[    3.0] pcieport 0000:00:1c.2: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)\n[    3.0] pcieport 0000:00:1c.2:   device [8086:a29a] error status/mask=00000001/00002000\n[    3.0] pcieport 0000:00:1c.2:    [ 0] RxErr",
  "[    3.0] nvme nvme0: I/O tag 8 (0008) QID 0 timeout, completion polled",
  "[    0.6] arm-smmu 12000000.iommu: probing hardware configuration...\n[    0.6] arm-smmu 12000000.iommu: \tstage 1 translation\n[    0.6] arm-smmu 12000000.iommu: \tnested translation",
  "[    5.0] nvme 0000:04:00.0: added peer-to-peer DMA memory 0x38000000000-0x380000fffff",
  "[    0.0] PCI-DMA: aperture base @ 20000000 size 65536 KB\n[    0.0] PCI-DMA: Reserving 64MB of IOMMU area in the AGP aperture",
  "[    1.0] zpci: 0001:00:00.0: The device is ready to resume operations",
  "[    0.0] Reserved memory: created CMA memory pool at 0x000000007c000000, size 64 MiB\n[    0.0] Reserved memory: created DMA memory pool at 0x10000000, size 1 MiB",
  "[    0.9] DMAR: Copied translation tables from previous kernel for dmar0\n[    0.9] DMAR-IR: Copied IR table for dmar0 from previous kernel",
  "[    0.0] DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [0x000000007b800000-0x000000007fffffff], contact BIOS vendor for fixes",
  "[    1.9] nvme nvme0: missing or invalid SUBNQN field.",
  "[    8.0] virtio_iommu virtio0: input address: 64 bits",
];

Deno.test("logs of machines that work give no finding that is proved or likely", () => {
  assert(OF_CORRECT_MACHINES.length >= 20);
  for (const log of OF_CORRECT_MACHINES) {
    const { findings, pass, result } = checkedTrace([], log.split("\n"));
    assertEquals([findings.filter(isSure), isClean(pass, result)], [[], true], log);
  }
});

const MAPPED = [
  "  fio-7  [000] .....  10.000010: map: IOMMU: iova=0x00000000fffe1000 - 0x00000000fffe2000 paddr=0x0000000003793000 size=4096",
  "  fio-7  [000] .....  10.000020: dma_map_phys: 0000:00:03.0 dir=TO_DEVICE dma_addr=fffe1000 size=4096 phys_addr=3793000 attrs=",
];

Deno.test("a fault of a virtio-iommu is matched with the mappings of its endpoint", () => {
  const trace = [
    ...MAPPED,
    "  fio-7  [000] .....  10.100020: dma_map_phys: 0000:00:03.0 dir=TO_DEVICE dma_addr=fffd1000 size=4096 phys_addr=4793000 attrs=",
  ];
  const log = ["[   10.050000] virtio_iommu virtio1: page fault from EP 24 at 0xfffe1000 [W]"];
  const [finding] = checkedTrace(trace, log).findings.filter(isSure);
  assertEquals(
    [finding?.kind, finding?.certainty, finding?.line, finding?.device],
    ["wrong_direction", "likely", 2, "0000:00:03.0"],
  );
});

Deno.test("an unmap of the physical address of a live mapping is told as that", () => {
  const unmap =
    "  fio-7  [000] .....  10.000050: dma_unmap_phys: 0000:00:03.0 dir=TO_DEVICE dma_addr=3793000 size=4096 attrs=";
  for (const trace of [MAPPED, [MAPPED[1]!]]) {
    const { findings } = checkedTrace([...trace, unmap]);
    const [finding, ...others] = findings.filter(isSure);
    assertEquals([finding?.kind, finding?.otherLine, others], [
      "unmap_unknown",
      trace.length,
      [],
    ]);
    assertStringIncludes(finding!.text, "the physical address of a live mapping");
  }
  const other = unmap.replace("3793000", "9993000");
  assertEquals(checkedTrace([...MAPPED, other]).findings.filter(isSure), []);
});
