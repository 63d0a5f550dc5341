/**
 * Converts recorded boots into golden data. The kernels are Debian's 6.1.192 and 6.12.117 (in QEMU
 * 7.2.22) and 7.3.4 (in QEMU 11.1.3). The boots are emulated, and have the probes of a capture.
 */
import { assertEquals } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { captureBoot, type CapturedBoot } from "../capture/capture_record.ts";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { guestMemoryBytes, qemuMachine } from "../machine/qemu_machine.ts";
import { type QemuProgram, qemuProgram } from "../machine/qemu_program.ts";
import { guestPlan } from "../plan/guest_plan.ts";
import { Islands } from "../plan/islands.ts";
import { memoryOf, recordTest } from "../plan/scenario_run.ts";
import { missedHits, readGuestReport } from "../trace/guest_report.ts";

const DATA = new URL("data/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, DATA));

/** The files of a boot, its scenario, and its releases of the kernel and of QEMU. */
interface BootFiles {
  readonly scenario: string;
  readonly name: string;
  readonly kernel: KernelProfile;
  readonly qemu?: QemuProgram;
}

const LISTS: BootFiles = { scenario: "captured.dma", name: "6.1.capture", kernel: "6.1.192" };

/** @param change Modifies the guest's report. */
function captured(
  change: (report: string) => string = (report) => report,
  { kernel, name, qemu, scenario }: BootFiles = LISTS,
): CapturedBoot {
  const source = new SourceFile(scenario, read(scenario));
  const { program } = loadProgram(source, { load: () => new LoadError("not_found", "no files") });
  const [test] = program!.tests;
  const config = { ...test!.config, kernel };
  const machine = qemuMachine(config, guestMemoryBytes(0, 0), undefined, qemu);
  const recorded = recordTest(program!, test!, machine.config, DEFAULT_LIMITS);
  const islands = new Islands(memoryOf([recorded]));
  const boot = captureBoot({
    tests: [{ scenario: { path: scenario, program: program! }, recorded, machine }],
    machine,
    plan: guestPlan(machine, [], [recorded], islands, "capture"),
    islands,
    report: readGuestReport(change(read(`${name}.report.txt`))),
    controllerLog: read(`${name}.controller.txt`),
    otherControllers: [],
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

const ONE_POINTER: BootFiles = {
  scenario: "metadata.dma",
  name: "6.12.117.metadata",
  kernel: "6.12.117",
};
const METADATA_SGL: BootFiles = {
  scenario: "metadata.dma",
  name: "7.3.4.metadata",
  kernel: "7.3.4",
  qemu: qemuProgram("11.1.3", ""),
};

Deno.test("metadata has its memory, its mapping and its unmapping, which comes before that of the data", () => {
  const { cases, dropped, name } = captured(undefined, ONE_POINTER);
  assertEquals([name, dropped], ["v6.12.117-strict-ms8", 0]);
  const [own, users] = cases as Any[];
  const [[phys, sizeBytes]] = own.request.integrity;
  assertEquals([sizeBytes, own.request.nr_integrity_segments], [3 * 8 * 8, 1]);
  const mapped = own.map.at(-1);
  assertEquals([mapped.call, mapped.phys, mapped.size], ["dma_map_page", phys, sizeBytes]);
  assertEquals(own.command.mptr, mapped.dma);
  assertEquals(own.unmap.map(({ call }: Any) => call), [
    "dma_unmap_page",
    "dma_unmap_sg",
    "dma_pool_free",
  ]);
  assertEquals(own.unmap[0].dma, mapped.dma);
  assertEquals([users.request.user_command, users.request.source], [true, "passthru"]);
  assertEquals(users.request.integrity.map(([, bytes]: [number, number]) => bytes), [16]);
  assertEquals(users.device.accesses, [[users.command.prp1, 1024]]);
});

Deno.test("an SGL of metadata is read where the metadata pointer leads, and is no access to the data", () => {
  const { cases, name, submissions } = captured(undefined, METADATA_SGL);
  assertEquals(name, "v7.3.4-strict-ms8-msgl");
  const [own, users] = cases as Any[];
  assertEquals([own.command.psdt, own.command.meta_sgl], [0, undefined]);
  const { command, device, map, request } = users;
  const range = map.find(({ call }: Any) => call === "dma_iova_try_alloc");
  assertEquals([command.psdt, command.meta_sgl], [2, [{
    addr: range.addr,
    len: 16,
    type: 0,
  }]]);
  assertEquals(range.phys, request.integrity[0][0]);
  assertEquals(device.accesses, [[command.sgl1.addr, 1024]]);
  assertEquals(users.unmap.map(({ call }: Any) => call).sort(), [
    "dma_iova_destroy",
    "dma_pool_free",
    "dma_unmap_phys",
  ]);
  const [, call] = submissions as Any[];
  assertEquals([call.how, call.op, call.slba], ["passthru", "write", 8]);
});

Deno.test("a request whose metadata was not read is dropped, and counted", () => {
  const lose = (report: string) => report.replace(/^.* metadata0: .*\n/m, "");
  const { cases, dropped } = captured(lose, ONE_POINTER);
  assertEquals([cases.length, dropped], [1, 1]);
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
