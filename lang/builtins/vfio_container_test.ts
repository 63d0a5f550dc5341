/** Containers of VFIO in scripts: pictures, explanations, and the mistakes of a script. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
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

Deno.test("the DMA API is refused for a device while a process owns its group (dma.md 9.8)", () => {
  for (
    const call of [
      "let _m = try dma_map_phys(gpu, page, 4KiB, to_device)",
      "dma_unmap_phys(audio, before, 4KiB, to_device)",
      "let _block = pool.alloc()",
      "pool.destroy()",
    ]
  ) {
    const { problems } = runScript(`machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint gpu { driver = none } endpoint audio { driver = none } } }
}
let page = alloc_pages(1)
let before = dma_map_phys(audio, page, 4KiB, to_device)
let pool = dma_pool(audio, 256B, 256B)
let container = vfio_container(address_space(), gpu)
${call}`);
    assertStringIncludes(
      problems.join("\n"),
      `the DMA API cannot be called for ${
        call.includes("gpu") ? "gpu" : "audio"
      }: a process owns its`,
    );
  }
  output(`container.close()
    let page = alloc_pages(1)
    dma_unmap_phys(gpu, dma_map_phys(gpu, page, 4KiB, to_device), 4KiB, to_device)`);
});

Deno.test("a mapping that a driver made is out of reach while a process owns the group (dma.md 9.8)", () => {
  const text = output(`container.close()
    let page = alloc_pages(1)
    let early = dma_map_phys(audio, page, 4KiB, to_device)
    let again = vfio_container(qemu, gpu)
    audio.dma_read(early.addr, 4B) faults not_present
    explain early
    explain iommu.faults[0]
    VFIO_IOMMU_MAP_DMA(again, ram, early.addr, 4KiB)
    VFIO_IOMMU_UNMAP_DMA(again, flags: all)
    show early
    again.close()
    print "given back"
    audio.dma_read(early.addr, 4B)
    explain early
    dma_unmap_phys(audio, early, 4KiB, to_device)`);
  const [owned, free] = text.split("given back");
  assertStringIncludes(owned!, "now      out of reach: a process owns audio's group since #");
  assertMatch(owned!, /verdict {3}the group is a process's: since vfio\.container at\s+\S+:12:\d/);
  assertStringIncludes(owned!, "; out of reach, owned by a process");
  assertStringIncludes(free!, "now      audio reaches physical ");
});

Deno.test("the verdict on a device whose group left a container names the call and all devices (hmm-rdma-vfio.md 7.25)", () => {
  const { output: lines, problems } = runScript(`machine {
  iommu { mode = strict }
  pci {
    root_port rp0 { endpoint gpu { driver = none } }
    root_port rp1 { endpoint nic { driver = none } }
  }
}
let qemu = address_space()
let ram = qemu.mmap(64KiB)
let container = vfio_container(qemu, nic)
VFIO_GROUP_SET_CONTAINER(container, gpu)
VFIO_IOMMU_MAP_DMA(container, ram, 0x10_0000, 64KiB)
VFIO_GROUP_UNSET_CONTAINER(container, gpu)
gpu.dma_write(0x10_3000 as dma, bytes"02") faults not_present
explain iommu.faults[0]
container.close()`);
  assertEquals(problems, []);
  const text = lines.join("\n").replaceAll(/\s+/g, " ");
  assertMatch(text, /verdict the group left the container: vfio\.container at \S+:13:1 gave/);
  assertStringIncludes(text, "mapping for nic, gpu: 0x10_0000 64KiB");
});

Deno.test("explain of an errno, and of a container, knows refused calls for groups (hmm-rdma-vfio.md 7.23 to 7.25)", () => {
  const { output: lines, problems } = runScript(`machine {
  iommu { mode = strict }
  pci {
    root_port rp0 { device card { endpoint gpu { driver = none } endpoint audio { } } }
    root_port rp1 { endpoint nic { driver = none } }
  }
}
let qemu = address_space()
vfio_container(qemu, gpu) fails EPERM
explain EPERM
let container = vfio_container(qemu)
VFIO_SET_IOMMU(container) fails EINVAL
explain EINVAL
VFIO_GROUP_SET_CONTAINER(container, nic)
let other = vfio_container(qemu)
VFIO_GROUP_SET_CONTAINER(other, nic) fails EBUSY
explain EBUSY
VFIO_SET_IOMMU(container)
VFIO_GROUP_GET_DEVICE_FD(container, nic)
VFIO_GROUP_UNSET_CONTAINER(container, nic) fails EBUSY
print "the container"
explain container
other.close()
container.close()`);
  assertEquals(problems, []);
  const text = lines.join("\n").replaceAll(/\s+/g, " ");
  const [errors, calls] = text.split("the container vfio") as [string, string];
  for (
    const expected of [
      "vfio_container of gpu: EPERM dma.9.8 a driver of the kernel is bound to audio, in the IOMMU group of gpu",
      "VFIO_SET_IOMMU: EINVAL hmm-rdma-vfio.7.23 the container has no group",
      "VFIO_GROUP_SET_CONTAINER of nic: EBUSY dma.9.8 another user has the device's IOMMU group",
    ]
  ) assertStringIncludes(errors, expected);
  for (
    const expected of [
      "VFIO_SET_IOMMU: EINVAL",
      "VFIO_GROUP_UNSET_CONTAINER of nic: EBUSY hmm-rdma-vfio.7.25 a file of a device of the group is open",
    ]
  ) assertStringIncludes(calls, expected);
  assert(!calls.includes("VFIO_GROUP_SET_CONTAINER of nic"), "a call for another container");
});

Deno.test("close() of a container closes the files of its groups and devices, too (hmm-rdma-vfio.md 7.27)", () => {
  const text = output(`VFIO_IOMMU_MAP_DMA(container, ram, 0, 64KiB)
    VFIO_GROUP_GET_DEVICE_FD(container, gpu)
    container.close()
    assert qemu.locked == 0B
    explain container`);
  assertStringIncludes(
    text.replaceAll(/\s+/g, " "),
    "with it the files of its groups, and 1 file of devices",
  );
});

Deno.test("a device whose group a process owns has no IOVA space of the kernel (dma.md 9.8)", () => {
  const { problems } = runScript(`${MACHINE}show iommu.space(audio)`);
  assertStringIncludes(
    problems.join("\n"),
    "a user owns the IOMMU group of audio: the kernel allocates no IOVAs for it",
  );
  output(`container.close()
    assert iommu.space(audio).count > 0`);
});

Deno.test("explain of a container collapses only calls with the same outcome", () => {
  const text = output(`VFIO_IOMMU_MAP_DMA(container, ram, 0, 4KiB)
    qemu.set_memlock(8KiB)
    VFIO_IOMMU_MAP_DMA(container, ram, 0x20_0000, 16KiB) fails ENOMEM
    VFIO_IOMMU_MAP_DMA(container, ram, 0x40_0000, 32KiB) fails ENOMEM
    VFIO_IOMMU_MAP_DMA(container, ram + 4KiB, 0x10_0000, 4KiB)
    explain container
    print "all refused"
    for iova in [0x20_0000, 0x40_0000, 0x60_0000, 0x80_0000] {
      VFIO_IOMMU_MAP_DMA(container, ram, iova, 16KiB) fails ENOMEM
    }
    explain container
    container.close()`);
  const [mixed, alike] = text.split("all refused");
  for (const refused of ["16KiB at 0x20_0000: ENOMEM", "32KiB at 0x40_0000: ENOMEM"]) {
    assertStringIncludes(mixed!, `MAP_DMA of ${refused}`);
  }
  assert(!mixed!.includes("repeated"), mixed);
  assertStringIncludes(alike!, "last event repeated 2 times");
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
