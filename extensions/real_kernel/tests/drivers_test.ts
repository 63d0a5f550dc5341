/**
 * Boots of `kernel trace` that were recorded once, judged without QEMU.
 *
 * `driver_boots/NAME.RELEASE.report.txt.gz` is the guest's report (`report.bin`) of a boot with QEMU
 * 7.2.22 behind VT-d, strict. `edu-N` is the driver of `edu_driver`, with `mistake=N`. `nvme-arm64` is
 * behind an SMMUv3, strict.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readGoldenText } from "@dmalab/tests";
import { isWrong, ModuleSymbols } from "../drivers/driver_verdict.ts";
import { judgedBoot } from "../drivers/judged_boot.ts";
import { tracePlan } from "../drivers/trace_plan.ts";
import { type DriverResult, traceJson, traceText } from "../drivers/trace_text.ts";
import type { DeviceWork } from "../drivers/trace_words.ts";
import { TRACED_DEVICES } from "../drivers/traced_devices.ts";
import { readGuestReport } from "../trace/guest_report.ts";
import { traceKernel } from "../kernel_trace.ts";
import { readTraceOptions, type TraceOptions, type TraceWords } from "../trace_options.ts";
import { kernelImage } from "./kernel_image.ts";
import { TempFolder } from "@dmalab/tools";

const FOLDER = new URL("driver_boots/", import.meta.url);
const RELEASES = ["6.12.117", "7.3.4"];

async function judged(
  name: string,
  release: string,
  change: (text: string) => string = (text) => text,
): Promise<DriverResult> {
  const text = await readGoldenText(new URL(`${name}.${release}.report.txt.gz`, FOLDER).pathname);
  const isEdu = name.startsWith("edu");
  const isArm64 = name.endsWith("-arm64");
  const device = isArm64 ? name.slice(0, -"-arm64".length) : name;
  const driver = isEdu ? "dmalab_edu" : device;
  const works: readonly DeviceWork[] = isEdu ? [] : ["read", "write"];
  const doorbellPhys = isArm64 ? 0x8020040 : null;
  const { phases } = tracePlan([], driver, [], works);
  const debian = `${release}+deb13-${isArm64 ? "arm64" : "amd64"}`;
  return await judgedBoot(readGuestReport(change(text)), {
    release: debian,
    qemu: "7.2.22",
    accelerator: "tcg",
    device,
    iommu: isArm64 ? "smmu, strict" : "vtd, strict",
    module: driver,
    isOwn: isEdu,
  }, { release: debian, mode: "strict", doorbellPhys, driver, phases });
}

function judgement({ judged }: DriverResult) {
  if (typeof judged === "string") throw new Error(judged);
  return judged;
}

Deno.test("a driver that unmaps what it maps is not wrong", async () => {
  const boots = [["edu-0", "6.12.117"], ["edu-0", "7.3.4"], ["nvme", "7.3.4"]] as const;
  for (const [name, release] of boots) {
    const result = await judged(name, release);
    const { left, leftRanges, live, mappings } = judgement(result);
    assertEquals([isWrong(judgement(result)), left, leftRanges], [false, [], []], release);
    assert(mappings >= 17 && live.length > 0);
    assertEquals(result.work.notDone, []);
  }
});

Deno.test("behind an SMMUv3 the page of the message doorbell is no leak, and another range is one", async () => {
  const doorbell = judgement(await judged("nvme-arm64", "6.12.117"));
  assertEquals([isWrong(doorbell), doorbell.left, doorbell.leftRanges], [false, [], []]);
  assertEquals(doorbell.mappings, 131);
  const text = doorbell.check.lines.join("\n");
  assertMatch(text, /1 map is of the register for message interrupts, which stays mapped/);
  // A driver that maps memory before it asks for interrupts: another range has the first IOVA.
  const later = judgement(
    await judged(
      "nvme-arm64",
      "6.12.117",
      (text) =>
        text.replace(
          /iova=0x[0-9a-f]+ - 0x[0-9a-f]+ (paddr=0x0000000008020000)/,
          "iova=0x00000000efffb000 - 0x00000000efffc000 $1",
        ),
    ),
  );
  assertEquals([isWrong(later), later.leftRanges], [false, []]);
  // The last unmap of the device, with its range of the page table.
  const lacking = judgement(
    await judged("nvme-arm64", "6.12.117", (text) => {
      const call = text.lastIndexOf(" dma_free: ");
      const start = text.lastIndexOf("\n", text.lastIndexOf(" unmap: ", call));
      return text.slice(0, start) + text.slice(text.indexOf("\n", call));
    }),
  );
  assertEquals([isWrong(lacking), lacking.left.length], [true, 1]);
});

Deno.test("kernels for two architectures are not compared", async () => {
  using folder = new TempFolder({});
  folder.write("one/vmlinuz", kernelImage({ release: "6.12.117 (a@b) #1" }));
  const arm64 = new Uint8Array(0x1000);
  arm64.set(new TextEncoder().encode("ARM\x64"), 0x38);
  arm64.set(new TextEncoder().encode("Linux version 6.12.117 (a@b) #1\0nvme_core."), 0x100);
  folder.write("other/vmlinuz", arm64);
  let said = "";
  const exitCode = await traceKernel({
    ...readTraceOptions({ ...NONE, device: "nvme" }) as TraceOptions,
    kernel: folder.at("one/vmlinuz"),
    modules: [],
    against: folder.at("other/vmlinuz"),
    accelerator: "tcg",
    keep: null,
    timeoutMs: 1000,
    json: false,
  }, {
    out: (text) => said += text,
    err: (text) => said += text,
    data: () => {},
    progress: () => {},
    colour: false,
    columns: null,
  });
  assertEquals([exitCode, said.includes("different architectures")], [2, true], said);
});

Deno.test("a trace without a mapping of the device is not judged", async () => {
  const moved = (text: string) => text.replaceAll(/(: dma_\w+: )0000:00:08\.0/g, "$10000:00:09.0");
  const { judged: problem } = await judged("edu-0", "7.3.4", moved);
  assertEquals(problem, "The trace has no mapping of 0000:00:08.0: there is nothing to judge");
});

Deno.test("an unmap that a driver leaves out is found at its removal, with the call", async () => {
  for (const release of RELEASES) {
    const { callers, left } = judgement(await judged("edu-1", release));
    assertEquals(
      left.map(({ callers, count, dir, isDriverBound, kind, sizeBytes }) =>
        [kind, dir, count, sizeBytes, isDriverBound, callers.slice(0, 2).join(" < ")].join(" ")
      ),
      [
        "map FROM_DEVICE 2 4096 true edu_transfer < edu_probe",
        "map TO_DEVICE 1 2048 true edu_transfer < edu_probe",
      ],
    );
    assertEquals(callers.size, 0);
  }
});

Deno.test("an unmap with half of the size is found, with both calls", async () => {
  for (const release of RELEASES) {
    const result = await judged("edu-2", release);
    const { callers, isClean, left } = judgement(result);
    assertEquals([isClean, left.length, callers.size], [false, 0, 6]);
    assertEquals(
      new Set([...callers.values()].map((names) => names[0])),
      new Set(["edu_transfer"]),
    );
    const text = traceText([result]);
    assertMatch(text, /proved: unmap_size at trace\.txt:\d+/);
    assertStringIncludes(text, "mapped with 2048 bytes and unmapped with 1024");
    assertMatch(text, /^calls of findings +trace\.txt:[\d, ]+: edu_transfer < edu_probe < /m);
  }
});

Deno.test("coherent memory that is kept is found", async () => {
  for (const release of RELEASES) {
    const { left } = judgement(await judged("edu-3", release));
    assertEquals(left.map(({ callers, kind, sizeBytes }) => [kind, sizeBytes, callers[0]]), [
      ["alloc", 8192, "edu_probe"],
    ]);
  }
});

Deno.test("an unmap that is removed from a trace is found", async () => {
  // The address is allocated again.
  const first = judgement(
    await judged("edu-0", "6.12.117", (text) => text.replace(/^.* dma_unmap_page: .*\n/m, "")),
  );
  assertEquals([isWrong(first), first.left], [true, []]);
  assertMatch(first.check.lines.join("\n"), /proved: leak at trace\.txt:\d+/);
  // The last one is live at the end, with its range in the page table.
  const last = judgement(
    await judged("edu-0", "6.12.117", (text) => {
      const call = text.lastIndexOf(" dma_unmap_page: ");
      const start = text.lastIndexOf("\n", text.lastIndexOf(" unmap: ", call));
      return text.slice(0, start) + text.slice(text.indexOf("\n", call));
    }),
  );
  assertEquals([isWrong(last), last.left.map(({ count, phase }) => [count, phase])], [true, [
    [1, "bind"],
  ]]);
});

Deno.test("records that lack something are not judged, or their work is not done", async () => {
  const problem = async (change: (text: string) => string) => {
    const { judged: result } = await judged("nvme", "7.3.4", change);
    return typeof result === "string" ? result : "judged";
  };
  const drop = (pattern: RegExp) => (text: string) => text.replace(pattern, "");
  const problems = await Promise.all([
    problem(drop(/^kernel .*\n/m)),
    problem((text) => text.replace(/^kernel \S+/m, "kernel 9.9")),
    problem(drop(/^done\n/m)),
    problem(drop(/^bound .*\n/m)),
    problem((text) => text.replace(/^(bound \S+ nvme) DMA$/m, "$1 DMA-FQ")),
    problem((text) => text.replace(/^file trace 0$/m, "file trace 2")),
    problem(drop(/^# entries-in-buffer.*\n/m)),
    problem((text) => text.replace(/(entries-written: \d+\/)\d+/, "$199999")),
    problem(drop(/^.* dmalab-phase unbind\n/m)),
    problem((text) => `refused write 2 /sys/kernel/tracing/events/dma/enable 1\n${text}`),
  ]);
  assertEquals(problems.filter((text) => text === "judged"), []);
  assertEquals(new Set(problems).size, problems.length);
  const notDone = async (change: (text: string) => string) =>
    (await judged("nvme", "7.3.4", change)).work.notDone;
  assertEquals(await notDone((text) => text.replace(/^io 7 ends \d+$/m, "io 7 ends -5")), [
    "read: 47 of 48 requests; another one failed with -5",
  ]);
  assertEquals(await notDone(drop(/^io 50 ends .*\n/m)), [
    "write: 47 of 48 requests; another one has no result",
  ]);
  assertEquals(await notDone(drop(/^unbound .*\n/m)), ["unbound: what is left cannot be judged"]);
  assertEquals(await notDone(drop(/^removed .*\n/m)), ["module nvme unloaded"]);
});

Deno.test("what a guest prints reaches the terminal without control characters", async () => {
  const bell = (text: string) =>
    text.replaceAll("edu_transfer", "edu\u0007_transfer").replaceAll("init-1 ", "\u001b[2Jx-1 ");
  const result = await judged("edu-2", "6.12.117", bell);
  assertEquals([...traceText([result])].filter((each) => each < " " && each !== "\n"), []);
  const junk = "x".repeat(1 << 20);
  const refused = await judged("edu-0", "6.12.117", (text) => `refused remove ${junk}\n${text}`);
  assert(traceText([refused]).length < 20_000);
});

Deno.test("two kernels are compared by calls for each request", async () => {
  const [one] = traceJson([await judged("nvme", "7.3.4")]);
  const { works } = one as { works: { name: string; calls: Record<string, number> }[] };
  assertEquals(works.map(({ name }) => name), ["read", "write"]);
  assertEquals(works[0]!.calls["dma map"], 40);
  const result = await judged("nvme", "7.3.4");
  assertMatch(traceText([result, result]), /^ {2}dma map +0\.83 +0\.83$/m);
});

Deno.test("addresses of a module that is gone are named by its functions", () => {
  const symbols = new ModuleSymbols(
    "ffffffffc0201000 t first\t[m]\nffffffffc0201100 T second\t[m]\njunk\nffffffffc0 t x\n",
  );
  const names = ["0xffffffffc0201010", "0xffffffffc0201100", "0xffffffffc0200fff", "other"];
  assertEquals(names.map((name) => symbols.nameOf(name)), ["first", "second", names[2], "other"]);
  assertEquals(new ModuleSymbols("").nameOf(names[0]!), names[0]);
});

const NONE: TraceWords = {
  device: null,
  module: null,
  parameters: null,
  work: [],
  iommu: null,
  mode: null,
  against: null,
  "against-modules": [],
  match: [],
  release: null,
  out: null,
  html: null,
};

Deno.test("options of kernel trace are checked before a boot", () => {
  const problem = (words: Partial<TraceWords>) => {
    const read = readTraceOptions({ ...NONE, device: "edu", ...words });
    return typeof read === "string" ? read : null;
  };
  assertEquals(problem({}), null);
  assertMatch(problem({ device: null })!, /needs `--device DEVICE`/);
  assertMatch(problem({ device: "floppy" })!, /unknown device "floppy"; expected one of: e1000e/);
  assertMatch(problem({ work: ["read", "paint"] })!, /unknown work "paint"/);
  assertMatch(problem({ mode: "fast" })!, /unknown mode "fast"/);
  assertMatch(problem({ iommu: "x" })!, /unknown IOMMU "x"/);
  assertEquals(problem({ iommu: "smmu" }), null);
  assertMatch(problem({ parameters: "a=1" })!, /name it with `--module`/);
  assertMatch(problem({ module: "m.ko", parameters: "a=1\nwrite x" })!, /no parameter of a module/);
  assertMatch(problem({ "against-modules": ["m"] })!, /`--against`/);
  assertMatch(problem({ release: "nearest" })!, /has no `--release`/);
});

Deno.test("each device has work that it does, and a driver or needs one", () => {
  for (const { driver, usual, works } of Object.values(TRACED_DEVICES)) {
    assert(usual <= works.length && (driver === null) === (usual === 0));
  }
});
