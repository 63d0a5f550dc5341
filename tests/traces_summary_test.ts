/** Everything that is recorded, as one log of events. */
import { assert, assertEquals } from "@std/assert";
import { runSummary } from "../cli/trace/summary.ts";
import type { Screen } from "../cli/screen.ts";
import { goldenPath, readExpected } from "./golden_traces.ts";

type Event = Readonly<Record<string, unknown>>;

async function eventsOf(paths: readonly string[], said: string[] = []): Promise<Event[]> {
  const parts: string[] = [];
  const screen: Screen = {
    out: (text) => parts.push(text),
    err: (text) => said.push(text),
    data: (text) => parts.push(text),
    colour: false,
    columns: null,
  };
  assertEquals(await runSummary(paths, { asJson: false, asEvents: true }, screen), 0);
  return parts.join("").trimEnd().split("\n").map((line) => JSON.parse(line));
}

const filesOf = (run: string, kinds: readonly string[]) =>
  kinds.map((kind) => goldenPath(`real/${run}.${kind}.gz`)!);

function countsBy(events: readonly Event[], name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const event of events) counts[String(event[name])] = (counts[String(event[name])] ?? 0) + 1;
  return counts;
}

Deno.test("a trace's events stand in the log with file and line, and gaps stay gaps", async () => {
  for (const run of ["real/72-lost-events", "real/612-strict-mistakes", "dialects/trace-cmd-72"]) {
    const path = goldenPath(`${run}.trace.txt.gz`) ?? goldenPath(`${run}.txt.gz`)!;
    const expected = readExpected(run);
    const events = await eventsOf([path]);
    const { gap = 0, ...others } = countsBy(events, "event");
    assertEquals(others, expected.events, run);
    assertEquals(gap, (expected.gaps ?? []).length, run);
    assert(events.every(({ file, line }) => file === path && Number(line) > 0));
    const map = events.find(({ op }) => op === "map")!;
    assert(/^0x[0-9a-f]+$/.test(String(map.addr)) && Number(map.size_bytes) > 0, run);
  }
});

Deno.test("blkparse, an emulator's log and a kernel's log stand in the same log (T.41, T.57)", async () => {
  const names = [
    "dialects/blkparse-72.txt.gz",
    "real/72-mono-clock.qemu.log.gz",
    "real/72-mono-clock.dmesg.txt.gz",
  ];
  const events = await eventsOf(names.map((name) => goldenPath(name)!));
  const by = (origin: string) => events.filter((event) => event.origin === origin);
  const { actions } = readExpected("dialects/blkparse-72") as { actions?: Record<string, number> };
  const blkparse = by("blkparse");
  assertEquals(countsBy(blkparse, "event"), actions);
  const { file: _file, ...fourth } = blkparse[3]!;
  assertEquals(fourth, {
    line: 4,
    origin: "blkparse",
    seconds: 0.00293407,
    at: null,
    event: "C",
    device: "259,0",
    cpu: 1,
    sequence: 4,
    pid: 0,
    rwbs: "WS",
    sector: 223200,
    sectors: 71,
    errno: 0,
  });
  const split = blkparse.find(({ event }) => event === "X")!;
  assert(Number(split.new_sector) > Number(split.sector));
  const command = by("QEMU log").find(({ event }) => event === "pci_nvme_io_cmd")!;
  assertEquals([command.cid, command.sqid, command.opname], [960, 1, "NVME_NVM_CMD_READ"]);
  assertEquals(by("kernel log").map(({ event, record }) => [event, record]), [
    ["iommu_fault_status", null],
    ["iommu_fault", "DMA"],
  ]);
});

Deno.test("a job for fio is read option by option, and what is not used is reported as ignored (T.58)", async () => {
  const path = await Deno.makeTempFile();
  const job = "[global]\nrw=randread\nbs=4k\nioengine=libaio\n\n[job1]\nsize=1g\nbsrange=4k-64k\n";
  await Deno.writeTextFile(path, job);
  const events = await eventsOf([path]);
  assertEquals(
    events.map(({ event, name, option, value }) => [event, name ?? option, value ?? null]),
    [
      ["job", "global", null],
      ["option", "rw", "randread"],
      ["option", "bs", 4096],
      ["ignored", "ioengine", "libaio"],
      ["job", "job1", null],
      ["option", "size", 1024 ** 3],
      ["option", "bsrange", "4k-64k"],
    ],
  );
  await Deno.remove(path);
});

Deno.test("trace, kernel's log and emulator's log come in one order, by the trace's clock (T.61)", async () => {
  const files = filesOf("72-strict-mistakes", ["dmesg.txt", "trace.txt"]);
  const said: string[] = [];
  const events = await eventsOf(files, said);
  assertEquals(said, [
    "clock of the trace minus clock of the log: 1.627749 s, by 5 calls that both have, spread 0.318 ms\n",
  ]);
  const [log] = files;
  let least = -Infinity;
  const lines: Record<string, number> = {};
  for (const { at, file, line, seconds } of events) {
    if (typeof at !== "number") continue;
    assert(at >= least, `${file}:${line} is ${least - at} s late`);
    least = at;
    const offset = file === log ? 1.627749 : 0;
    assert(Math.abs(at - Number(seconds) - offset) < 1e-6, `${file}:${line}`);
    assert(Number(line) > (lines[String(file)] ?? 0), "a file's own order stays");
    lines[String(file)] = Number(line);
  }
  // What the DMA API checker says of a call stands right behind the line of the call.
  const wrong = events.findIndex(({ event, file }) => file === log && event === "dma_debug");
  const { address, device } = events[wrong]!;
  const before = events.slice(0, wrong).findLast(({ file }) => file !== log)!;
  assertEquals([before.event, before.addr, before.device], ["dma_unmap_phys", address, device]);
});

Deno.test("an emulator's times are tied by the commands that both have (T.43)", async () => {
  const said: string[] = [];
  const events = await eventsOf(filesOf("72-mono-clock", ["trace.txt", "qemu.log"]), said);
  assertEquals(said, [
    "clock of the emulator's log minus clock of the trace: 1795197555.673748 s at least, by 3 " +
    "commands that both have, spread 16.930 ms\n",
  ]);
  const commands = events.filter(({ event, qid, sqid }) =>
    event === "nvme_setup_cmd" && qid !== 0 || event === "pci_nvme_io_cmd" && sqid === 1
  ).slice(-6);
  // A command comes to the controller after it was set up, and before the next one is.
  assertEquals(commands.map(({ event }) => event), [
    "nvme_setup_cmd",
    "pci_nvme_io_cmd",
    "nvme_setup_cmd",
    "pci_nvme_io_cmd",
    "nvme_setup_cmd",
    "pci_nvme_io_cmd",
  ]);
});

Deno.test("two traces have no clock in common: each is written by itself", async () => {
  const files = [
    ...filesOf("72-strict-small", ["trace.txt"]),
    ...filesOf("72-amd", ["trace.txt"]),
  ];
  const said: string[] = [];
  const events = await eventsOf(files, said);
  assertEquals(said, []);
  assertEquals(events.filter(({ at }) => at !== null), []);
  assertEquals(
    events.findIndex(({ file }) => file === files[1]),
    events.findLastIndex(({ file }) => file === files[0]) + 1,
  );
});
