import { assertEquals } from "@std/assert";
import { reportLines, reportSentence } from "./report_text.ts";

const REPORT = {
  reportClass: "link_overlap" as const,
  rule: "dma.3.6.3",
  text: 'Device "ssd" links 4096 bytes at physical 0x20_0000 at offset 0 of a range, but ' +
    "something is mapped there already",
  beyondKernel: false,
  firstPlace: "a.dma:5:3",
  secondPlace: "a.dma:7:5",
  log: null,
};

Deno.test("reportLines() tells what to look for in a kernel's log, where it says something", () => {
  const log = "device driver frees DMA memory with different size";
  assertEquals(reportLines({ ...REPORT, log }).slice(4), [
    "  reported at            a.dma:7:5",
    "  kernel log             DMA-API: … device driver frees DMA memory with",
    "                         different size",
  ]);
});

Deno.test("reportSentence() tells the first statement where it is another one", () => {
  assertEquals(reportSentence(REPORT).endsWith("already (reserved or linked at a.dma:5:3)"), true);
  assertEquals(
    reportSentence({ ...REPORT, secondPlace: REPORT.firstPlace }).endsWith("already"),
    true,
  );
});
