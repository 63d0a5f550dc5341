/**
 * Traces of kernels without dma:* events. Lines of page tables give the history of a page and prove
 * nothing. The output of the recipe for bpftrace is read like the dma:* events.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { modeOf } from "../ledger/device_mode.ts";
import { isSure } from "../ledger/traced_mapping.ts";
import { checkedTrace } from "./checked_trace.ts";
import { readGolden, runsOf } from "./golden_traces.ts";
import { ROOT } from "@dmalab/tests";

/**
 * A capture without the `dma_*` events, as an older kernel records it. The lines of these events
 * become empty, so that the numbers of the other lines stay the same.
 */
function withoutDma(text: string): string[] {
  return text.split("\n").map((line) => / dma_\w+: /.test(line) ? "" : line);
}

Deno.test("without dma:* events nothing is proved of any capture", async () => {
  let alone = 0;
  for (const run of runsOf("real")) {
    const trace = await readGolden(`real/${run}.trace.txt.gz`);
    if (trace === null) continue;
    const { check, findings, text } = checkedTrace(withoutDma(trace));
    assertEquals(findings.filter(isSure), [], run);
    if (!check.ledger.isTableAlone) continue;
    alone++;
    assertStringIncludes(text(), "no dma:* events");
    assert(!text().includes("two-step"), run);
  }
  assert(alone > 5, `${alone} captures have lines of page tables`);
});

Deno.test("without dma:* events a fault has its page's history: who mapped it, and when it went", async () => {
  const trace = (await readGolden("planted/p17-fault-after-unmap.trace.txt.gz"))!;
  const log = (await readGolden("planted/p17-fault-after-unmap.dmesg.txt"))!;
  const whole = checkedTrace(trace.split("\n"), log.split("\n")).findings
    .find(({ kind }) => kind === "use_after_unmap")!;
  const fault = checkedTrace(withoutDma(trace), log.split("\n")).findings
    .find(({ logLine }) => logLine === whole.logLine)!;
  assertEquals([fault.kind, fault.certainty], ["use_after_unmap", "possible"]);
  // The line of the page table is at most two lines away from the line of the call.
  assert(Math.abs(fault.line! - whole.line!) <= 2, `${fault.line} beside ${whole.line}`);
  assert(Math.abs(fault.otherLine! - whole.otherLine!) <= 2);
  const [, task] = /mapped by (\S.*-\d+) in line/.exec(fault.text)!;
  assertStringIncludes(trace.split("\n")[fault.otherLine! - 1]!, task!);
});

/** Prints values as bpftrace prints them with a format string. */
function printed(format: string, values: Readonly<Record<string, string>>): string {
  const named = format.replace("%llu.%06llu", values.time!)
    .replace(/^%s-%d \[%03d\]/, "fio-42 [001]").replace(/\\n$/, "");
  return named.replace(/: %s dir/, `: ${values.device} dir`)
    .replace(/iova=0x%016llx - 0x%016llx/, `iova=${values.iova}`)
    .replaceAll(
      /(\w+)=(?:0x)?%(?:s|llx|llu|016llx)/g,
      (_, key: string) => `${key}=${values[key]}`,
    );
}

Deno.test("what the recipe for bpftrace prints is read like the events, and says that a device is translated", () => {
  const recipe = Deno.readTextFileSync(join(ROOT, "examples/traces/data/dma-events.bt"));
  const formats = [...recipe.matchAll(/printf\("([^"]*)"/g)].map(([, format]) => format!);
  const called = (name: string) => formats.filter((format) => format.includes(`: ${name}: `));
  const names = ["map", "dma_map_page", "unmap", "dma_unmap_page", "dma_alloc", "dma_free"];
  assertEquals(formats.length, names.length);
  const lines = names.flatMap(called).map((format, index) =>
    printed(format, {
      time: `12.00000${index}`,
      device: "0000:00:05.0",
      dir: "TO_DEVICE",
      dma_addr: index < 4 ? "ffffe000" : "ffff0000",
      iova: "0x00000000ffffe000 - 0x00000000fffff000",
      paddr: "0x0000000003793000",
      size: "4096",
      unmapped_size: "4096",
      phys_addr: "3793000",
      virt_addr: "0xffff888003793000",
    })
  );
  const { check, findings } = checkedTrace(lines);
  assertEquals(check.ledger.damaged, []);
  assertEquals(findings, []);
  const [device] = [...check.ledger.devices.values()];
  assertEquals([device!.name, device!.mapCount, device!.unmapCount], ["0000:00:05.0", 2, 2]);
  assertEquals(modeOf(device!), "translated");
});
