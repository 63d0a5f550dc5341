import { assertEquals } from "@std/assert";
import type { MachineEvent } from "@dmalab/runtime";
import { formatEvent, formatEvents } from "./event_line.ts";

function event(seq: number, name: string, fields: Record<string, unknown>): MachineEvent {
  return {
    seq,
    at_ns: seq * 600,
    cpu: 0,
    device: "ssd",
    request: 1,
    site: null,
    name,
    fields,
    why: null,
  } as unknown as MachineEvent;
}

const ALLOC = event(2, "iova.alloc", {
  start: 0xfffe_0000,
  size_bytes: 131072,
  limit: 0xffff_ffff,
  source: "tree",
});

Deno.test("formatEvent() writes number, time, device, request, name and fields on one line", () => {
  assertEquals(
    formatEvent(ALLOC),
    "    2     1.2us  ssd     #1    iova.alloc        start 0xfffe_0000 128KiB limit 0xffff_ffff tree",
  );
});

Deno.test("formatEvents() cuts a line at the width and shows that it did", () => {
  const lines = formatEvents([ALLOC], 40);
  assertEquals(lines[1]?.length, 40);
  assertEquals(lines[1]?.endsWith("…"), true);
});

Deno.test("formatEvents() names devices and requests only where they differ", () => {
  const other = { ...ALLOC, seq: 3, device: "gpu", request: 2 };
  assertEquals(formatEvents([ALLOC, other], 80)[0], "seq   time  device  req   event");
});

Deno.test("formatEvent() writes leaves as count times size", () => {
  const map = event(5, "iommu.map", {
    iova: 0x1000,
    phys: 0x2000,
    size_bytes: 8192,
    prot: "rw",
    leaves: [[4096, 2]],
  });
  assertEquals(
    formatEvent(map).trimStart(),
    "5       3us  ssd     #1    iommu.map         0x1000 → 0x2000 8KiB rw 2×4KiB",
  );
});

Deno.test("formatEvent() writes the entries of a scatterlist with their sizes", () => {
  const call = event(5, "call.dma_map_sg", { sg: [[0x1_0000, 4096], [0x2_0200, 512]], nents: 2 });
  assertEquals(
    formatEvent(call).trimStart(),
    "5       3us  ssd     #1    dma_map_sg(sg 0x1_0000 4KiB + 0x2_0200 512B, nents 2)",
  );
});

Deno.test("formatEvent() names the entries of the command as the specification does", () => {
  const line = (index: number, list: number | null) =>
    formatEvent(event(1, "nvme.prp", { index, entry: 0xffff_d200, list_page: list })).slice(31);
  assertEquals(line(-1, null), "nvme.prp          PRP1 0xffff_d200");
  assertEquals(line(-2, null), "nvme.prp          PRP2 0xffff_d200");
  assertEquals(line(3, 0), "nvme.prp          index 3 entry 0xffff_d200 list_page 0");
  const hop = (verdict: string) =>
    formatEvent(event(1, "pci.tlp", {
      ...{ from: "sw0.up", to: "rp0", hop: 3, address: 0xc000_0000, verdict, kind: "read" },
    })).slice(31);
  assertEquals(hop("forward"), "pci.tlp           3: sw0.up → rp0 0xc000_0000 read");
  assertEquals(hop("block"), "pci.tlp           3: sw0.up → rp0 0xc000_0000 read: block");
});
