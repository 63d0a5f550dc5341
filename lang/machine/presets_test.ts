/** `latencies { preset = … }` and `acs = all`. */
import { assert, assertEquals } from "@std/assert";
import { errorsOf, printed, run } from "../testing/test_support.ts";
import { LATENCY_PRESETS } from "@dmalab/runtime/time";

const MACHINE = (latencies: string) =>
  `machine { iommu { mode = strict }\n  latencies { ${latencies} }\n  pci { root_port rp0 { nvme ssd { } } } }\n`;

Deno.test("a preset sets every latency, and a latency beside it is its own", () => {
  const asked = "print [latencies().iotlb_sync, latencies().table_write, latencies().interrupt]";
  assertEquals(printed(MACHINE("preset = round_figures") + asked), ["[1us, 50ns, 1us]"]);
  assertEquals(
    printed(MACHINE("preset = round_figures, table_write = 7ns") + asked),
    ["[1us, 7ns, 1us]"],
  );
  assertEquals(printed(MACHINE("iotlb_sync = 5ns") + asked), ["[5ns, 0ns, 0ns]"]);
  assertEquals(errorsOf(`${MACHINE("preset = round_figure")}print 1`).length, 1);
});

Deno.test("latencies of the machine and of a modifier are read by one call", () => {
  const text = "machine { latencies { iotlb_sync = 5ns } }\n" +
    'test "p" with { latencies.doorbell = 7ns } { print [latencies().iotlb_sync, latencies().doorbell] }';
  assertEquals(run(text).lines, ["[5ns, 7ns]"]);
  const twice = errorsOf("machine { latencies { }\n latencies { } }\nprint 1");
  assertEquals(twice.length, 1);
});

Deno.test("`map_segment` charges once for a segment, whichever call maps it", () => {
  const text = `${MACHINE("map_segment = 1ns").replace("machine {", "machine { leaks = allow,")}
let pages = alloc_pages(3, contiguous: false)
let page = alloc_pages(1)
let times = [now()]
dma_map_single(ssd, page, 512B, to_device)
times += [now()]
dma_map_page(ssd, page, 0, 512B, to_device)
times += [now()]
dma_map_phys(ssd, 0x10_0000 as phys, 4KiB, to_device)
times += [now()]
dma_map_sg(ssd, scatterlist(pages), to_device)
times += [now()]
dma_map_sgtable(ssd, scatterlist(pages), from_device)
times += [now()]
let state = iova_state()
dma_iova_try_alloc(ssd, state, phys: 0x20_0000 as phys, size: 8KiB)
dma_iova_link(ssd, state, 0x20_0000 as phys, 0, 4KiB, to_device)
times += [now()]
print times`;
  assertEquals(printed(text), ["[0ns, 1ns, 2ns, 3ns, 6ns, 9ns, 10ns]"]);
});

Deno.test("a test chooses a preset, and each of a matrix has its own", () => {
  const text = `${
    MACHINE("alloc = 0ns")
  }test "p" matrix { latencies.preset = [round_figures, ddr5_pcie4] } {
  print latencies().doorbell
}`;
  assertEquals(run(text).lines, ["100ns", "3ns"]);
});

Deno.test("what is derived comes to what its source says", () => {
  const { latencies } = LATENCY_PRESETS.ddr5_pcie4;
  // 118 cycles of 2400 MHz; 2 KiB at 38.4 GB/s; 24 bytes at 7.877 GB/s.
  assertEquals([latencies.table_write.ns, latencies.copy_per_kib.ns, latencies.doorbell.ns], [
    49,
    53,
    3,
  ]);
  assertEquals(latencies.iotlb_sync.ns, 2 * latencies.table_write.ns);
  for (const { latencies } of Object.values(LATENCY_PRESETS)) {
    for (const { ns, source } of Object.values(latencies)) assert(ns >= 0 && source.length > 10);
  }
});

Deno.test("`acs = all` switches on what the capability implements", () => {
  const services = (acs: string) =>
    printed(
      `machine { pci { root_port rp0 { ${acs}\n nvme ssd { } } } }\nprint rp0.acs`,
    );
  assertEquals(services("acs = all, acs_capable = [source_validation, request_redirect]"), [
    "[source_validation, request_redirect]",
  ]);
  assert(services("acs = all")[0]!.split(",").length === 7, services("acs = all")[0]);
});
