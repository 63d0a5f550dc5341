/** `fails` with a status of the controller, by name and by number. */
import { assertEquals } from "@std/assert";
import { errorsOf, load, run } from "../testing/test_support.ts";

const hintOf = (text: string) => load(text).diagnostics[0]?.hint;

const MACHINE = "machine { pci { root_port rp0 { nvme ssd { queues = 1 } } } }\n";

Deno.test("fails takes an NVMe status by its name and by its number, of a raise and of a raw command", () => {
  const { outcomes } = run(`${MACHINE}test "t" {
    let page = alloc_pages(1)
    ssd.raw(nvme_command(0x7f)) fails invalid_command_opcode
    ssd.raw(nvme_command(0x7f)) fails 0x4001
    inject device.status {
      ssd.read(lba: 0, into: page) fails unrecovered_read_error
      ssd.read(lba: 0, into: page) fails 0x4281
      ssd.read(lba: 0, into: page) fails MEDIUM
      expect error unrecovered_read_error { ssd.read(lba: 0, into: page) }
    }
  }`).report;
  assertEquals(outcomes.map(({ failure }) => failure?.lines.join("\n") ?? null), [null]);
});

Deno.test("a number that is no status is an error before the run, with the nearest that is one", () => {
  const raw = (outcome: string) => `${MACHINE}ssd.raw(nvme_command(1)) ${outcome}`;
  assertEquals(errorsOf(raw("fails 0x4005")), ["E0313 2:32 No NVMe status is `0x4005`"]);
  assertEquals(hintOf(raw("fails 0x4005")), "the nearest is `0x4004`, data_transfer_error");
  assertEquals(errorsOf(raw("fails 0x8001")), ["E0313 2:32 No error is called `0x8001`"]);
  assertEquals(errorsOf(raw("faults 0x4001")), [
    "E0313 2:33 No IOMMU fault is called `0x4001`",
  ]);
  assertEquals(hintOf(raw("fails lba_out_of_rang")), "did you mean `lba_out_of_range`?");
  assertEquals(errorsOf(raw("fails successful_completion")).length, 1);
});
