/** Traces of real machines in other forms: the same events, every slice with its end. */
import { assert, assertEquals } from "@std/assert";
import { PbfReader } from "pbf";
import { runExport } from "../cli/trace/export.ts";
import type { Screen } from "../cli/screen.ts";
import { TraceReader } from "../instruments/trace_file/trace_reader.ts";
import { MappingSlices, type SliceSink } from "../instruments/traces/export/mapping_slices.ts";
import { PerfettoSlices } from "../instruments/traces/export/perfetto_slices.ts";
import { checkJson } from "../instruments/traces/ledger/check_report.ts";
import { LogPass, TraceCheck } from "../instruments/traces/ledger/trace_check.ts";
import { goldenPath, readGolden } from "./golden_traces.ts";

/** What a run gives as a form of text. */
async function exported(run: string, form: string): Promise<string> {
  const parts: string[] = [];
  const screen: Screen = {
    out: (text) => parts.push(text),
    err: (text) => parts.push(`error: ${text}`),
    data: (text) => parts.push(text),
    colour: false,
    columns: null,
  };
  assertEquals(await runExport([goldenPath(run)!], form, screen), 0, parts.join(""));
  return parts.join("");
}

function check(text: string): TraceCheck {
  const ledger = new TraceCheck(new LogPass());
  text.split("\n").forEach((line, index) => ledger.push(line, index + 1));
  return ledger;
}

/** Everything a check says but the numbers of lines, which the new file has others of. */
function plain(text: string): unknown {
  const ledger = check(text);
  const { balance, findings, summary } = checkJson(ledger, new LogPass(), ledger.end());
  const { events, overwritten, devices } = summary;
  const { links, ranges_ended } = balance.two_step;
  return {
    balance: { ...balance, two_step: { links, ranges_ended } },
    findings: findings.map(({ address, certainty, device, kind }) =>
      `${certainty} ${kind} ${device} ${address}`
    ).sort(),
    gaps: summary.gaps.map(({ count, cpu }) => ({ cpu, count })),
    events,
    overwritten,
    devices,
  };
}

const RUNS = [
  "real/72-strict-mistakes.trace.txt.gz",
  "real/612-lazy-2cpu-small.trace.txt.gz",
  "real/72-lost-events.trace.txt.gz",
  "real/72-direct-small.trace.txt.gz",
];

Deno.test("a trace as the kernel's text says the same when it is read again, whatever dialect it was", async () => {
  for (const run of [...RUNS, "dialects/trace-cmd-72.txt.gz", "dialects/perf-script-72.txt.gz"]) {
    const text = await exported(run, "ftrace");
    const before = await readGolden(run);
    // User space calls the kernel's marks otherwise.
    assertEquals(
      plain(text),
      plain(
        before!.replaceAll(" ftrace:print:", " tracing_mark_write:")
          .replace(/: print: +/g, ": tracing_mark_write: "),
      ),
      run,
    );
  }
});

Deno.test("a trace for the viewers of slices has a pair for every mapping, two-step ranges too", async () => {
  for (const run of RUNS) {
    const { traceEvents } = JSON.parse(await exported(run, "chrome")) as {
      traceEvents: { ph: string; id: number; ts: number; pid: number }[];
    };
    const ledger = check((await readGolden(run))!);
    const result = ledger.end();
    const { balance } = checkJson(ledger, new LogPass(), result);
    const births = Object.values(balance.devices).reduce((sum, { births }) => sum + births, 0);
    const begins = traceEvents.filter(({ ph }) => ph === "b");
    const ends = new Map(traceEvents.filter(({ ph }) => ph === "e").map((end) => [end.id, end]));
    assertEquals(ends.size, begins.length, run);
    assert(begins.length >= births, `${begins.length} pairs of ${births} mappings`);
    for (const { id, pid, ts } of begins) {
      const end = ends.get(id)!;
      assert(end.ts >= ts && end.pid === pid, `${run}: ${id}`);
    }
  }
});

interface Packet {
  seconds: number;
  type: number;
  track: number;
  value: number;
  name: string;
  descriptor: { uuid: number; name: string; parent: number } | null;
}

/** The packets of a file, read by the numbers of the definitions. */
function packetsOf(bytes: Uint8Array): Packet[] {
  return new PbfReader(bytes).readFields<Packet[]>((tag, packets, pbf) => {
    assertEquals(tag, 1);
    const packet = { seconds: -1, type: 0, track: 0, value: 0, name: "", descriptor: null };
    packets.push(pbf.readMessage<Packet>(readPacket, packet));
  }, []);
}

function readPacket(tag: number, packet: Packet, pbf: PbfReader): void {
  if (tag === 8) packet.seconds = pbf.readVarint() / 1e9;
  else if (tag === 11) pbf.readMessage(readEvent, packet);
  else if (tag === 60) {
    packet.descriptor = pbf.readMessage((field, found) => {
      if (field === 1) found.uuid = pbf.readVarint();
      if (field === 2) found.name = pbf.readString();
      if (field === 5) found.parent = pbf.readVarint();
    }, { uuid: 0, name: "", parent: 0 });
  }
}

function readEvent(tag: number, packet: Packet, pbf: PbfReader): void {
  if (tag === 9) packet.type = pbf.readVarint();
  if (tag === 11) packet.track = pbf.readVarint();
  if (tag === 23) packet.name = pbf.readString();
  if (tag === 30) packet.value = pbf.readVarint(true);
}

/** Slices of a run, to a sink. */
async function sliced(run: string, sink: SliceSink): Promise<TraceCheck> {
  const slices = new MappingSlices(sink);
  const ledger = new TraceCheck(new LogPass());
  let last = 0;
  ledger.ledger.recorder = (step) => slices.take(step, last);
  for (const [index, line] of (await readGolden(run))!.split("\n").entries()) {
    const seconds = /\] \S+ +(\d+\.\d+): /.exec(line)?.[1];
    if (seconds !== undefined) last = Number(seconds);
    ledger.push(line, index + 1);
  }
  ledger.end();
  slices.finish(ledger.ledger.edges.lastSeconds);
  return ledger;
}

Deno.test("a trace for Perfetto has a track for each device, slices that do not overlap, and how many are alive", async () => {
  for (const run of RUNS) {
    const chunks: Uint8Array[] = [];
    const sink = new PerfettoSlices((bytes) => chunks.push(bytes));
    const { ledger } = await sliced(run, sink);
    sink.finish();
    const packets = packetsOf(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()));
    const descriptors = packets.flatMap(({ descriptor }) => descriptor ?? []);
    const roots = descriptors.filter(({ parent }) => parent === 0).map(({ name }) => name);
    for (const device of ledger.devices.keys()) assert(roots.includes(device), `${run}: ${device}`);
    const tracks = new Set(descriptors.map(({ uuid }) => uuid));
    assertEquals(tracks.size, descriptors.length, run);
    const open = new Map<number, number>();
    let begins = 0;
    const events = packets.filter(({ type }) => type > 0);
    for (const { name, seconds, track, type } of events) {
      assert(tracks.has(track), `${run}: track ${track}`);
      if (type === 1) {
        begins++;
        assert(!open.has(track) && /^0x[0-9a-f]+$/.test(name), `${run}: ${name}`);
        open.set(track, seconds);
      } else if (type === 2) {
        assert(open.get(track)! <= seconds, run);
        open.delete(track);
      }
    }
    assertEquals(open.size, 0, run);
    assert(begins > 20, `${run}: ${begins}`);
    const counters = events.filter(({ type }) => type === 4);
    assertEquals(counters.at(-1)!.value, 0, run);
    assert(counters.every(({ value }) => value >= 0), run);
  }
});

Deno.test("a trace as a file of events is held to the format of scenarios' own", async () => {
  for (const run of RUNS) {
    const lines = (await exported(run, "dmatrace")).trimEnd().split("\n");
    const reader = new TraceReader();
    const read = lines.map((line) => reader.read(line));
    const wrong = read.filter((line) => "problem" in line);
    assertEquals(wrong, [], run);
    assertEquals(read[0], { dmatrace: 1, by: "dmalab 0.1.0" }, run);
    const events = read.filter((line) => "seq" in line);
    assertEquals(read.at(-1), { runs: 1, events: events.length }, run);
    const names = new Set(events.map((event) => "name" in event ? event.name : ""));
    assert(names.has("dma.map") && names.has("dma.unmap"), run);
    const times = events.map((event) => "at_ns" in event ? event.at_ns : 0);
    assert(times.every((time) => Number.isSafeInteger(time)), run);
  }
});
