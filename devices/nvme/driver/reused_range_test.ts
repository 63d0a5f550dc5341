/**
 * If there is no memory for a request's list, the request's whole IOVA range is freed although most
 * of it is still mapped. This is the defect `range_reused_while_mapped`. Since 7.3, the defect
 * `partial_destroy_on_list_failure` has this form.
 */
import { assertEquals } from "@std/assert";
import { allocateBuffer, ArmedInjection, INJECTION, type IommuMode } from "@dmalab/runtime";
import { type KernelProfile, KERNELS } from "@dmalab/runtime/kernels";
import { buildLab } from "../../lab.ts";
import { defaultLabConfig, pciNode } from "../../lab_config.ts";

const PAGE = 4096;

/** A disk that uses PRPs on a given release, with functions that read scattered pages. */
function diskOf(kernel: KernelProfile, mode: IommuMode, quirks = KERNELS[kernel].quirks) {
  const defaults = defaultLabConfig();
  const lab = buildLab({
    ...defaults,
    kernel,
    quirks,
    iommu: { ...defaults.iommu, mode },
    pci: [pciNode("root_port", "rp0", [pciNode("nvme", "ssd")])],
  });
  const { machine } = lab;
  const { disk, dma: dev } = lab.device("ssd", "nvme");
  const calls: [name: string, ...numbers: number[]][] = [];
  machine.events.listen(({ name, fields }) => {
    const values = fields as Readonly<Record<string, number>>;
    if (name === "iova.alloc") calls.push(["reserve", values.size_bytes!, values.start!]);
    if (name === "iova.free") calls.push(["free", values.size_bytes!, values.start!]);
    if (name === "iommu.unmap") calls.push(["unmap", values.unmapped_bytes!]);
    if (name === "iommu.map_failed") calls.push(["map refused"]);
  });
  return {
    calls,
    /** Number of leaves in the page table that remain after a read. */
    leaves() {
      let count = 0;
      dev.domain!.table.forEachLeaf(0, 2 ** 48 - 1, () => count++);
      return count;
    },
    read(pages: number) {
      const buffer = allocateBuffer(machine, { sizeBytes: pages * PAGE, pieces: pages });
      const io = disk.submit("read", { lba: 0, buffer });
      while (machine.runNextActivity());
      return io.error ?? "OK";
    },
    /** Makes the next allocation of a list fail. */
    failOneList() {
      machine.armInjection(new ArmedInjection(INJECTION.dma_pool_alloc, 1, 1));
    },
  };
}

Deno.test("7.3 without partial_destroy_on_list_failure loses nothing, and the read is tried again (v7.3.md 6.1)", () => {
  const quirks = new Set(KERNELS["7.3-rc7"].quirks);
  quirks.delete("partial_destroy_on_list_failure");
  const disk = diskOf("7.3-rc7", "strict", quirks);
  const before = disk.leaves();
  disk.failOneList();
  assertEquals([disk.read(32), disk.read(32)], ["OK", "OK"]);
  assertEquals(disk.leaves() - before, 1);
});
