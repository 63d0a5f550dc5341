import type { FoundBug, PlantedDriver } from "./planted_bugs.ts";

const DIRECT = "reads and writes [iommu.mode = off, ssd.sgl = false]";
const TRANSLATED = "reads and writes [iommu.mode = strict, ssd.sgl = true]";
const SWEEP = "can fail fails once [iommu.mode = strict, ssd.sgl = true]";

/** For each planted bug, the test that finds it, and the message. */
const FOUND: Readonly<Record<string, FoundBug>> = {
  "01-wrong-length-at-unmap": { by: DIRECT, says: /report\[unmap_size\]/ },
  "02-missing-sync": { by: TRANSLATED, says: /report\[sync_missing\]/ },
  "03-leak-in-error-path": {
    by: "second page of a list cannot be had [iommu.mode = off]",
    says: /report\[leak_at_unbind\].*unbinds with 1 live mapping;/,
  },
  "04-freed-while-mapped": {
    by: "can fail fails once [iommu.mode = off, ssd.sgl = true]",
    says: /E0921 Leak when `device\.write` fails the 1st time[^]*report\[freed_while_mapped\]/,
  },
  "05-read-before-unmap": {
    by: DIRECT,
    says:
      /report\[cpu_access_while_mapped\].*in identify\(\) at extensions\/c_drivers\/drivers\/nvme\/lab_nvme\.c/,
  },
  "06-short-list-too-long": {
    by: DIRECT,
    says:
      /EFAULT: writes 8 bytes at .*in put_prps\(\) at extensions\/c_drivers\/drivers\/nvme\/lab_nvme\.c/,
  },
  "07-one-entry-too-few": { by: DIRECT, says: /E0901 Assertion failed/ },
  "08-wrong-offset": { by: DIRECT, says: /E0901 Assertion failed/ },
  "09-list-page-boundary": {
    by: "list of more than a page [iommu.mode = off]",
    says: /E0901 Assertion failed/,
  },
  "10-use-after-free": {
    by: DIRECT,
    says:
      /after the free of a block of .*freed at extensions\/c_drivers\/drivers\/nvme\/lab_nvme\.c.*in free_queue/,
  },
  "11-not-unmapped-at-reset": {
    by: "without an answer has the controller reset [iommu.mode = off]",
    says: /report\[leak_at_unbind\].*unbinds with 8 live mappings \(8 single\);/,
  },
  "12-wrong-pool": { by: DIRECT, says: /EFAULT: writes 8 bytes at .*in put_prps\(\)/ },
  "13-range-destroyed-in-part": {
    by: SWEEP,
    says: /Leak when `dma_iova_link` at \S+ fails the 2nd time/,
  },
  "14-error-unchecked": { by: DIRECT, says: /report\[error_unchecked\]/ },
  "15-unwinds-one-too-few": {
    by: "can fail fails once [iommu.mode = off, ssd.sgl = true]",
    says: /report leak_at_unbind when `dma_map_page` at \S+ fails the 2nd time/,
  },
  "16-lists-kept": { by: DIRECT, says: /256-byte block of the pool .* not freed/ },
  "17-phase-kept": {
    by: "time and again [iommu.mode = off]",
    // The limit is reached in the endless loop, or in a function that the loop calls.
    says:
      /E0801 .* in (?:take_completions|unmap_data)\(\) at extensions\/c_drivers\/drivers\/nvme\/lab_nvme\.c/,
  },
  "18-irq-kept": { by: DIRECT, says: /pci_free_irq_vectors\(\) while irq 32 has a handler/ },
  "19-wrong-direction": { by: DIRECT, says: /report\[unmap_direction\]/ },
};

export const NVME_DRIVER: PlantedDriver = {
  folder: "extensions/c_drivers/drivers/nvme",
  scenario: "lab_nvme.dma",
  cFile: "lab_nvme.c",
  testCount: 38,
  found: FOUND,
  witnesses: ["02-missing-sync", "03-leak-in-error-path", "06-short-list-too-long"],
};
