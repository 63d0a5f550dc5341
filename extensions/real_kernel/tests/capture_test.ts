/** A boot of Debian's 6.1.192 with the probes of a capture (QEMU 7.2.22, emulation), as golden data. */
import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { CAPTURE_PROBES } from "../capture/capture_probes.ts";
import { captureBoot, type CapturedBoot } from "../capture/capture_record.ts";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { guestPlan } from "../plan/guest_plan.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { missedHits, readGuestReport } from "../trace/guest_report.ts";

const DATA = new URL("data/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, DATA));

/** @param change Changes the guest's report. */
function captured(change: (report: string) => string = (report) => report): CapturedBoot {
  const source = new SourceFile("captured.dma", read("captured.dma"));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  const [test] = program!.tests;
  const machine = qemuMachine({ ...test!.config, kernel: "6.1.192" }, guestMemoryBytes(0, 0));
  const recorded = recordTest(program!, test!, machine.config, DEFAULT_LIMITS);
  const islands = new Islands(memoryOf([recorded]));
  const boot = captureBoot({
    tests: [{ scenario: { path: "captured.dma", program: program! }, recorded, machine }],
    machine,
    plan: guestPlan(machine, [], [recorded], islands, CAPTURE_PROBES),
    islands,
    report: readGuestReport(change(read("6.1.capture.report.txt"))),
    controllerLog: read("6.1.capture.controller.txt"),
  }, new Set());
  if (typeof boot === "string") throw new Error(boot);
  return boot;
}

// deno-lint-ignore no-explicit-any
type Any = any;

Deno.test("a capture describes the machine that the kernel had", () => {
  const { description, dropped, name } = captured();
  const { config, iommu_domain_type, limits, missed_probe_hits } = description as Any;
  assertEquals([name, dropped, missed_probe_hits], ["v6.1-strict-cm", 0, 0]);
  assertEquals(
    [config.mode, config.caching_mode, config.address_bits, iommu_domain_type],
    ["dma-strict", true, 48, "DMA"],
  );
  assertEquals([limits.max_segments, limits.virt_boundary_mask], [127, 4095]);
});

Deno.test("a request has its memory, its calls with what happened inside, and its command with its lists", () => {
  const [listed, ranged] = captured().cases as Any[];
  const memory = listed.request.bios[0];
  assertEquals(memory.map(([, sizeBytes]: [number, number]) => sizeBytes), [4096, 4096, 4096]);
  const [mapped, pool] = listed.map;
  const iova = mapped.inner[0].iova;
  assertEquals(
    mapped.inner.map(({ op }: Any) => op),
    ["iova_alloc", "iommu_map", "iommu_map", "iommu_map", "iotlb_flush_np"],
  );
  assertEquals([mapped.call, mapped.nents, mapped.ret], ["dma_map_sg", 3, 1]);
  assertEquals(listed.sg.mapped, [[iova, 3 * 4096]]);
  assertEquals([pool.pool, pool.dma], ["small", listed.command.prp2]);
  assertEquals(listed.command.prp_lists, [
    { dma: pool.dma, entries: [iova + 4096, iova + 8192] },
  ]);
  assertEquals(
    listed.device.accesses,
    [0, 1, 2].map((page) => [iova + page * 4096, 4096]),
  );
  assertEquals(
    listed.unmap.map(({ call, inner = [] }: Any) => [call, inner.map(({ op }: Any) => op)]),
    [
      ["dma_unmap_sg", ["iommu_unmap", "iotlb_flush_range", "iova_free"]],
      ["dma_pool_free", []],
    ],
  );
  assertEquals([ranged.command.psdt, ranged.command.sgl1.len], [1, 128 * 1024]);
});

Deno.test("system calls are told with what they returned", () => {
  const calls = captured((report) => report.replace(/io 1 ends \d+/, "io 1 ends -5")).submissions;
  assertEquals(calls.map(({ errno, op, result }) => [op, result, errno]), [
    ["read", 12288, 0],
    ["write", -5, 5],
  ]);
});

Deno.test("a request whose list was not read is dropped, and counted", () => {
  const { cases, dropped } = captured((report) => report.replace(/^.* block_0: .*\n/m, ""));
  assertEquals([cases.length, dropped], [1, 1]);
});

Deno.test("hits that the kernel missed are counted by probe", () => {
  const profile = "  link      12      0\n  unmap_sg      4       3\n";
  assertEquals([...missedHits(profile)], [["unmap_sg", 3]]);
});
