/** Captures of real kernels as scenarios: each runs, and reports what the captured machine did. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { MemoryScreen } from "@dmalab/cli";
import { runScenarioText } from "@dmalab/hunt";
import { type ScriptOptions, type TraceScript, traceScript } from "../script/trace_script.ts";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { runProgram } from "@dmalab/lang/program";
import { formatSource } from "@dmalab/lang/editor";
import { runScript } from "../cli/script.ts";
import type { ScriptedCall } from "../script/recorder.ts";
import { checkedTrace } from "./checked_trace.ts";
import { goldenPath, readGolden, runsOf } from "./golden_traces.ts";

async function scriptOf(run: string, options: ScriptOptions): Promise<string> {
  return (await wholeScriptOf(run, options)).text;
}

async function wholeScriptOf(run: string, options: ScriptOptions): Promise<TraceScript> {
  const files = [`real/${run}.dmesg.txt.gz`, `real/${run}.facts.txt`];
  const texts = await Promise.all(files.map(readGolden));
  const trace = (await readGolden(`real/${run}.trace.txt.gz`))!.split("\n");
  const log = texts.flatMap((text) => (text ?? "").split("\n"));
  const steps: ScriptedCall[] = [];
  const { findings, pass, result } = checkedTrace(trace, log, steps);
  const machine = { facts: pass.facts, version: result.classified.boot?.version ?? null };
  return traceScript(steps, findings, machine, `${run}.trace.txt`, options);
}

/** The number of reports of the checker when the scenario's tests run. */
function reportsOf(script: string): number {
  const { program } = loadProgram(new SourceFile("run.dma", script), {
    load: () => {
      throw new Error("it uses no file");
    },
  });
  return runProgram(program!, { attributeDefects: false }).counts.reports;
}

const WHOLE = { around: null, shrink: false };
const SHRUNK = { around: null, shrink: true };
const EXPECTATION = / (?:warns|faults) (\w+)/g;

/** Names of the reports and faults that a scenario expects. */
function expectations(script: string): string[] {
  return [...script.matchAll(EXPECTATION)].map(([, name]) => name!).sort();
}

Deno.test("a run with mistakes becomes a scenario that runs and has the same reports, shrunk or whole", async () => {
  const runs: readonly (readonly [string, readonly string[], leaks: number])[] = [
    ["72-strict-mistakes", [
      "not_present",
      "not_present",
      "not_readable",
      "sync_direction",
      "unmap_direction",
      "unmap_size",
      "unmap_unknown",
    ], 1],
    ["612-strict-mistakes", [
      "not_present",
      "not_present",
      "not_writable",
      "unmap_direction",
      "unmap_entries",
      "unmap_size",
      "unmap_unknown",
    ], 1],
    // The findings of this run include those of one range for which no device is named. The range
    // is destroyed with too small a size, and accessed later.
    ["72-lazy-2cpu-mistakes", [
      "destroy_short",
      "not_present",
      "not_present",
      "not_present",
      "unmap_size",
      "unmap_unknown",
    ], 0],
    ["72-scalable-faults", ["not_present", "not_present", "not_readable"], 0],
  ];
  for (const [run, expected, leaks] of runs) {
    const whole = await scriptOf(run, WHOLE);
    const shrunk = await scriptOf(run, { around: null, shrink: true });
    for (const script of [whole, shrunk]) {
      assertEquals(runScenarioText(script), { end: "held" }, `${run}\n${script}`);
      assertEquals(expectations(script), expected, run);
      assertEquals(script.split("# never unmapped").length - 1, leaks, run);
    }
    assert(shrunk.length < whole.length, run);
  }
});

Deno.test("a clean run becomes a scenario that is silent, and one finding a scenario of its own", async () => {
  for (const run of ["72-strict-small", "612-strict-small", "72-passthrough", "72-bounce"]) {
    const script = await scriptOf(run, WHOLE);
    assertEquals(expectations(script), [], run);
    const calls = script.match(/ dma_(?:map_phys|map_sg|alloc_coherent)\(|\.submit\(/g) ?? [];
    assert(calls.length > 10, run);
    assertEquals(runScenarioText(script), { end: "held" }, run);
  }
  const around = await scriptOf("72-strict-mistakes", { around: 46, shrink: true });
  assertEquals(expectations(around), ["unmap_direction"]);
  assertEquals(runScenarioText(around), { end: "held" });
});

Deno.test("reads and writes of a disk become requests of the same blocks, and two-step ranges links of the same sizes", async () => {
  const requests: readonly (readonly [string, number])[] = [
    ["72-strict-small", 4],
    ["612-strict-small", 6],
    ["72-lazy-2cpu-mistakes", 320],
  ];
  for (const [run, count] of requests) {
    const script = await scriptOf(run, WHOLE);
    const submits = [...script.matchAll(/submit\((?:read|write), lba: (\d+), .*bytes: (\d+)B\)/g)];
    assertEquals(submits.length, count, run);
    assertEquals(script.split("\n").filter((line) => /^ *wait io/.test(line)).length, count, run);
    const trace = (await readGolden(`real/${run}.trace.txt.gz`))!;
    for (const [, lba, bytes] of submits) {
      const command = `slba=${lba}, len=${Number(bytes) / 512 - 1},`;
      assert(trace.includes(command), `${run}: ${command}`);
    }
  }
  const script = await scriptOf("72-lazy-2cpu-mistakes", WHOLE);
  const sizes = [...script.matchAll(/dma_iova_link\(.* size: (\d+)B, dir: bidirectional/g)];
  assert(sizes.length >= 4 && sizes.every(([, bytes]) => Number(bytes) % 4096 === 0));
});

Deno.test("the machine of a scenario is the traced one: release, mode, hardware, bounce pool and segment limits", async () => {
  const machines: readonly (readonly [string, readonly string[]])[] = [
    ["612-lazy-2cpu-small", ['kernel = "6.12"', "iommu { mode = lazy, model = vtd }"]],
    ["72-amd", ['kernel = "7.2.13"', "iommu { mode = strict, model = amd }"]],
    ["72-scalable-faults", ["iommu { mode = strict, model = vtd_scalable }"]],
    ["72-bounce-full", ["iommu { mode = off }", "swiotlb { force = true, size = 8388608B }"]],
    ["72-direct-small", ["iommu { mode = off }"]],
    ["72-passthrough", [
      "iommu { mode = passthrough, model = vtd }",
      "max_segment_size = 98304B",
    ]],
    // The segments of this run were merged beyond 64 KiB. An endpoint allows no more than 64 KiB
    // unless its driver raises the limit.
    ["deb-7.2-strict.a", ["max_segment_size = 135168B"]],
  ];
  for (const [run, expected] of machines) {
    const { missing, text } = await wholeScriptOf(run, WHOLE);
    for (const words of expected) assert(text.includes(words), `${run}: ${words}`);
    if (run !== "72-bounce-full") assertEquals(missing, [], run);
    assertEquals(reportsOf(text), 0, run);
  }
});

Deno.test("of a device that is translated or bounced the scenario is translated, and says that it is a guess", async () => {
  const trace = (await readGolden("real/72-strict-small.trace.txt.gz"))!.split("\n")
    .filter((line) => !line.includes(": IOMMU:"));
  const steps: ScriptedCall[] = [];
  const { findings, pass } = checkedTrace(trace, [], steps);
  const { text } = traceScript(steps, findings, { facts: pass.facts, version: null }, "it", WHOLE);
  assert(text.includes("iommu { mode = strict }") && !text.includes("swiotlb"), text);
  assert(/^# - that 0000:00:05\.0 is translated: .*bounce buffer/m.test(text), text);
  assertEquals(runScenarioText(text), { end: "held" });
});

Deno.test("what a scenario does not reproduce is listed at its top, and a scenario of nothing is empty", async () => {
  const { findings, missing, text } = await wholeScriptOf("72-strict-mistakes", SHRUNK);
  assertEquals(findings.length, 10);
  assertEquals(missing, ["line 272: unmap_size", "log line 618: sync_for_cpu_read_only"]);
  assert(text.includes(["# Not reproduced:", ...missing.map((each) => `# - ${each}`)].join("\n")));
  assertEquals((await wholeScriptOf("72-strict-small", SHRUNK)).isEmpty, true);
});

Deno.test("of every capture each sure finding is in the shrunk scenario, or listed as not reproduced (long)", async () => {
  const sides = { reproduced: 0, listed: 0 };
  for (const run of runsOf("real")) {
    const { findings, isEmpty, missing, text } = await wholeScriptOf(run, SHRUNK);
    const reproduced = expectations(text).length + text.split("# never unmapped").length - 1;
    assertEquals(reproduced + missing.length, findings.length, `${run}\n${text}`);
    assertEquals(isEmpty, reproduced === 0, run);
    sides.reproduced += reproduced;
    sides.listed += missing.length;
  }
  assertEquals(sides, { reproduced: 27, listed: 5 });
  const paths = ["trace", "dmesg"].map((part) => goldenPath(`real/72-bounce-full.${part}.txt.gz`)!);
  const screen = new MemoryScreen();
  assertEquals(await runScript(paths, null, true, screen), 2);
  const said = screen.output + screen.errors;
  assertEquals(said.match(/^not reproduced: log line \d+: swiotlb_full$/gm)?.length, 2, said);
});

Deno.test("traces/02-trace-to-scenario.dma is what its trace becomes", async () => {
  const folder = new URL("../../../examples/", import.meta.url);
  const example = await Deno.readTextFile(new URL("traces/02-trace-to-scenario.dma", folder));
  const trace = await Deno.readTextFile(new URL("traces/data/leaky-driver.trace.txt", folder));
  const steps: ScriptedCall[] = [];
  const { findings, pass } = checkedTrace(trace.split("\n"), [], steps);
  for (const options of [WHOLE, SHRUNK]) {
    const machine = { facts: pass.facts, version: null };
    const { text: script } = traceScript(steps, findings, machine, "trace", options);
    const body = script.slice(
      script.indexOf('as the trace has it"') + 20,
      script.lastIndexOf("}"),
    );
    assert(example.includes(body), `${options.shrink}\n${body}`);
  }
});

Deno.test("a scenario of a trace is in the style of `dmalab fmt`", async () => {
  for (const run of ["72-strict-small", "612-strict-small", "72-bounce"]) {
    const script = await scriptOf(run, WHOLE);
    assert(script.includes("= scatterlist([\n"), `${run} has a list of several lines`);
    const formatted = formatSource(new SourceFile("run.dma", script));
    assertEquals(formatted.ok ? formatted.text : formatted.diagnostics, script);
  }
});

async function workloadOf(path: string): Promise<string> {
  const screen = new MemoryScreen();
  assertEquals(await runScript([path], null, false, screen), 0);
  return screen.output;
}

/** Each request that a scenario submits, as `write 223200 36352`. */
const submitted = (script: string) =>
  [...script.matchAll(/submit\((\w+), lba: (\d+), .*bytes: (\d+)B/g)].map((match) =>
    match.slice(1).join(" ")
  );

Deno.test("what blkparse saw become requests of a workload that runs: the same blocks in their order", async () => {
  const script = await workloadOf(goldenPath("dialects/blkparse-72.txt.gz")!);
  const log = (await readGolden("dialects/blkparse-72.txt.gz"))!;
  const given = [...log.matchAll(/ D +F?([RW])\S* (\d+) \+ (\d+) /g)].map(([, verb, at, sectors]) =>
    `${verb === "W" ? "write" : "read"} ${at} ${Number(sectors) * 512}`
  );
  assert(given.length > 10);
  assertEquals(submitted(script), given);
  assertEquals(runScenarioText(script), { end: "held" });
});

Deno.test("a job for fio becomes a workload with its sizes, depth and share of reads", async () => {
  using folder = new TempFolder();
  const path = folder.write(
    "lines.txt",
    "[global]\niodepth=16\n\n[a]\nrw=randread\nbs=8k\nsize=64m\n[b]\nrw=write\nbs=128k\noffset=1m\n",
  );
  const script = await workloadOf(path);
  const requests = submitted(script).map((request) => request.split(" "));
  assertEquals(requests.length, 2 * 8 * 16);
  const [reads, writes] = [requests.slice(0, 128), requests.slice(128)];
  for (const [verb, at, bytes] of reads) {
    assertEquals([verb, bytes, Number(at) % 16], ["read", "8192", 0]);
    assert(Number(at) * 512 < 64 * 1024 ** 2);
  }
  assert(new Set(reads.map(([, at]) => at)).size > 100);
  writes.forEach(([verb, at, bytes], index) =>
    assertEquals([verb, at, bytes], ["write", String(2048 + 256 * index), "131072"])
  );
  assertEquals(runScenarioText(script), { end: "held" });
});

/** Requests of a job's first round, and the guesses that were reported. */
async function jobOf(...lines: readonly string[]): Promise<{
  readonly requests: readonly string[];
  readonly guesses: readonly string[];
  readonly script: string;
}> {
  using folder = new TempFolder();
  const script = await workloadOf(folder.write("job.fio", `[a]\n${lines.join("\n")}\n`));
  const requests = [...script.matchAll(/ssd\.submit\((\w+), lba: (\d+)[^\n]* bytes: (\d+)B\)/g)]
    .map(([, verb, lba, bytes]) => `${verb} ${lba} ${bytes}`);
  const guesses = [...script.matchAll(/^# Guessed: (.*)\.$/gm)].map(([, guess]) => guess!);
  return { requests, guesses, script };
}

/** Bytes of the first read, write and trim of a job with these options, as fio 3.41 issues them. */
const FIO_SIZES:
  readonly (readonly [options: string, read: number, write: number, trim: number])[] = [
    ["", 4096, 4096, 4096],
    ["bs=4096", 4096, 4096, 4096],
    ["bs=128k", 131072, 131072, 131072],
    ["bs=128K", 131072, 131072, 131072],
    ["bs=128KB", 131072, 131072, 131072],
    ["bs=128kb", 131072, 131072, 131072],
    ["bs=128Ki", 131072, 131072, 131072],
    ["bs=128KiB", 128000, 128000, 128000],
    ["bs=128kib", 128000, 128000, 128000],
    ["bs=128KiB\nkb_base=1000", 131072, 131072, 131072],
    ["kb_base=1000\nbs=128k", 128000, 128000, 128000],
    ["bs=128Ki\nkb_base=1000", 128000, 128000, 128000],
    ["kb_base=1024\nbs=128k", 131072, 131072, 131072],
    ["bs=1M", 1048576, 1048576, 1048576],
    ["bs=0x20000", 131072, 131072, 131072],
    ["blocksize=64k", 65536, 65536, 65536],
    ["bs=1m,64k", 1048576, 65536, 65536],
    ["bs=8k,32k,4k", 8192, 32768, 4096],
    ["bs=8k,32k,", 8192, 32768, 4096],
    ["bs=16k,", 16384, 4096, 4096],
    ["bs=,8k", 4096, 8192, 8192],
    ["bs=,8k,", 4096, 8192, 4096],
    ["bs=,,8k", 4096, 4096, 8192],
    ["bs=64k ; a comment", 65536, 65536, 65536],
    ["bs =64k # a comment", 65536, 65536, 65536],
    ["bs=8k\nbsrange=64k-64k", 65536, 65536, 65536],
    ["bsrange=64k-64k\nbs=8k", 65536, 65536, 65536],
    ["bs=8k-64k", 8192, 65536, 65536],
    ["bs=64k\nbssplit=8k/100", 8192, 8192, 8192],
    ["bssplit=8k/0:16k/100,32k/100", 16384, 32768, 32768],
    ["bssplit=8k/0:16k/20", 16384, 16384, 16384],
    ["bssplit=16k", 16384, 16384, 16384],
    ["blocksize_range=8k-8k,16k-16k", 8192, 16384, 16384],
  ];

Deno.test("block sizes of a job are those that fio takes, for reads, writes and trims (T.58)", async () => {
  for (const [options, ...bytes] of FIO_SIZES) {
    for (const [index, rw] of ["read", "write", "trim"].entries()) {
      const { guesses, requests } = await jobOf("size=1g", `rw=${rw}`, ...options.split("\n"));
      const verb = rw === "trim" ? "discard" : rw;
      assertEquals(requests[0], `${verb} 0 ${bytes[index]}`, `${options} ${rw}`);
      const round = "8 rounds of a job, which has more; random offsets, sizes and shares of reads";
      assertEquals(guesses, [round], options);
    }
  }
});

/**
 * For each direction of a fio job, the kinds of its requests. The jobs have `bs=64k` (128 sectors).
 */
const FIO_DIRECTIONS: readonly (readonly [rw: string, verbs: readonly string[]])[] = [
  ["read", ["read"]],
  ["write", ["write"]],
  ["trim", ["discard"]],
  ["rw", ["read", "write"]],
  ["readwrite", ["read", "write"]],
  ["trimwrite", ["discard", "write"]],
  ["randread", ["read"]],
  ["randwrite", ["write"]],
  ["randtrim", ["discard"]],
  ["randrw", ["read", "write"]],
  ["randtrimwrite", ["discard", "write"]],
];

Deno.test("every direction of fio is what its requests do, and runs; another one is listed as guessed", async () => {
  for (const [rw, verbs] of FIO_DIRECTIONS) {
    for (const name of ["rw", "readwrite"]) {
      const { guesses, requests, script } = await jobOf(
        `${name}=${rw}`,
        "size=16m",
        "bs=64k",
        "ioengine=io_uring",
        "iodepth=4",
      );
      const found = new Set(requests.map((request) => request.split(" ")[0]!));
      assertEquals([...found].sort(), [...verbs].sort(), rw);
      const lbas = requests.map((request) => Number(request.split(" ")[1]));
      assert(lbas.every((lba) => lba % 128 === 0 && lba < 32768), rw);
      if (verbs.length === 1 && !rw.startsWith("rand")) {
        assertEquals(lbas, lbas.map((_, index) => 128 * index), rw);
      }
      assertEquals(guesses.length, 2);
      if (name === "rw") assertEquals(runScenarioText(script), { end: "held" }, rw);
    }
  }
  // Each range is discarded, then written.
  const { requests } = await jobOf("rw=trimwrite", "size=1m", "bs=64k");
  assertEquals(requests.slice(0, 4), [
    "discard 0 65536",
    "write 0 65536",
    "discard 128 65536",
    "write 128 65536",
  ]);
  const { guesses, requests: reads } = await jobOf("rw=writetrim", "size=1m");
  assertEquals(reads[0], "read 0 4096");
  assertEquals(
    guesses[0],
    'job a: "rw=writetrim" is no direction of fio, which refuses the job: reads are taken',
  );
});

Deno.test("reads and writes of one job follow each other each for itself, in their shares", async () => {
  const share = async (...lines: string[]) => {
    const { requests } = await jobOf("rw=rw", "size=1g", "bs=4k", "iodepth=100", ...lines);
    const reads = requests.filter((request) => request.startsWith("read"));
    assertEquals(
      reads.map((request) => Number(request.split(" ")[1])),
      reads.map((_, at) => 8 * at),
    );
    return Math.round(10 * reads.length / requests.length);
  };
  assertEquals(await share(), 5);
  assertEquals(await share("rwmixread=80"), 8);
  assertEquals(await share("rwmixwrite=80"), 2);
  assertEquals(await share("rwmixread=80", "rwmixwrite=70"), 3);
  const holes = await jobOf("rw=write:64k", "size=1g", "bs=64k");
  assertEquals(holes.requests.slice(0, 3), ["write 0 65536", "write 256 65536", "write 512 65536"]);
  const runs = await jobOf("rw=randread:4", "size=1g", "bs=4k");
  const lbas = runs.requests.map((request) => Number(request.split(" ")[1]));
  assertEquals(lbas.slice(1, 4).map((lba) => lba - lbas[0]!), [8, 16, 24]);
  assert(lbas[4]! - lbas[0]! !== 32);
});

Deno.test("what a scenario does not take from a job is listed under Guessed, all of it", async () => {
  const guesses = async (...lines: string[]) =>
    (await jobOf(...lines)).guesses.filter((guess) => !guess.startsWith("8 rounds"));
  assertEquals(await guesses("size=1m", "bs=4x"), [
    'job a: "bs=4x" is not understood: 4 is taken',
    "sizes and offsets are whole sectors of 512 bytes",
  ]);
  assertEquals(await guesses("size=1m", "bs=4k-64k"), []);
  assertEquals(await guesses("size=1m", "bs=$pagesize"), [
    'job a: "bs=$pagesize" is not understood: 4096 is taken',
  ]);
  assertEquals(await guesses("size=10%", "offset=5%"), [
    'job a: "size=10%" is a share of an unknown size',
    'job a: "offset=5%" is a share of an unknown size: 0',
    "job a says no size: it has 1GiB",
  ]);
  assertEquals(await guesses("size=1m", "iodepth=2"), [
    "job a: 2 requests under way, as iodepth says; fio's engine psync has one at a time",
  ]);
  assertEquals(
    await guesses("size=1m", "thread", "; a comment", "", "zonesize=8k", "runtime=30 # s"),
    ["job a: these options are not used: thread, zonesize=8k, runtime=30"],
  );
  assertEquals(await guesses("size=1g", "bs=64m"), ["requests of more than 16MiB: they are cut"]);
});

Deno.test("a section [global] changes the jobs behind it, and no other", async () => {
  using folder = new TempFolder();
  const script = await workloadOf(folder.write(
    "job.fio",
    "[global]\nsize=1g\nbs=8k\n[one]\n[global]\nbs=16k\n[two and more]\n[three]\nbs=32k\n",
  ));
  const bytes = submitted(script).map((request) => request.split(" ")[2]);
  assertEquals([...new Set(bytes)], ["8192", "16384", "32768"]);
});
