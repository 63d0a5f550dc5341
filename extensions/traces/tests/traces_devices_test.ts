/**
 * `trace devices`: the counts of each device are compared with the ledger's balance, and with sums that this
 * test computes.
 */
import { assert, assertEquals } from "@std/assert";
import { checkJson } from "../ledger/check_report.ts";
import { TraceCheck } from "../ledger/trace_check.ts";
import { IovaSpace } from "../usage/iova_space.ts";
import { PowersOfTwo } from "../usage/powers_of_two.ts";
import { TracedUse } from "../usage/traced_use.ts";
import { restLines, traceJson, useLines, usesJson } from "../usage/use_report.ts";
import { checkedTrace, eachLine, passOf } from "./checked_trace.ts";
import { readGolden, runsOf } from "./golden_traces.ts";

function usesOf(lines: readonly string[]) {
  const log = passOf([]);
  const check = new TraceCheck(log);
  const use = new TracedUse();
  let seconds = 0;
  check.ledger.recorder = (step) => use.take(step, seconds);
  eachLine(lines, (line, number) => {
    if (line.kind === "event") {
      seconds = line.seconds;
      use.event(line, number);
    } else use.other(line.text);
    check.push(line, number);
  });
  const result = check.end();
  use.end();
  return { use, uses: use.devices, balance: checkJson(check, log, result).balance };
}

Deno.test("of every capture the devices' maps are those of the ledger's balance", async () => {
  let devices = 0;
  for (const run of runsOf("real")) {
    const trace = await readGolden(`real/${run}.trace.txt.gz`);
    if (trace === null) continue;
    const { balance, uses } = usesOf(trace.split("\n"));
    for (const [name, { births, uncertain }] of Object.entries(balance.devices)) {
      const use = uses.devices.get(name);
      if (use === undefined) {
        assertEquals(births, 0, `${run} ${name}`);
        continue;
      }
      devices++;
      // A two-step range counts as a map of its device here, but not in the ledger's balance.
      // Therefore the number of ranges is subtracted.
      const sum = (counts: Iterable<number>) => [...counts].reduce((a, b) => a + b, 0);
      const counts = (tallies: typeof use.callers) =>
        [...tallies.values()].map(({ count }) => count);
      const twoStep = [...use.callers].filter(([caller]) => caller.startsWith("two_step "));
      const own = use.maps - sum(twoStep.map(([, { count }]) => count));
      assert(own <= births && own >= births - uncertain, `${run} ${name}: ${own} of ${births}`);
      assertEquals(sum(counts(use.directions)), use.maps);
      assertEquals(sum(counts(use.callers)), use.maps);
      assertEquals(use.sizesBytes.count, use.maps);
      assertEquals(use.lifetimesUs.count, use.unmaps);
      assertEquals(use.live, use.maps - use.unmaps);
      assert(use.peakBytes >= use.liveBytes && use.peakLive >= use.live);
      const intervals = use.overTime.intervals.map(([, interval]) => interval);
      assertEquals(sum(intervals.map(({ maps }) => maps)), use.maps);
      assertEquals(Math.max(...intervals.map((each) => each.mostLiveBytes)), use.peakBytes);
      assertEquals(intervals.at(-1)!.liveBytes, use.liveBytes);
      assert(intervals.length > 0 && intervals.length <= 256);
      for (const { space } of intervals) {
        assert(space === null || space.mappedBytes <= space.extentBytes, `${run} ${name}`);
      }
      assert(use.liveBytes >= 0 && use.peakBouncedBytes <= use.peakBytes);
    }
    assert(useLines(uses, 1).length > 0 && Object.keys(usesJson(uses, 1)).length > 0);
  }
  assert(devices > 20, `${devices} devices`);
});

const checkedOf = (lines: readonly string[], beside: readonly string[] = []) =>
  checkedTrace(lines, beside).json().summary.devices;

Deno.test("without lines of page tables and of bouncing a device's mode is the true one or unknown", async () => {
  const modes = { same: 0, unknown: 0, byGroup: 0 };
  for (const run of runsOf("real")) {
    const trace = await readGolden(`real/${run}.trace.txt.gz`);
    if (trace === null) continue;
    const lines = trace.split("\n");
    const rest = lines.filter((line) => !/: (?:map|unmap): IOMMU:|: swiotlb_bounced:/.test(line));
    const facts = (await readGolden(`real/${run}.facts.txt`) ?? "").split("\n");
    const [whole, alone, beside] = [checkedOf(lines), checkedOf(rest), checkedOf(rest, facts)];
    for (const [name, { mode }] of Object.entries(whole)) {
      const left = alone[name]!.mode;
      assert(left === mode || left === "unknown", `${run} ${name}: ${mode} became ${left}`);
      if (mode === "unknown") continue;
      modes[left === mode ? "same" : "unknown"]++;
      // A device that has only allocations is left out, because lines of allocations contain no
      // physical address.
      const { iommu_group_type: type } = beside[name]!;
      const isMapping = "maps" in beside[name]!;
      if (left === "unknown" && type !== null && isMapping) {
        assertEquals(beside[name]!.mode, mode, `${run} ${name}`);
        modes.byGroup++;
      }
    }
  }
  assert(modes.same > 10 && modes.unknown > 10 && modes.byGroup > 10, JSON.stringify(modes));
});

Deno.test("a percentile by powers of two is never below the true one, nor above twice it", () => {
  const powers = new PowersOfTwo();
  const values = Array.from({ length: 999 }, (_, index) => 1 + index * index % 7919);
  for (const value of values) powers.add(value);
  values.sort((a, b) => a - b);
  for (const percent of [1, 25, 50, 75, 99, 100]) {
    const right = values[Math.ceil(values.length * percent / 100) - 1]!;
    const found = powers.percentile(percent);
    assert(found >= right && found <= 2 * right, `${percent}: ${found} for ${right}`);
  }
});

Deno.test("the pieces and the extent of IOVA space are those of a map of pages", () => {
  const space = new IovaSpace();
  const live: number[] = [];
  const pages = new Set<number>();
  for (let step = 0; step < 400; step++) {
    const at = step * 7919 % 97;
    const isLive = pages.has(at);
    if (isLive) live.splice(live.indexOf(at), 1);
    else live.push(at);
    if (isLive) pages.delete(at);
    else pages.add(at);
    space.change(4096 * at, 4096 * (at + 1), isLive ? -1 : 1);
    const pieces = live.filter((page) => !pages.has(page - 1)).length;
    const extent = live.length === 0 ? 0 : Math.max(...live) + 1 - Math.min(...live);
    const expected = { mappedBytes: 4096 * pages.size, pieces, extentBytes: 4096 * extent };
    assertEquals(space.use, expected, `step ${step}`);
  }
});

async function linesOf(run: string): Promise<string[]> {
  return (await readGolden(`real/${run}.trace.txt.gz`))!.split("\n");
}

Deno.test("in lazy mode each unmap waits for the next flush of its domain, in strict mode none waits", async () => {
  const lines = await linesOf("612-lazy-2cpu");
  const { uses } = usesOf(lines);
  // The lines show which domain belongs to which device: at the time of each flush, only one device
  // has ranges that wait for a flush.
  const domains = { "0000:00:04.0": 4, "0000:00:05.0": 5, "0000:00:06.0": 6, "0000:00:07.0": 7 };
  for (const [device, domain] of Object.entries(domains)) {
    const { waiting, windowsUs } = uses.flushes.devices.get(device)!;
    const seconds = (text: string) => Number(/ (\d+\.\d+): /.exec(text)![1]);
    const [from, to] = windowsUs.mostLines;
    assert(lines[from! - 1]!.includes(`unmap`) && lines[from! - 1]!.includes(device));
    assert(lines[to! - 1]!.includes(`qi_submit: iotlb_inv dmar0: 0x${domain}00e2`), lines[to! - 1]);
    const passed = 1e6 * (seconds(lines[to! - 1]!) - seconds(lines[from! - 1]!));
    assert(Math.abs(passed - windowsUs.most) < 1, device);
    assertEquals(windowsUs.count + waiting.length, uses.devices.get(device)!.unmaps, device);
  }
  const strict = usesOf(await linesOf("deb-7.2-strict.a")).uses;
  assert(strict.devices.get("0000:00:04.0")!.unmaps > 100 && !strict.flushes.isLazy);
  assert([...strict.flushes.devices.values()].every(({ waiting }) => waiting.length === 0));
});

Deno.test("without NVMe's lines requests of the block layer have the mappings of their bytes", async () => {
  const lines = await linesOf("72-bounce-full");
  const { use } = usesOf(lines);
  const { requests, untied_requests: untied } = traceJson(use, 1);
  assertEquals([requests.length, untied], [10, 1]);
  for (const { bytes, line, map_lines: maps } of requests) {
    assert(lines[line - 1]!.includes("block_rq_issue:"));
    const size = parseInt(/ sizes=\{0x([0-9a-f]+)\}/.exec(lines[maps[0]! - 1]!)![1]!, 16);
    assertEquals([maps.length, size], [1, bytes]);
    assert(lines[line - 1]!.includes(` ${bytes} () `), `${bytes}`);
  }
  // Five captures contain no line of a request, and the output says so.
  const said = restLines(usesOf(await linesOf("72-scalable-faults")).use);
  assertEquals(said, ["requests: the trace has no nvme:* or block:* events with data"]);
});
