/** Words that users know (sysfs, debugfs, kernel parameters), and the answers of `dmalab explain`. */
import { assert, assertEquals } from "@std/assert";
import { describeLanguage } from "@dmalab/lang/editor";
import { MemoryScreen } from "../memory_screen.ts";
import { EXPLAIN } from "../commands/explain.ts";
import { readRulePage } from "../places.ts";
import { explain } from "./lookup.ts";
import { userWords, userWordsIn } from "./user_words.ts";

const first = (question: string) => userWordsIn(question).map(({ words }) => words[0]);

async function explained(question: string) {
  const screen = new MemoryScreen();
  const options = { html: null, in: null, json: false, trace: [] };
  const code = await EXPLAIN.run({ words: question.split(" "), options, screen });
  return { code, output: screen.output, errors: screen.errors };
}

Deno.test("every word leads to names that dmalab explains, and stands in one row", () => {
  const rows = userWords();
  const words = rows.flatMap((entry) => entry.words.map((word) => word.toLowerCase()));
  assertEquals(words.length, new Set(words).size);
  for (const { doc, see, words } of rows) {
    assert(see.length > 0 && doc.endsWith("."), words[0]);
    for (const name of see) {
      const found = explain(name, readRulePage).found || describeLanguage(name, 80) !== null;
      assert(found, `${words[0]}: nothing explains ${name}`);
    }
  }
});

/** A question as people type it, and the rows that answer it. */
const TYPED: readonly (readonly [question: string, ...rows: string[]])[] = [
  ["max_hw_sectors_kb", "max_hw_sectors_kb"],
  ["MAX_HW_SECTORS_KB", "max_hw_sectors_kb"],
  ["queue/max_hw_sectors_kb", "max_hw_sectors_kb"],
  ["/sys/block/nvme0n1/queue/max_hw_sectors_kb", "max_hw_sectors_kb"],
  ["max_hw_sectors_kb=128", "max_hw_sectors_kb"],
  ["max_hw_sectors_kb: 128", "max_hw_sectors_kb"],
  ["max_segments", "max_segments"],
  ["arm-smmu.disable_bypass=0", "arm-smmu.disable_bypass="],
  ["coherent_pool=2M", "coherent_pool="],
  ["pcie_aspm=off", "pcie_aspm="],
  ["vfio_iommu_type1.allow_unsafe_interrupts=1", "vfio_iommu_type1.allow_unsafe_interrupts="],
  ["nvme_core.default_ps_max_latency_us=0", "nvme_core.default_ps_max_latency_us="],
  ["CONFIG_DMA_CMA", "CONFIG_DMA_CMA"],
  ["CONFIG_CMA_SIZE_MBYTES=64", "CONFIG_DMA_CMA"],
  ["CONFIG_VMAP_STACK=y", "CONFIG_VMAP_STACK"],
  ["CONFIG_SWIOTLB_DYNAMIC", "CONFIG_SWIOTLB"],
  ["max_segment_size", "max_segment_size"],
  ["virt_boundary_mask", "virt_boundary_mask"],
  ["/sys/block/sda/queue/scheduler", "queue/scheduler"],
  ["iommu_group", "iommu_group"],
  ["/sys/bus/pci/devices/0000:01:00.0/iommu_group", "iommu_group"],
  ["/sys/kernel/iommu_groups/7/type", "iommu_group/type"],
  ["dma_mask_bits", "dma_mask_bits"],
  ["/sys/kernel/debug/swiotlb/io_tlb_used", "io_tlb_used"],
  ["iommu=pt", "iommu=pt"],
  ["'iommu=pt'", "iommu=pt"],
  ["iommu.passthrough=1", "iommu=pt"],
  ["iommu.strict=0", "iommu.strict=0"],
  ["iommu.strict=1", "iommu.strict=1"],
  ["amd_iommu=fullflush", "iommu.strict=1"],
  ["intel_iommu=on", "intel_iommu=on"],
  ["intel_iommu=on,sm_on", "intel_iommu=on"],
  ["intel_iommu=sm_on", "intel_iommu=sm_on"],
  ["intel_iommu=on iommu=pt", "intel_iommu=on", "iommu=pt"],
  ["swiotlb=force", "swiotlb=force"],
  ["swiotlb=65536", "swiotlb="],
  ["swiotlb=65536,8", "swiotlb="],
  ["swiotlb=", "swiotlb="],
  ["cma=256M", "cma="],
  ["pci=disable_acs_redir=0000:03:08.0;0000:03:10.0", "pci=disable_acs_redir"],
  ["pci=disable_acs_redir", "pci=disable_acs_redir"],
  ["pci=noats", "pci=noats"],
  ["pcie_acs_override=downstream,multifunction", "pcie_acs_override="],
  ["nvme_core.io_timeout=255", "nvme_core.io_timeout="],
  ["nothing=here"],
  ["iommu=pt nothing=here"],
  ["swiotlb", "swiotlb="],
  ["iommu.strict", "iommu.strict="],
  ["iommu"],
];

Deno.test("paths, values and several parameters are understood", () => {
  for (const [question, ...rows] of TYPED) assertEquals(first(question), rows, question);
});

Deno.test("dmalab explain prints what a word is, where it stands, and the names to ask for", async () => {
  const { code, output } = await explained("max_hw_sectors_kb");
  assertEquals(code, 0);
  for (const part of ["/sys/block/DISK/queue/", "limits.max_transfer", "nvme.mdts"]) {
    assert(output.includes(part), output);
  }
  assert((await explained("iommu=pt")).output.includes("iommu.mode"));
  // If a word is also a name of the language, both answers are printed.
  const both = (await explained("max_segments")).output;
  assert(
    both.includes("/sys/block/DISK/queue/max_segments") && both.includes("why a bio was split"),
  );
});

Deno.test("a machine key stands before an event of its name", async () => {
  for (const name of ["nvme.sgl", "nvme.timeout", "nvme.metadata"]) {
    const { output } = await explained(name);
    const [key, event] = [output.indexOf("- takes: "), output.indexOf("Happens when ")];
    assert(key > 0 && event > key, output);
  }
});

Deno.test("the search has the words of users, too", async () => {
  const { output } = await explained("bounce force");
  assert(output.includes("swiotlb=force"), output);
});

Deno.test("a class of the checker's reports has its rule, where it is found and its line in a kernel's log", async () => {
  const rows = [
    ["unmap_kind", "- rule: dma.8.2.4, checked by the kernel; ", "wrong function", "error_count"],
    ["unmap_size", "dma.8.2.3, checked by the kernel (not in dma_free_noncontiguous()); "],
    ["cpu_access_while_mapped", "- rule: dma.1.6, not checked by any kernel; ", "every mode"],
    ["link_overlap", "- found in: the two-step API"],
  ];
  for (const [name, ...parts] of rows) {
    const { code, output } = await explained(name!);
    assertEquals(code, 0);
    const text = output.replaceAll("`", "").replaceAll(/\s+/g, " ");
    for (const part of [...parts, `expect warning ${name} { … }`]) {
      assert(text.includes(part), `no "${part}" in ${text}`);
    }
  }
});
