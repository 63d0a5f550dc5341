/** A serialised recording gives the same results as the original, and views agree with the events. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import {
  comparePositions,
  coveringCell,
  firstDifferentEvent,
  readMemory,
  recordRun,
  rowsAt,
  rowsCovering,
  runsOf,
  writesOf,
} from "../mod.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { formatEventText } from "@dmalab/lang/render";
import { memoryFiles } from "@dmalab/lang/syntax";
import { bytesView, writtenRanges } from "./bytes.ts";
import { alignEvents, changedRows } from "./difference.ts";
import { eventView } from "./event.ts";
import { lineLocation, positionView } from "./position_view.ts";
import { requestsAt, requestView } from "./request.ts";
import { readSerialised, serialise } from "./serialised.ts";
import { tableAt } from "./tables.ts";
import { timelineView } from "./timeline.ts";
import { keptVariablesAt } from "./position_view.ts";
import { whyView } from "./why.ts";

const PROGRAM = load(`machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { sgl = true } }; root_port rp1 { nvme other { } } }
}
fn twice(disk) {
  disk.read(lba: 0, into: alloc_pages(5, contiguous: false))
  disk.write(lba: 8, from: alloc_pages(1))
}
test "two disks" {
  twice(ssd)
  twice(other)
  print "done at {now()}"
}
test "an access that faults" {
  other.dma_read(0x1234_0000, 16)
  assert 1 == 2
}
`);

const TIMED = load(`test "time" {
  let buf = alloc_pages(1)
  dma_map_phys(ssd, buf, 4KiB, to_device)
  advance 5us
  dma_map_phys(ssd, buf, 4KiB, to_device)
}
machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
`);

function load(text: string) {
  const { program } = loadForDebugging(new SourceFile("disks.dma", text), memoryFiles());
  return program!;
}

function record(index = 0) {
  return recordRun(PROGRAM, runsOf(PROGRAM)[index]!);
}

/** Results of all queries that need no machine, at each position of a run. */
function answers(run: RecordedRun) {
  const moments = Array.from({ length: run.log.count + 1 }, (_, seq) => run.afterEvent(seq));
  return moments.map((position) => ({
    event: position.seq === 0 ? null : eventView(run, position.seq).parts,
    moment: positionView(run, position),
    frames: run.frames(position).map(({ depth, name, started }) => [depth, name, started]),
    kernel: run.kernelFrames(position),
    tables: run.tables.map(({ spec }) => tableAt(run, spec.name, position)),
    requests: requestsAt(run, position).map((request) => requestView(run, position, request)),
    why: whyView(run, position)?.seq,
    output: run.outputBefore(position),
    variables: keptVariablesAt(run, position),
  }));
}

Deno.test("a view of a request has its memory, its entries with their pages, what read them, and how far it is", () => {
  const run = record();
  for (const request of requestsAt(run, run.last)) {
    const view = requestView(run, run.last, request)!;
    const bytes = view.segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assertEquals(bytes, view.data.reduce((sum, { fields }) => sum + fields.size_bytes, 0));
    assertEquals(view.phases.map(({ phase }) => phase), [
      "mapped",
      "sent",
      "fetched",
      "completed",
      "unmapped",
      "ended",
    ]);
    assertEquals(view.status, "OK");
    const data = view.entries.filter(({ leadsTo }) => leadsTo === "data");
    for (const { dma, fetched, page } of data) {
      // If an entry points to data, that data was transferred. The device has read the entry,
      // either in a list (`nvme.walk`) or with the command (`nvme.fetch`).
      assert(view.data.some(({ fields }) => fields.dma === dma), `${dma}`);
      assertEquals(run.event(fetched!).name, page === null ? "nvme.fetch" : "nvme.walk");
    }
    assert(view.mappings.every(({ endedSeq }) => endedSeq !== null));
    const before = requestView(run, run.afterEvent(view.phases[1]!.seq), request)!;
    assert(
      before.mappings.length > 0 && before.mappings.every(({ endedSeq }) => endedSeq === null),
    );
    assertEquals(before.entries.map(({ fetched }) => fetched).filter((seq) => seq !== null), []);
  }
  assertEquals(requestView(run, run.last, 99), null);
  const prp = requestsAt(run, run.last).map((each) => requestView(run, run.last, each)!)
    .find(({ format, listPages }) => format === "prp" && listPages.length > 0)!;
  assertEquals(prp.entries.map(({ label }) => label), ["PRP1", "PRP2", "0", "1", "2", "3"]);
  assertEquals(prp.entries[1]!.dma, prp.listPages[0]!.dma);
});

Deno.test("one lookup finds the rows that cover an address, at any moment", () => {
  const run = record();
  const position = run.afterEvent(run.find("nvme.submit")!);
  const [mapping] = rowsAt(run, "mappings", position);
  const { device, dma, phys } = mapping!;
  assertEquals(
    rowsCovering(run, "page_table", dma + 17, position, { device }).map((row) => row.phys),
    [
      phys,
    ],
  );
  assertEquals(rowsCovering(run, "page_table", dma, run.last, { device }), []);
  assertEquals(coveringCell(run, "swiotlb", 4).covers.field, "tlb_phys");
  assertThrows(() => rowsCovering(run, "doorbells", 0, position), RangeError, "cover no addresses");
});

Deno.test("a timeline has each event in the lane of who did it, each request's states and each command", () => {
  const run = record();
  const { lanes, times } = timelineView(run);
  assertEquals(lanes.map(({ kind, name }) => [kind, name]), [
    ["cpu", "CPU 0"],
    ["work", "CPU 0"],
    ["device", "ssd"],
    ["device", "other"],
    ["queue", "other queue 1"],
    ["queue", "ssd queue 1"],
    ["request", "request 1"],
    ["request", "request 2"],
    ["request", "request 3"],
    ["request", "request 4"],
  ]);
  for (let seq = 1; seq <= run.log.count; seq++) {
    const { device, name } = run.event(seq);
    const isDevices = /^(nvme\.(fetch|walk|data|complete)|iommu\.translate|irq)$/.test(name);
    const own = lanes.find((lane) => lane.name === (isDevices ? device : "CPU 0"))!;
    const spans = own.rows.flat().filter(({ first, last }) => first <= seq && seq <= last);
    assertEquals(spans.length, 1, `${seq} ${name}`);
    const isCall = /^(call|ret)\./.test(run.log.nameAt(spans[0]!.first));
    assert(isCall || spans[0]!.text.replace(/ ×\d+$/, "") === name);
  }
  for (const { name, rows } of lanes) {
    for (const spans of rows) {
      for (const { first, last } of spans) {
        const over = spans.filter((each) => each.first <= last && first <= each.last);
        assertEquals(over.length, 1, `${name} ${first}`);
      }
    }
    const [, request] = name.match(/^request (\d+)$/) ?? [];
    if (request === undefined) continue;
    const spans = rows.flat();
    const { phases } = requestView(run, run.last, Number(request))!;
    assertEquals(
      spans.filter(({ text }) => text !== "begun").map(({ first, text }) => [text, first]),
      phases.map(({ phase, seq }) => [phase, seq]),
    );
  }
  const queue = lanes.find(({ name }) => name === "ssd queue 1")!;
  const commands = queue.rows.flat().slice(0, 3).map(({ text }) => text);
  assertEquals(commands, ["cid 0 put", "cid 0 fetched", "cid 0 completed"]);
  assertEquals(times, []);
  const timed = recordRun(TIMED, runsOf(TIMED)[0]!);
  assertEquals(timelineView(timed).times.map(({ atNs }) => atNs), [5000]);
});

Deno.test("blocks on machines of their own are runs beside the run, and their events stand beside each other", () => {
  const program = load(`machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
test "beside" {
  let buf = alloc_pages(2)
  let outcomes = compare { iommu.mode = [strict, lazy] } { ssd.read(lba: 0, into: alloc_pages(1)) }
  let ways = fork { dma_map_phys(ssd, buf, 4KiB, to_device) } and {
    dma_map_phys(ssd, buf, 8KiB, to_device)
  }
  let orders = race { dma_map_phys(ssd, buf, 4KiB, to_device) } and {
    assert iommu.live_mappings == 1
  }
  assert outcomes.length == 2 and orders.failures.length == 1 and ways.first.leaks != []
}
`);
  const [choice] = runsOf(program);
  assertEquals(recordRun(program, choice!).childRuns, []);
  const recording = recordRun(program, choice!, { sides: true });
  const read = readSerialised(serialise([{ run: recording }]));
  assertEquals(read.length, 1);
  const sides = read[0]!.open().childRuns.map((child) => ({ ...child, run: child.open() }));
  assertEquals(sides.map(({ label, statement, word }) => [statement, word, label]), [
    [2, "compare", "iommu.mode = strict"],
    [2, "compare", "iommu.mode = lazy"],
    [3, "fork", "first"],
    [3, "fork", "second"],
    [4, "race", "AB"],
    [4, "race", "B"],
  ]);
  assertEquals(sides.map(({ run }) => run.failure?.message ?? null), [
    ...Array(5).fill(null),
    "Assertion failed",
  ]);
  recording.childRuns.forEach((child, index) => {
    assertEquals(answers(child.open()), answers(sides[index]!.run));
  });
  const [strict, lazy] = [sides[0]!.run, sides[1]!.run];
  const rowsThatDiffer = changedRows(
    { recording: strict, position: strict.last },
    { recording: lazy, position: lazy.last },
  );
  const event = firstDifferentEvent(strict, lazy);
  // The events differ because the range was cached at the machine's start in one run but not in the
  // other run.
  assertEquals([strict.eventNameAt(event!), lazy.eventNameAt(event!)], [
    "iova.alloc",
    "iova.alloc",
  ]);
  const queued = lazy.find("iova.free")!;
  assertEquals(
    rowsThatDiffer.map(({ createdSeq, mark, table }) => [table, mark, createdSeq]),
    [["flush_queue", "+", queued]],
  );
  const rows = alignEvents(strict, lazy, 1, 1000);
  for (const [run, column] of [[strict, "one"], [lazy, "other"]] as const) {
    const seqs = rows.map((row) => row[column]).filter((seq) => seq !== null);
    assertEquals(seqs, Array.from({ length: run.log.count }, (_, index) => index + 1));
  }
  for (const { isSame, one, other } of rows) {
    const texts = [[strict, one], [lazy, other]] as const;
    const [left, right] = texts.map(([run, seq]) => seq && formatEventText(run.event(seq)));
    assertEquals(left === right, isSame);
  }
  const alone = rows.filter(({ one, other }) => one === null || other === null)
    .map(({ one, other }) => one === null ? lazy.eventNameAt(other!) : strict.eventNameAt(one));
  assertEquals(alone, ["iotlb.sync", "flush_queue.add"]);
});

Deno.test("bytes are those of the machine at every moment, each with who wrote it", () => {
  const program = load(`machine {
  ram { size = 8GiB }
  region high { at = 0x1_2000_0000, size = 1MiB }
  pci { root_port rp0 { endpoint nic { dma_mask_bits = 32 }; nvme ssd { } } }
}
test "bytes" {
  let buf = buffer(size: 4KiB, pieces: 1, fill: counting)
  let direct = dma_map_phys(ssd, buf, 64B, from_device)
  ssd.dma_write(direct.addr, bytes"01 02 03")
  dma_unmap_phys(ssd, direct, 64B, from_device)
  let m = dma_map_phys(nic, high.at, 64B, bidirectional)
  nic.dma_write(m.addr + 1, bytes"aa bb")
  dma_unmap_phys(nic, m, 64B, bidirectional)
  ssd.read(lba: 0, into: alloc_pages(1))
}
`);
  const recording = recordRun(program, runsOf(program)[0]!);
  const run = readSerialised(serialise([{ run: recording }]))[0]!.open();
  const ranges = writtenRanges(run);
  assertEquals([ranges.length > 3, run.failure], [true, null]);
  const kinds = new Set<string>();
  for (let seq = 0; seq <= run.log.count + 1; seq++) {
    const position = seq > run.log.count ? run.last : run.afterEvent(seq);
    for (const { by, end, start } of ranges) {
      const size = Math.min(end - start, 512);
      const { bytes, writers } = bytesView(run, position, start, size);
      const real = readMemory(recording, position, start, size);
      bytes.forEach(({ value, writer }, offset) => {
        if (value !== null) assertEquals(value, real[offset], `${seq} ${start + offset}`);
        assert(value === null || by.includes(writers[writer!]!.by.name));
      });
      for (const { position: after, by: { kind, name } } of writers) {
        kinds.add(`${kind} ${name}`);
        assert(comparePositions(after, position) <= 0);
      }
    }
  }
  assertEquals([...kinds].sort(), [
    "bounce bounce copy",
    "cpu CPU 0",
    "device nic",
    "device ssd",
  ]);
  // Every change in the machine's memory has a writer at the position of the change.
  const by: string[] = [];
  for (const { start } of ranges) {
    for (const { position, phys, span } of writesOf(recording, run.last, start, 64, 100).writes) {
      const { bytes, writers } = bytesView(run, position, phys, 1);
      const writer = writers[bytes[0]!.writer!]!;
      by.push(writer.by.name);
      assertEquals(writer.position, position);
      assertEquals(writer.span && lineLocation(writer.span), span && lineLocation(span));
    }
  }
  assertEquals(new Set(by), new Set(["CPU 0", "bounce copy", "nic", "ssd"]));
});

Deno.test("why stays in the request that it is asked at", () => {
  const run = record();
  for (let seq = 1; seq <= run.log.count; seq++) {
    const view = whyView(run, run.afterEvent(seq));
    if (view !== null) assertEquals(run.log.requestAt(view.seq), run.log.requestAt(seq));
  }
});

const UNRELATED = load(`machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { sgl = true } }; root_port rp1 { endpoint nic { } } }
}
test "after a map" {
  let m = dma_map_phys(nic, alloc_pages(1), 4KiB, bidirectional)
  nic.dma_write(m.addr, bytes"01")
  nic.dma_read(m.addr, 1B)
  advance 5us
  dma_unmap_phys(nic, m, 4KiB, bidirectional)
  ssd.read(lba: 0, into: buffer(pieces: 5, piece: 4KiB, stride: 8KiB))
}
`);

Deno.test("a decision stands only beside the events that it caused", () => {
  const run = record();
  const unrelated = recordRun(UNRELATED, runsOf(UNRELATED)[0]!);
  /** Names of the decisions for events with the given name. */
  const beside = (of: RecordedRun, event: string) => {
    const found = new Set<string>();
    for (let seq = 1; seq <= of.log.count; seq++) {
      if (of.log.nameAt(seq) !== event) continue;
      const view = whyView(of, of.afterEvent(seq));
      found.add(view === null ? "none" : of.log.nameAt(view.seq));
    }
    return [...found].sort();
  };
  const rows: [RecordedRun, string, string[]][] = [
    [unrelated, "iommu.translate", ["none"]],
    [unrelated, "call.dma_map_phys", ["none"]],
    [unrelated, "call.dma_unmap_phys", ["none"]],
    [unrelated, "iommu.map", ["iova.alloc", "none"]],
    [unrelated, "iova.alloc", ["iova.alloc"]],
    [unrelated, "nvme.prp", ["mem.alloc"]],
    [unrelated, "nvme.fetch", ["none"]],
    [unrelated, "nvme.data", ["none"]],
    [run, "nvme.submit", ["nvme.choose"]],
    [run, "nvme.complete", ["none"]],
  ];
  assertEquals(
    rows.map(([of, event]) => [event, beside(of, event)]),
    rows.map(([, ...row]) => row),
  );
});
