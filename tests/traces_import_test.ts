/** Everything that is recorded, as one log of events. */
import { assert, assertEquals } from "@std/assert";
import { runImport } from "../cli/trace/import.ts";
import type { Screen } from "../cli/screen.ts";
import { goldenPath, readExpected } from "./golden_traces.ts";

type Event = Readonly<Record<string, unknown>>;

async function eventsOf(paths: readonly string[]): Promise<Event[]> {
  const parts: string[] = [];
  const screen: Screen = {
    out: (text) => parts.push(text),
    err: (text) => parts.push(`error: ${text}`),
    data: (text) => parts.push(text),
    colour: false,
    columns: null,
  };
  assertEquals(await runImport(paths, { asJson: false, asEvents: true }, screen), 0);
  return parts.join("").trimEnd().split("\n").map((line) => JSON.parse(line));
}

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

Deno.test("a job for fio is read option by option, and what is not used is told as ignored (T.58)", async () => {
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
