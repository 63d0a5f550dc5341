/**
 * Checks a scenario's assertions against Debian's 6.12.117 and 7.3.4, as the guest reported them
 * (`data/`).
 */
import { assertEquals, assertMatch } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { judgeAssertions } from "../compare/judged_assertions.ts";
import { kernelSide } from "../compare/kernel_side.ts";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { readGuestReport } from "../trace/guest_report.ts";

const DATA = new URL("data/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, DATA));

/** The scenario of the captures, with names for its ios and assertions at its end. */
function scenario(assertions: string): string {
  return read("two_requests.dma")
    .replace("wait ssd.submit(read", "let first = ssd.submit(read")
    .replace("let large", "wait first\n  let large")
    .replace("wait ssd.submit(write", "let second = ssd.submit(write")
    .replace(/\}\s*$/, `  wait second\n${assertions}\n}\n`);
}

function judged(
  captured: "6.12.117" | "7.3.4",
  kernel: KernelProfile,
  assertions: string,
  change: (report: string) => string = (report) => report,
  changeText: (text: string) => string = (text) => text,
  changeLog: (log: string) => string = (log) => log,
) {
  const source = new SourceFile("asserted.dma", changeText(scenario(assertions)));
  const { diagnostics, program } = loadProgram(source, {
    load: () => new LoadError("not_found", "no files"),
  });
  assertEquals(diagnostics.map(({ message }) => message), []);
  const [test] = program!.tests;
  const machine = qemuMachine({ ...test!.config, kernel }, guestMemoryBytes(0, 0));
  const recorded = recordTest(program!, test!, machine.config, DEFAULT_LIMITS);
  const islands = new Islands(memoryOf([recorded]));
  const report = readGuestReport(change(read(`${captured}.report.txt`)));
  const log = changeLog(read(`${captured}.controller.txt`));
  const side = kernelSide(report, log, machine, islands);
  return judgeAssertions(program!, recorded, [0, 1], side);
}

/** Assertions that hold for 7.3.4, each about one fact that its probes show. */
const TRUE_ASSERTIONS: readonly string[] = [
  "assert first.requests.length == 1",
  "assert second.requests.map(request => request.bytes) == [128KiB, 64KiB]",
  "assert first.phys_segments == 10",
  "assert first.format == prp",
  "assert first.iova.size == 40KiB",
  "assert first.status == OK and first.error == none",
  "assert first.unmapped_by == iova",
  "assert first.events.count(iommu.map) == 10",
  "assert first.events.count(dma_iova_link) == 10",
  "assert first.events.first(dma_iova_link).phys == pages.phys",
  "assert first.events.first(iommu.unmap).size_bytes == 40KiB",
  "assert first.events.filter(iotlb.sync).length == 1",
  "expect events [ dma_iova_try_alloc, dma_iova_link{10}, dma_iova_sync, dma_iova_destroy ] in first",
  "expect events [ iova.alloc, iommu.map{10}, iommu.sync_map, iommu.unmap, iotlb.sync, iova.free ] in first",
  "expect events [ dma_iova_link(size: 4KiB)+, !dma_map_phys ] in first",
  "let maps = first.events.count(iommu.map)\n  assert maps == 10",
  "assert first.command.prp1 == first.iova.start and first.command.format == prp",
  "assert first.command.prp_list.length == 9",
  "assert first.command.prp_list[8] == first.iova.start + 36KiB",
  "assert second.requests.map(request => request.command.prp_list.length) == [31, 15]",
  "let live = iommu.live_mappings\n  assert live == 0",
  "assert first.command.sgl.length == 0 and first.command.sgl_head == none",
];

Deno.test("an assertion about an observed fact is judged on the kernel, too", async (t) => {
  for (const assertion of TRUE_ASSERTIONS) {
    await t.step(assertion, () => {
      assertEquals(judged("7.3.4", "7.3.4", `  ${assertion}`), {
        same: 1,
        differs: [],
        notJudged: [],
      });
    });
  }
});

/**
 * Changes of the kernel's trace or of the controller's log. Each change is listed with an assertion
 * that is false after it.
 */
const FALSE_ASSERTIONS:
  readonly (readonly [assertion: string, from: RegExp, to: string, said: RegExp])[] = [
    ["assert first.phys_segments == 10", /segments=10/, "segments=9", /phys_segments is 9/],
    ["assert first.requests[0].bytes == 40KiB", /slba=2048, len=79/, "slba=2048, len=87", /./],
    ["assert first.iova != none", /(try_alloc_ret: .*) ok=1/, "$1 ok=0", /iova is none/],
    ["assert first.events.count(iommu.map) == 10", /^.* map: IOMMU.*\n/m, "", / is 9/],
    [
      "let maps = first.events.count(iommu.map)\n  assert maps == 10",
      /^.* map: IOMMU.*\n/m,
      "",
      /maps is 9/,
    ],
    [
      "expect events [ iommu.unmap, iotlb.sync ] in first",
      /^.* gather: .*\n/m,
      "",
      /Events do not match/,
    ],
    [
      "assert first.events.first(iommu.unmap).size_bytes == 40KiB",
      /size=40960 unmapped_size=40960/,
      "size=36864 unmapped_size=36864",
      /./,
    ],
    ["assert iommu.live_mappings == 0", /^.* destroy: .*\n/m, "", /live_mappings is 1/],
    [
      "assert first.error == none and first.status == OK",
      /io 0 ends 40960(?<rest>[^]*?cmdid=899, res[^\n]*status=)0x0/,
      "io 0 ends -5$<rest>0x2",
      /error is EIO/,
    ],
    [
      "assert first.command.prp1 == first.iova.start",
      /map_addr addr 0xfffc0000/,
      "map_addr addr 0xfffc1000",
      /prp1 is/,
    ],
    [
      "assert first.command.prp_list.length == 9",
      /^pci_nvme_map_addr addr 0xfffc9000.*\n/m,
      "",
      /length is 8/,
    ],
    [
      "assert first.command.format == prp",
      /pci_nvme_map_prp trans_len 4096 len 40960.*/,
      "pci_nvme_map_sgl type 0x3 len 40960",
      /format is sgl/,
    ],
    [
      "assert second.requests.length == 2",
      /^.*nvme_setup_cmd: .*slba=264[\s\S]*?nvme_complete_rq.*\n/m,
      "",
      /length is 1/,
    ],
    [
      "assert second.requests.map(request => request.bytes) == [128KiB, 64KiB]",
      /slba=264, len=127/,
      "slba=265, len=126",
      /./,
    ],
  ];

Deno.test("an assertion that the kernel's facts do not fulfil differs, at its place", async (t) => {
  for (const [assertion, from, to, said] of FALSE_ASSERTIONS) {
    await t.step(assertion, () => {
      let isChanged = false;
      const change = (text: string) => {
        const changed = text.replace(from, to);
        isChanged ||= changed !== text;
        return changed;
      };
      const { differs, notJudged } = judged(
        "7.3.4",
        "7.3.4",
        `  ${assertion}`,
        change,
        undefined,
        change,
      );
      assertEquals(isChanged, true, "neither the report nor the controller's log has such a line");
      assertEquals(notJudged, []);
      assertEquals(differs.length, 1);
      const [{ notes, span, text }] = differs as [(typeof differs)[number]];
      assertMatch([text, ...notes].join("\n"), said);
      assertEquals(assertion.includes(span.source.text.slice(span.start, span.end)), true);
    });
  }
});

/** Assertions that no probe can decide, with the reason. */
const NOT_JUDGED: readonly (readonly [assertion: string, reason: RegExp])[] = [
  ["assert first.command.prp2 != none", /request.command.prp2 was not observed/],
  ["assert first.command.prp_lists.length == 1", /request.command.prp_lists was not/],
  ["assert first.command.bytes[0] == 2", /request.command.bytes was not observed/],
  ["assert first.command.cid >= 0", /request.command.cid was not observed/],
  ["assert counters.dma_pool_alloc >= 1", /reads counters/],
  ["assert pages == ssd.media(lba: 2048, bytes: 40KiB)", /calls nvme.media/],
  ["assert first.events.count(mem.alloc) >= 0", /looks at mem.alloc, which was not observed/],
  ["assert first.events.length > 10", /events of every name/],
  ["assert first.events.filter(e => e.cpu == 0).length >= 0", /events of every name/],
  ["assert first.events.first(dma_iova_link).at_ns >= 0", /reads call.dma_iova_link.at_ns/],
  ["let live = iommu.live_ranges\n  assert live == 0", /reads iommu.live_ranges/],
  ["expect events [ nvme.doorbell, ... ] in first", /looks at nvme.doorbell/],
];

Deno.test("an assertion about a fact that was not observed is not judged, with the reason", async (t) => {
  for (const [assertion, reason] of NOT_JUDGED) {
    await t.step(assertion, () => {
      const { differs, notJudged, same } = judged("7.3.4", "7.3.4", `  ${assertion}`);
      assertEquals([differs.length, same, notJudged.length], [0, 0, 1]);
      assertMatch(notJudged[0]!.reason, reason);
    });
  }
});

Deno.test("what is true of one release is false on a kernel of another one", () => {
  const assertions = [
    "  assert first.events.count(dma_iova_link) == 0",
    "  assert first.unmapped_by == scatterlist",
    "  expect events [ dma_map_sgtable, ..., dma_unmap_sg ] in first",
  ].join("\n");
  const on6 = judged("6.12.117", "6.12.117", assertions);
  // Linux 6.12 does not have dma_iova_link(), so that calls of it cannot be counted.
  assertEquals(on6.notJudged.map(({ reason }) => reason), [
    "it looks at dma_iova_link, which was not observed",
  ]);
  assertEquals([on6.same, on6.differs], [2, []]);
  const { differs, same } = judged("7.3.4", "6.12.117", assertions);
  assertEquals([same, differs.length], [0, 3]);
});

Deno.test("an assertion that holds on the kernel alone differs, too", () => {
  const { differs } = judged("7.3.4", "6.12.117", "  assert first.unmapped_by == iova");
  assertMatch(differs[0]!.text, /fails on the model/);
});

Deno.test("what is known when a request is mapped is judged while it is in flight", () => {
  const { differs, notJudged, same } = judged(
    "7.3.4",
    "7.3.4",
    "",
    undefined,
    (text) =>
      text.replace(
        "wait second",
        "step until second.requests[0].mapped\n" +
          "  assert second.requests[0].format == prp and second.requests.length == 2\n" +
          "  assert second.requests[0].events.count(iommu.unmap) == 0\n  wait second",
      ),
  );
  assertEquals([same, differs, notJudged], [2, [], []]);
});

Deno.test("a decision that only the model shows is read from the model, and not judged", () => {
  const { differs, notJudged, same } = judged(
    "7.3.4",
    "7.3.4",
    "  assert first.events.first(nvme.choose).format == simple_prp or true\n" +
      "  assert first.phys_segments == 10",
  );
  assertEquals([same, differs], [1, []]);
  assertEquals(notJudged.map(({ reason }) => reason), [
    "it looks at nvme.choose, which was not observed",
  ]);
});

Deno.test("an assertion in which the run with the kernel's facts ends with an error is not judged", () => {
  const { differs, notJudged, same } = judged(
    "7.3.4",
    "7.3.4",
    "  assert second.requests[1].bytes == 64KiB",
    (report) => report.replace(/^.*nvme_setup_cmd: .*slba=264[\s\S]*?nvme_complete_rq.*\n/m, ""),
  );
  assertEquals([same, differs], [0, []]);
  assertEquals(notJudged.map(({ reason }) => reason), ["the run ended in it, with an error"]);
});

Deno.test("assertions about a request in flight are not judged", () => {
  const { notJudged } = judged(
    "7.3.4",
    "7.3.4",
    "  let third = ssd.submit(read, lba: 4096, into: pages)\n  assert third.status == none\n  wait third",
  );
  assertMatch(notJudged[0]!.reason, /in flight/);
});
