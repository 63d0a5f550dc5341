/** All recordings of a run as one log of events. */
import { assert, assertEquals } from "@std/assert";
import { runSummary } from "../cli/summary.ts";
import { MemoryScreen } from "@dmalab/cli";
import { goldenPath, readExpected } from "./golden_traces.ts";

type Event = Readonly<Record<string, unknown>>;

async function eventsOf(paths: readonly string[], said: string[] = []): Promise<Event[]> {
  const screen = new MemoryScreen();
  assertEquals(await runSummary(paths, { asJson: false, asEvents: true }, screen), 0);
  if (screen.errors !== "") said.push(screen.errors);
  return screen.output.trimEnd().split("\n").map((line) => JSON.parse(line));
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
  // The DMA API checker's report on a call follows directly after the call's line.
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
  // The controller fetches each command after its setup and before the next command's setup.
  assertEquals(commands.map(({ event }) => event), [
    "nvme_setup_cmd",
    "pci_nvme_io_cmd",
    "nvme_setup_cmd",
    "pci_nvme_io_cmd",
    "nvme_setup_cmd",
    "pci_nvme_io_cmd",
  ]);
});

Deno.test("a log without times is placed by its commands, and one without any of the trace's is said not to be", async () => {
  for (const [run, count] of [["612-lazy-2cpu-small", 80], ["72-strict-mistakes", 8]] as const) {
    const said: string[] = [];
    const events = await eventsOf(filesOf(run, ["trace.txt", "qemu.log"]), said);
    assertEquals(said, [
      "the emulator's log has no times (record with -msg timestamp=on): by order only, with " +
      `${count} commands that both have\n`,
    ]);
    // The controller fetches each command directly after its setup, with the same blocks.
    const setups = new Map<unknown, Event>();
    let placed = 0;
    events.forEach((event, index) => {
      if (event.event === "nvme_setup_cmd") setups.set(event.name, event);
      if (event.event !== "pci_nvme_io_cmd" || event.at === null) return;
      const setup = setups.get(`nvme0 qid ${event.sqid} cmdid ${event.cid}`)!;
      assertEquals(setup.seconds, event.at);
      const extent = events.slice(index + 1).find(({ origin }) => origin === "QEMU log")!;
      assertEquals([setup.lba, setup.blocks], [Number(extent.lba), extent.nlb]);
      placed++;
    });
    assertEquals(placed, count);
  }
  const [trace] = filesOf("72-strict-small", ["trace.txt"]);
  for (
    const [log, why] of [
      ["real/72-direct", "none of its 26 commands has the queue, id, blocks and first address"],
      ["real/deb-7.2-none.a", "none of its "],
    ] as const
  ) {
    const said: string[] = [];
    const events = await eventsOf([trace!, goldenPath(`${log}.qemu.log.gz`)!], said);
    assert(said[0]!.startsWith(`cannot align the emulator's log with the trace: ${why}`), said[0]);
    assertEquals(events.filter(({ at, origin }) => origin === "QEMU log" && at !== null), []);
  }
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
