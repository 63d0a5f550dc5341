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

Deno.test("bytes, lifetimes, callers and bounce buffers of a device are what its lines say", () => {
  const lines: string[] = [];
  const write = (task: string, seconds: number, event: string) =>
    lines.push(`  ${task}  [000] .....  ${seconds.toFixed(6)}: ${event}`);
  const device = "0000:00:05.0";
  for (let index = 0; index < 4; index++) {
    const at = `dma_addr=${(0x10_0000 + index * 0x2000).toString(16)} size=${1024 << index}`;
    write(
      "fio-7",
      1 + index,
      `dma_map_phys: ${device} dir=TO_DEVICE ${at} phys_addr=9000000 attrs=`,
    );
  }
  const first = "dma_addr=100000 size=1024 attrs=";
  write("kworker/0:1-9", 11, `dma_unmap_phys: ${device} dir=TO_DEVICE ${first}`);
  const { uses } = usesOf(lines);
  const { [device]: json } = usesJson(uses, 10);
  assertEquals([json!.mode, json!.maps, json!.live], ["unknown", 4, 3]);
  assertEquals([json!.peak_bytes, json!.live_bytes], [15 * 1024, 14 * 1024]);
  assertEquals([json!.bounced_maps, json!.peak_bounced_bytes], [null, null]);
  assertEquals(json!.callers, { "map by fio": 4 });
  assertEquals(json!.lifetimes_us.most, 10e6);
  assertEquals([json!.lowest_address, json!.highest_address], ["0x100000", "0x108000"]);
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

Deno.test("each thing that says who made a device's addresses decides, and without any they are unknown", () => {
  const map = (addr: string, phys: string) =>
    `dma_map_phys: 0000:00:05.0 dir=TO_DEVICE dma_addr=${addr} size=512 phys_addr=${phys} attrs=`;
  const bounced =
    "swiotlb_bounced: dev_name: 0000:00:05.0 dma_mask=ffffffff dev_addr=9000200 size=512 FORCE";
  const table =
    "map: IOMMU: iova=0x00000000fff00000 - 0x00000000fff01000 paddr=0x0000000009000000 size=4096";
  const pool = "software IO TLB: mapped [mem 0x00000000fb000000-0x00000000feffffff] (64MB)";
  const fault =
    "DMAR: [DMA Read NO_PASID] Request device [00:05.0] fault addr 0xfff00000 [fault reason 0x06] PTE Read access is not set";
  const low = map("fb000200", "9000200");
  const cases:
    readonly (readonly [string, events: readonly string[], beside: readonly string[]])[] = [
      ["unknown", [low], []],
      ["unknown", [low], ["iommu: Default domain type: Translated"]],
      ["unknown", [map("1fb000200", "9000200"), low], []],
      ["translated", [table, map("fff00200", "9000200")], []],
      ["translated", [map("1fb000200", "9000200")], []],
      ["translated", [map("fff00200", "9000200")], [pool]],
      ["unknown", [map("fff00200", "9000200"), low], [pool]],
      ["translated", [low], [fault]],
      ["unknown", [low], [fault.replace("05.0", "06.0")]],
      ["translated", [low], ["group 4 type DMA-FQ devs 0000:00:05.0"]],
      ["translated", [low], [
        "iommu: Default domain type: Translated",
        "pci 0000:00:05.0: Adding to iommu group 4",
      ]],
      ["bounced", [low], [pool]],
      ["bounced", [low], ["group 4 type identity devs 0000:00:05.0"]],
      ["bounced", [low], [
        "iommu: Default domain type: Passthrough (set via kernel command line)",
        "pci 0000:00:05.0: Adding to iommu group 4",
      ]],
      ["bounced", [bounced, low], []],
      ["bounced", [table, low], []],
      ["bounced", [low, map("9004000", "9004000")], []],
      ["bounced", [map("fb000000", "9000200")], []],
      ["direct", [map("9000200", "9000200")], []],
    ];
  for (const [mode, events, beside] of cases) {
    const lines = events.map((event, index) => AT(1 + index, event));
    const { "0000:00:05.0": found } = checkedOf(
      lines,
      beside.map((text) => text.startsWith("group") ? text : `[    1.000000] ${text}`),
    );
    assertEquals(found!.mode, mode, [...events, ...beside].join("\n"));
    assertEquals(found!.mode_evidence === null, mode === "unknown");
  }
  const text = useLines(usesOf([AT(1, low)]).uses, 1).join("\n");
  assert(text.includes("unknown: translated or bounced") && !text.includes("100.0 % of the maps"));
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

const AT = (seconds: number, event: string) =>
  `  fio-7  [000] .....  ${seconds.toFixed(6)}: ${event}`;
const MAP =
  "dma_map_phys: 0000:00:05.0 dir=TO_DEVICE dma_addr=100000 size=512 phys_addr=100000 attrs=";

Deno.test("calls of which both ends are probed have their cost and caller, with interrupts between", () => {
  const { use } = usesOf([
    AT(1, "p_map: (dma_map_phys+0x0/0x120)"),
    AT(1.000001, "p_map: (dma_map_phys+0x0/0x120) size=512"),
    AT(1.000003, "r_map: (e1000_rx+0x8c/0x210 <- dma_map_phys) arg1=0x1"),
    AT(1.000009, "r_map: (nvme_map_data+0x8c/0x210 [nvme] <- dma_map_phys)"),
    AT(2, "r_map: (nvme_map_data+0x8c/0x210 <- dma_map_phys)"),
  ]);
  const { dma_map_phys: calls } = traceJson(use, 1).calls_ns;
  assertEquals([calls!.count, calls!.most], [2, 9000]);
  assertEquals(calls!.callers, { e1000_rx: 1, nvme_map_data: 1 });
});

Deno.test("with stacks in the trace a mapping's caller is the function outside of the DMA API", () => {
  const { uses } = usesOf([
    AT(1, MAP),
    AT(1, "<stack trace>"),
    " => trace_event_raw_event_dma_map",
    " => dma_map_phys",
    " => nvme_map_data",
    " => nvme_queue_rq",
    AT(2, MAP.replaceAll("100000", "200000")),
  ]);
  const { callers } = usesJson(uses, 1)["0000:00:05.0"]!;
  assertEquals(callers, { "map in nvme_map_data": 1, "map by fio": 1 });
});
