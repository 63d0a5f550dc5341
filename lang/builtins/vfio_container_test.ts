/** Containers of VFIO in scripts: pictures, explanations, and the mistakes of a script. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

const MACHINE = `machine {
  ram { size = 64MiB }
  iommu { mode = strict }
  pci { root_port rp0 { endpoint gpu { driver = none } endpoint audio { driver = none } } }
}
let qemu = address_space(memlock: 1MiB)
let ram = qemu.mmap(64KiB)
let container = vfio_container(qemu, gpu)
`;

/** The output of a script that has to run without an error. */
function output(text: string): string {
  const { output: lines, problems } = runScript(`${MACHINE}${text}`);
  assertEquals(problems, []);
  assert(lines.every((line) => line.length <= 80), lines.join("\n"));
  return lines.join("\n");
}

Deno.test("explain of a container, and of an error, says which check decided (hmm-rdma-vfio.md ch. 7)", () => {
  const text = output(`VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 32KiB)
    VFIO_IOMMU_MAP_DMA(container, ram, 0x10_4000, 4KiB) fails EEXIST
    explain EEXIST
    VFIO_IOMMU_UNMAP_DMA(container, 0x10_0000, 4KiB) fails EINVAL
    VFIO_IOMMU_UNMAP_DMA(container, 0x10_0000, 32KiB, flags: vaddr)
    show container
    VFIO_IOMMU_MAP_DMA(container, ram + 32KiB, 0x10_0000, 32KiB, flags: vaddr)
    VFIO_IOMMU_UNMAP_DMA(container, flags: all)
    qemu.exit()
    explain container`);
  for (
    const expected of [
      "some of these addresses are mapped: there is an area of 32KiB at",
      "UNMAP_DMA of 4KiB at 0x10_0000: EINVAL",
      "the range cuts an area, and a part of an area cannot be unmapped:",
      "0x10_0000  32KiB  taken back      read, write  32KiB",
      "the addresses of 1 area are taken back",
      "the area at 0x10_0000 has an address again",
      "1 area, 32KiB unmapped and unpinned",
      "container closed: 0 areas unmapped and unpinned",
    ]
  ) assertStringIncludes(text, expected);
});

Deno.test("all devices of the group reach what one process mapped (dma.md 9.8)", () => {
  output(`assert container.devices == ["gpu", "audio"]
    VFIO_IOMMU_MAP_DMA(container, ram, 0, 64KiB)
    audio.dma_write(0x2000 as dma, bytes"77")
    assert gpu.dma_read(0x2000 as dma, 1B) == bytes"77" and qemu.page(ram).dirty == false
    container.close()
    assert qemu.page(ram + 8KiB).dirty, "the device was allowed to write it"
    vfio_container(qemu, audio).close()`);
});

Deno.test("a kernel driver's mappings and a process's do not harm each other's tables", () => {
  // No driver is bound while a process has the group: such calls are mistakes, and no bugs of dmalab.
  const { problems } = runScript(
    `${MACHINE}VFIO_IOMMU_MAP_DMA(container, ram, 0xffff_f000, 4KiB)
    let page = alloc_pages(1)
    let mapping = try dma_map_phys(gpu, page, 4KiB, to_device)
    VFIO_IOMMU_MAP_DMA(container, ram, 0xffff_e000, 4KiB)
    VFIO_IOMMU_UNMAP_DMA(container, flags: all)
    if mapping.ok { let _end = try dma_unmap_phys(gpu, mapping.value, 4KiB, to_device) }
    container.close()`,
    {},
    { lenient: true },
  );
  assertEquals(problems.filter((problem) => problem.includes("E0999")), []);
});

Deno.test("a container ends with its process, whatever was pulled out or is in flight (hmm-rdma-vfio.md 7.13)", () => {
  output(`VFIO_IOMMU_MAP_DMA(container, ram, 0, 64KiB)
    qemu.exit()
    assert not container.open and container.areas == [] and container.tables == 0
    assert qemu.locked == 0B and qemu.pinned == 0
    gpu.dma_read(0 as dma, 4B) faults not_present`);
});

Deno.test("explain of an address, and of a fault's line, knows what processes mapped by VFIO", () => {
  const text = output(`let more = qemu.mmap(8KiB)
    qemu.touch(more + 4KiB, 4KiB, write: true)
    qemu.touch(more, 4KiB, write: true)
    VFIO_IOMMU_MAP_DMA(container, more, 0x10_0000, 12KiB) fails EFAULT
    VFIO_IOMMU_MAP_DMA(container, more, 0x10_0000, 8KiB)
    explain 0x10_1000 as dma
    assert qemu.page(more + 4KiB).phys == iommu.translate(gpu, 0x10_1000)
    print "page at {qemu.page(more + 4KiB).phys}"
    VFIO_IOMMU_UNMAP_DMA(container, flags: all)
    explain 0x10_1000 as dma
    audio.dma_read(0x10_1000 as dma, 4B) faults not_present
    let line = fault_log("DMAR: [DMA Read NO_PASID] Request device [01:00.0] " +
      "fault addr 0x101000 [fault reason 0x06] PTE Read access is not set")
    assert line.verdict == use_after_unmap
    container.close()`);
  const phys = text.match(/page at (\S+)/)![1];
  assertStringIncludes(text, `0x10_1000, a device address: 1 mapping so far`);
  assertStringIncludes(text, `now      gpu reaches physical ${phys}`);
  assertStringIncludes(text, "now      nothing is mapped there");
});
