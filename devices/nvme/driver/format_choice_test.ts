import { assertEquals } from "@std/assert";
import { DriverRig, pages, vec } from "../_driver_rig.ts";

Deno.test("threshold 0 turns SGLs off for several segments (nvme.md 7, case 10)", () => {
  const rig = new DriverRig({ sgl: true, driver: { sglThresholdBytes: 0 } });
  assertEquals(rig.read([vec(0x200_0000, 8192), vec(0x300_0000, 4096)]).format, "prp");
});

Deno.test("the choice says why", () => {
  const rig = new DriverRig({ sgl: true, iommu: { mode: "strict" } });
  const why = rig.record(() => rig.read(pages(8)), ["nvme.choose"])[0]!.why;
  assertEquals(why, {
    rule: "nvme.2.1.C",
    inputs: {
      sgl: "supported",
      payload_bytes: 32768,
      segments: 8,
      gap_bit: 13,
      coalesced: true,
      average_bytes: 32768,
      threshold_bytes: 32768,
      span_bytes: 32768,
      user_command: false,
      metadata_segments: 0,
    },
  });
});
