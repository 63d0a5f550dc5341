/** `dmalab explain` of a part of a message, and of a file. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { messagesWith } from "../kernel_log/find_messages.ts";
import { formOf } from "../kernel_log/messages/form.ts";
import { MESSAGE_AREAS } from "../kernel_log/messages/table.ts";

/**
 * Parts of messages as people remember them, each with a name that the answer must contain: the
 * class, the cause or the kind of the message.
 */
const PARTS: readonly (readonly [part: string, name: string])[] = [
  ["rejecting DMA map of vmalloc memory", "map_vmalloc"],
  ["exceeded 7 overlapping mappings", "cacheline_overlap_many"],
  ["overlapping mappings of cacheline 0x117c43a", "cacheline_overlap_many"],
  ["device driver has pending DMA allocations", "leak_at_unbind"],
  ["device driver tries to free DMA memory it has not allocated", "unmap_unknown"],
  ["cpu touching an active dma mapped cacheline", "cpu_touches_mapped"],
  ["swiotlb buffer is full", "swiotlb buffer is full"],
  ["overflow 0x0000000105fcc000+4096 of DMA mask", "DMA mask"],
  ["device driver failed to check map error", "failed to check map error"],
];

Deno.test("a part of a message is explained by the message's row", async () => {
  for (const [part, name] of PARTS) {
    const { code, errors, output } = await dmalab("explain", ...part.split(" "));
    assertEquals([code, errors], [0, ""], part);
    assertStringIncludes(output.replace(/\s+/g, " "), name, part);
  }
});

Deno.test("the words of every message find its row", () => {
  for (const row of MESSAGE_AREAS.flatMap(({ rows }) => rows)) {
    for (const form of row.forms) {
      const sample = formOf(form).sample();
      const found = messagesWith(sample);
      const words = form.replace(/\{[^}]*\}/g, " ").match(/[a-z0-9_]+/gi)?.length ?? 0;
      // If a form has a placeholder directly behind a word, its sample has a value there. The word
      // and the value are then read as one word, so such forms are skipped.
      if (words < 2 || /\w\{/.test(form)) continue;
      assert(found.some((each) => each.row === row), sample);
    }
  }
  assertEquals(messagesWith("nothing of the kind"), []);
  assertEquals(messagesWith("swiotlb"), []);
  assertEquals(messagesWith(""), []);
});

Deno.test("a file is read as a log, and a file of another kind is named", async () => {
  using folder = new TempFolder();
  const line =
    "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xfffe1000 [fault reason 0x06] PTE Read access is not set";
  const log = `[    1.000000] ${line}\n[    2.000000] ${line}\n`;
  const inFolder = folder.write("dmesg.txt", log);
  const { code, output } = await dmalab("explain", inFolder);
  assertEquals(code, 0);
  assertStringIncludes(output, "2 times, first in line 1");
  // Names of files that look like a line of a log or like a citation.
  for (const name of ["DMAR.log", "dma.txt", "a b.txt"]) {
    assertStringIncludes((await dmalab("explain", folder.write(name, log))).output, "2 times");
  }
  assertEquals((await dmalab("explain", "--json", inFolder)).output.split("\n").length, 3);
  const empty = await dmalab("explain", folder.write("empty.txt", "nothing\n"));
  assertEquals([empty.code, empty.errors.includes("no line about DMA")], [2, true]);
  const trace = await dmalab("explain", "examples/traces/data/leaky-driver.trace.txt");
  assertEquals(trace.code, 2);
  assertStringIncludes(trace.errors, "is a kernel trace");
  const missing = await dmalab("explain", folder.at("none.txt"));
  assertEquals(missing.code, 2);
});

Deno.test("the second to hundredth line that says the same is one finding with a count", async () => {
  using folder = new TempFolder();
  const full = (seconds: number, device: string) =>
    `[  ${
      seconds.toFixed(6).padStart(10)
    }] nvme ${device}: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 32768 (slots)\n`;
  const log = Array.from({ length: 100 }, (_, index) => full(index + 1, "0000:41:00.0")).join("");
  const path = folder.write("dmesg.txt", log + full(200, "0000:42:00.0"));
  const { output } = await dmalab("trace", "check", path);
  assertEquals(output.match(/swiotlb_full at /g)?.length, 2, output);
  assertStringIncludes(output, "100 times, from 1.000000 s to 100.000000 s; also lines 2, 3,");
  const told = await dmalab("explain", path);
  assertStringIncludes(told.output, "100 times, first in line 1\n");
});

Deno.test("an event with its system in front is explained as the events of that system", async () => {
  for (const event of ["dma:dma_map_page", "iommu:map", "swiotlb:swiotlb_bounced"]) {
    const { code, output } = await dmalab("explain", event);
    assertEquals(code, 0, event);
    assertStringIncludes(output, `${event.slice(0, event.indexOf(":"))}:*`, event);
  }
});

Deno.test("the reason in a fault's line is explained with the row that has its words", async () => {
  const rows = [
    ["PTE Read access is not set", "PTE Read access is not set"],
    ["Present bit in context entry is clear", "Present bit in root entry is clear"],
  ] as const;
  for (const [reason, row] of rows) {
    const { code, output } = await dmalab("explain", reason);
    assertEquals(code, 0, reason);
    assertStringIncludes(output, row, reason);
  }
});
