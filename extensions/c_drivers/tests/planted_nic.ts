import type { FoundBug, PlantedDriver } from "./planted_bugs.ts";

/** For each planted bug, the test that finds it, and the message. */
const FOUND: Readonly<Record<string, FoundBug>> = {
  "01-wrong-length": { by: "frames go out", says: /report\[unmap_size\]/ },
  "02-missing-sync": { by: "frames go out", says: /report\[cpu_access_while_mapped\]/ },
  "03-leak-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Leak when `dma_map_page` at \S+ fails/,
  },
  "04-freed-while-mapped": { by: "frames go out", says: /report\[freed_while_mapped\]/ },
  "05-read-before-sync": { by: "frames go out", says: /report\[cpu_access_while_mapped\]/ },
  "06-one-descriptor-too-few": { by: "full ring", says: /E090\d|leak/ },
  "07-error-unchecked": { by: "frames go out", says: /report\[error_unchecked\]/ },
  "08-wrong-direction": { by: "frames go out", says: /report\[unmap_direction\]/ },
  "09-one-slot-too-many": {
    by: "frames go out",
    says:
      /reads 8 bytes 0 bytes past a block of 64 bytes .*ring_nic\.c:\d+:\d+ \(in nic_rx_empty\(\)/,
  },
  "10-use-after-free": {
    by: "frames go out",
    says:
      /after the free of a block of 80 bytes .*in nic_free_rings\(\) at extensions\/c_drivers\/drivers\/nic\/ring_nic\.c/,
  },
  "11-page-kept": { by: "frames go out", says: /4096 bytes of memory at .* not freed/ },
  "12-not-unmapped-at-close": { by: "full ring", says: /report\[freed_while_mapped\]/ },
  "13-head-in-every-slot": { by: "frames go out", says: /kfree\(0x\w+\): double free/ },
};

export const NIC_DRIVER: PlantedDriver = {
  folder: "extensions/c_drivers/drivers/nic",
  scenario: "ring_nic.dma",
  cFile: "ring_nic.c",
  testCount: 12,
  found: FOUND,
  witnesses: ["01-wrong-length", "09-one-slot-too-many", "11-page-kept"],
};
