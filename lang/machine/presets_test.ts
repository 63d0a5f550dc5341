/** `latencies { preset = … }` and `acs = all`. */
import { assert, assertEquals } from "@std/assert";
import { errorsOf, printed, run } from "../testing/test_support.ts";

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

Deno.test("a test chooses a preset, and each of a matrix has its own", () => {
  const text = `${
    MACHINE("alloc = 0ns")
  }test "p" matrix { latencies.preset = [round_figures, ddr5_pcie4] } {
  print latencies().doorbell
}`;
  assertEquals(run(text).lines, ["100ns", "3ns"]);
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
