import { assertEquals } from "@std/assert";
import { DriverRig, type DriverRigOptions, pages, scattered, vec } from "../_driver_rig.ts";
import { avgSegSize, ctrlPageOffset, prefersSgl } from "./map_data.ts";

Deno.test("the average segment is rounded up, and a coalesced request is one (nvme.md 2.1)", () => {
  const cases: [payload: number, segments: number, coalesced: boolean, average: number][] = [
    [16384, 4, true, 16384],
    [16384, 4, false, 4096],
    [32768, 8, true, 32768],
    [32768, 8, false, 4096],
    [131072, 4, false, 32768],
    [131072, 5, false, 26215],
  ];
  for (const [payload, segments, coalesced, average] of cases) {
    assertEquals(avgSegSize(payload, coalesced ? 1 : segments), average);
  }
});

Deno.test("SGLs are preferred from the threshold on, never at 0, always when forced (nvme.md 2.1)", () => {
  assertEquals(prefersSgl("supported", 32767, 32768), false);
  assertEquals(prefersSgl("supported", 32768, 32768), true);
  assertEquals(prefersSgl("supported", 2 ** 20, 0), false);
  assertEquals(prefersSgl("forced", 512, 0), true);
  assertEquals(prefersSgl("unsupported", 2 ** 20, 32768), false);
  assertEquals(ctrlPageOffset(0x1_2345_6789_abc), 0xabc);
});

/** Payload and scattered segments of the table in nvme.md 2.1. */
const TABLE: [kib: number, segments: number, iommu: string, direct: string][] = [
  [16, 4, "prp", "prp"],
  [32, 8, "sgl 1", "prp"],
  [128, 4, "sgl 1", "sgl 4"],
];

Deno.test("format and descriptors follow the table of nvme.md 2.1", () => {
  for (const [kib, segments, iommu, direct] of TABLE) {
    for (const [mode, wanted] of [["strict", iommu], ["off", direct]] as const) {
      const rig = new DriverRig({ sgl: true, iommu: { mode } });
      const partBytes = (kib * 1024) / segments;
      const vecs = Array.from(
        { length: segments },
        (_, index) => vec(0x200_0000 + index * 0x1_0000, partBytes),
      );
      const rq = rig.read(vecs);
      const got = rq.format === "prp" ? "prp" : `sgl ${rq.command!.sgl.length}`;
      assertEquals(got, wanted, `${kib} KiB in ${segments} segments, ${mode}`);
    }
  }
  // 128 KiB in 5 segments: an average of 26215 is below the threshold.
  const five = Array.from({ length: 4 }, (_, index) => vec(0x200_0000 + index * 0x1_0000, 28672));
  five.push(vec(0x300_0000, 16384));
  assertEquals(new DriverRig({ sgl: true }).read(five).format, "prp");
  const coalesced = new DriverRig({ sgl: true, iommu: { mode: "strict" } }).read(five);
  assertEquals([coalesced.format, coalesced.command!.sgl.length], ["sgl", 1]);
});

interface Simple {
  readonly options: DriverRigOptions;
  readonly offset: number;
  readonly bytes: number;
  readonly user?: boolean;
  readonly wanted: string;
}

/** Rows of nvme.md 2.2, each at its edge. */
const SIMPLE: Simple[] = [
  { options: { sgl: true }, offset: 0x200, bytes: 7680, wanted: "simple_prp" },
  { options: { sgl: true }, offset: 0x200, bytes: 8704, wanted: "simple_sgl" },
  { options: { sgl: true }, offset: 0, bytes: 8192, wanted: "simple_prp" },
  { options: { sgl: true }, offset: 0, bytes: 8704, wanted: "simple_sgl" },
  { options: { sgl: true }, offset: 0, bytes: 512, user: true, wanted: "simple_sgl" },
  { options: {}, offset: 0x200, bytes: 7680, wanted: "simple_prp" },
  { options: {}, offset: 0x200, bytes: 8704, wanted: "prp" },
  { options: {}, offset: 0, bytes: 512, user: true, wanted: "simple_prp" },
  // The threshold is not consulted on the simple path (nvme.md 7, case 10).
  {
    options: { sgl: true, driver: { sglThresholdBytes: 0 } },
    offset: 0,
    bytes: 12288,
    wanted: "simple_sgl",
  },
];

Deno.test("one segment takes the simple path as the table of nvme.md 2.2 says", () => {
  for (const { options, offset, bytes, user, wanted } of SIMPLE) {
    const rig = new DriverRig(options);
    const chosen: unknown[] = [];
    rig.machine.events.listen(({ fields }) => chosen.push((fields as { format: string }).format), [
      "nvme.choose",
    ]);
    const vecs = [vec(0x200_0000 + offset, bytes)];
    if (user === true) {
      rig.finish(rig.disk.passthrough({
        opcode: 2,
        buffer: { segments: vecs },
        dwords: { 12: bytes / 512 - 1 },
      }));
    } else {
      rig.read(vecs);
    }
    assertEquals(chosen, [wanted], `${bytes} bytes at ${offset}`);
  }
});

Deno.test("threshold 0 turns SGLs off for several segments (nvme.md 7, case 10)", () => {
  const rig = new DriverRig({ sgl: true, driver: { sglThresholdBytes: 0 } });
  assertEquals(rig.read([vec(0x200_0000, 8192), vec(0x300_0000, 4096)]).format, "prp");
});

Deno.test("a gap below 4 KiB forces SGLs (nvme.md 2.1)", () => {
  const rig = new DriverRig({ sgl: true });
  assertEquals(rig.read(scattered([0, 512], [0, 512])).format, "sgl");
  assertEquals(rig.read(pages(2)).format, "prp");
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
