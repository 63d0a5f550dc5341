import { assertEquals } from "@std/assert";
import { type BlkStatusName, blkStatusName } from "@dmalab/runtime";
import { blockStatusOf } from "./request.ts";

/** The table of nvme.md 4.2. */
const TABLE: [statuses: number[], block: BlkStatusName][] = [
  [[0x000], "OK"],
  [[0x081], "NOSPC"],
  [[0x080, 0x021, 0x082], "TARGET"],
  [[0x180, 0x001, 0x002, 0x00b], "NOTSUPP"],
  [[0x280, 0x281, 0x285, 0x286, 0x287, 0x182], "MEDIUM"],
  [[0x282, 0x283, 0x284, 0x181], "PROTECTION"],
  [[0x083], "RESV_CONFLICT"],
  [[0x370], "TRANSPORT"],
  [[0x1bd], "ZONE_ACTIVE_RESOURCE"],
  [[0x1be], "ZONE_OPEN_RESOURCE"],
  [[0x013, 0x00d, 0x00e, 0x00f, 0x010, 0x011, 0x004, 0x7ff], "IOERR"],
];

Deno.test("NVMe statuses become block statuses as the table of nvme.md 4.2 says", () => {
  for (const [statuses, block] of TABLE) {
    for (const status of statuses) {
      assertEquals(blkStatusName(blockStatusOf(status)), block, `0x${status.toString(16)}`);
      assertEquals(blkStatusName(blockStatusOf(status | 0x7800)), block, "with DNR, more and CRD");
    }
  }
});
