/** Changes without an effect in all other devices, and of texts of `lspci`. */
import type { Equivalent } from "./entry.ts";

export const DEVICES: readonly Equivalent[] = [
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "if (base < limit && limit < ADDRESS_LIMIT) windows.push({ space, base, limit });",
    changes: ["base < limit → base <= limit", "limit < ADDRESS_LIMIT → limit <= ADDRESS_LIMIT"],
    reason: "a limit is odd, and neither a base nor 2^53 is",
  },
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "let at = has ? view.getUint8(CAPABILITIES) & 0xfc : 0;",
    changes: ["0 → 0 + 1"],
    reason: "anything below the end of the header ends the list",
  },
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "if (at + 12 > known) return;",
    changes: ["12 → 12 - 1"],
    reason: "the first entry is looked at again, and the space ends with a whole register",
  },
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "export const CONFIG_SPACE_BYTES = 4096;",
    changes: ["4096 → 4096 + 1"],
    reason: "the byte behind the last one is never written, nor known to be there",
  },
  {
    path: "devices/pci/lspci/hex_dump.ts",
    line: "const offset = parseInt(match[1]!, 16);",
    changes: ["1 → 1 - 1"],
    reason: "a number is read up to the colon behind it",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "else if (isOther(known, mention)) return twoMachines(known, mention);",
    changes: ["isOther(known, mention) → isOther(mention, known)"],
    reason: "two differ from either side",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "return differ(one.vendor, other.vendor) || differ(one.device, other.device) ||",
    changes: [
      "differ(one.vendor, other.vendor) → differ(other.vendor, one.vendor)",
      "differ(one.device, other.device) → differ(other.device, one.device)",
    ],
    reason: "two differ from either side",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "differ(one.classCode, other.classCode) ||",
    changes: ["differ(one.classCode, other.classCode) → differ(other.classCode, one.classCode)"],
    reason: "two differ from either side",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "differ(one.buses?.secondary ?? null, other.buses?.secondary ?? null);",
    changes: [
      "differ(one.buses?.secondary ?? null, other.buses?.secondary ?? null) → " +
      "differ(other.buses?.secondary ?? null, one.buses?.secondary ?? null)",
    ],
    reason: "two differ from either side",
  },
  {
    path: "devices/rdma/memory_region.ts",
    line: "const inPage = (virt - umem.start) % umem.pageBytes;",
    changes: ["virt - umem.start → virt + umem.start"],
    reason: "a umem begins with a page",
  },
  {
    path: "devices/rdma/memory_region.ts",
    line: "last: umem.indexOf(Math.min(end, umem.end) - 1),",
    changes: ["1 → 1 + 1"],
    reason: "any of the last bytes of a page is in it",
  },
  {
    path: "devices/rdma/memory_region.ts",
    line: "start = -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that no run is open",
  },
  {
    path: "devices/rdma/rdma_adapter.ts",
    line: "if (mapped < 0) return mapped;",
    changes: ["mapped < 0 → mapped <= 0", "0 → 0 + 1"],
    reason: "a part has one page at least",
  },
  {
    path: "devices/rdma/rdma_adapter.ts",
    line: "#posted = 0;",
    changes: ["0 → 0 + 1"],
    reason: "a number of its own is all that an activity needs",
  },
  {
    path: "devices/vfio/driver/dirty_tracker.ts",
    line: "for (let index = 0; index < records; index += perPage) {",
    changes: ["index < records → index <= records"],
    reason: "no records are read behind the last page of them",
  },
];
