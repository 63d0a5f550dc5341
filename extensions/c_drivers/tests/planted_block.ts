import type { FoundBug, PlantedDriver } from "./planted_bugs.ts";

/** For each planted bug, the test that finds it, and the message. */
const FOUND: Readonly<Record<string, FoundBug>> = {
  "01-wrong-length": { by: "on the disk", says: /report\[free_while_linked\]/ },
  "02-missing-iova-sync": { by: "on the disk", says: /report\[sync_missing\]/ },
  "03-leak-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Leak when `dma_map_phys` at \S+ fails/,
  },
  "04-destroyed-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Leak when `dma_iova_link` at \S+ fails[\s\S]*IOVA range at .* not freed/,
  },
  "05-stale-state": { by: "on the disk", says: /report\[destroy_twice\]/ },
  "06-one-segment-too-few": {
    by: "on the disk",
    says:
      /report\[uninitialized_dma_read\] .*16 of them were never written since their allocation at \S*block_hba\.c:\d+/,
  },
  "07-ended-before-unmap": {
    by: "on the disk",
    says: /of the driver's area after the end of the request of tag 0 \(in hba_unmap\(\) at .*:\d+/,
  },
  "08-wrong-direction": { by: "on the disk", says: /report\[unlink_direction\]/ },
  "09-error-unchecked": { by: "on the disk", says: /report\[error_unchecked\]/ },
  "10-table-kept": {
    by: "on the disk",
    says: /512-byte block of the pool .* not freed/,
  },
  "11-no-min-align": { by: "not trusted", says: /E0901[\s\S]*works\(shapes/ },
  "12-gaps-not-looked-at": { by: "on the disk", says: /report\[link_unaligned\]/ },
  "13-list-unmapped-by-its-device-side": { by: "on the disk", says: /report\[unmap_entries\]/ },
  "14-no-unmap-without-an-iommu": { by: "bounced", says: /report\[freed_while_mapped\]/ },
  "15-phase-of-the-first-round": { by: "several rounds", says: /E0901[\s\S]*hba_poll/ },
};

export const BLOCK_DRIVER: PlantedDriver = {
  folder: "extensions/c_drivers/drivers/block",
  scenario: "block_hba.dma",
  cFile: "block_hba.c",
  testCount: 16,
  found: FOUND,
  witnesses: ["02-missing-iova-sync", "10-table-kept", "06-one-segment-too-few"],
};
