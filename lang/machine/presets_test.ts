/** `prices { preset = … }` and `acs = all`. */
import { assert, assertEquals } from "@std/assert";
import { errorsOf, printed, run } from "../testing/test_support.ts";
import { PRICE_PRESETS } from "../../runtime/price_presets.ts";

const MACHINE = (prices: string) =>
  `machine { iommu { mode = strict }\n  prices { ${prices} }\n  pci { root_port rp0 { nvme ssd { } } } }\n`;

Deno.test("a preset sets every price, and a price beside it is its own", () => {
  const asked = "print [prices().iotlb_sync, prices().table_write, prices().interrupt]";
  assertEquals(printed(MACHINE("preset = round_figures") + asked), ["[1us, 50ns, 1us]"]);
  assertEquals(
    printed(MACHINE("preset = round_figures, table_write = 7ns") + asked),
    ["[1us, 7ns, 1us]"],
  );
  assertEquals(printed(MACHINE("iotlb_sync = 5ns") + asked), ["[5ns, 0ns, 0ns]"]);
  assertEquals(errorsOf(`${MACHINE("preset = round_figure")}print 1`).length, 1);
});

Deno.test("a test chooses a preset, and each of a matrix has its own", () => {
  const text = `${
    MACHINE("alloc = 0ns")
  }test "p" matrix { prices.preset = [round_figures, ddr5_pcie4] } {
  print prices().doorbell
}`;
  assertEquals(run(text).lines, ["100ns", "3ns"]);
});

Deno.test("what is derived comes to what its source says", () => {
  const { prices } = PRICE_PRESETS.ddr5_pcie4;
  // 118 cycles of 2400 MHz; 2 KiB at 38.4 GB/s; 24 bytes at 7.877 GB/s.
  assertEquals([prices.table_write.ns, prices.copy_per_kib.ns, prices.doorbell.ns], [49, 53, 3]);
  assertEquals(prices.iotlb_sync.ns, 2 * prices.table_write.ns);
  for (const { prices } of Object.values(PRICE_PRESETS)) {
    for (const { ns, source } of Object.values(prices)) assert(ns >= 0 && source.length > 10);
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
