/** `trace devices`: what is counted of each device, against the ledger's balance and against sums done here. */
import { assert, assertEquals } from "@std/assert";
import { checkJson } from "../instruments/traces/ledger/check_report.ts";
import { LogPass, TraceCheck } from "../instruments/traces/ledger/trace_check.ts";
import { TraceLine } from "../instruments/traces/line/trace_line.ts";
import { DeviceUses, PowersOfTwo } from "../instruments/traces/usage/device_use.ts";
import { useLines, usesJson } from "../instruments/traces/usage/use_report.ts";
import { readGolden, runsOf } from "./golden_traces.ts";

function usesOf(lines: readonly string[]) {
  const log = new LogPass();
  log.end();
  const check = new TraceCheck(log);
  const uses = new DeviceUses();
  const line = new TraceLine();
  let seconds = 0;
  check.ledger.recorder = (step) => uses.take(step, seconds);
  lines.forEach((text, index) => {
    if (line.read(text) === "event") seconds = line.seconds;
    check.push(text, index + 1);
  });
  return { uses, balance: checkJson(check, log, check.end()).balance };
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
      // A two-step range of a known device is counted here too, and not in the balance.
      const sum = (counts: Iterable<number>) => [...counts].reduce((a, b) => a + b, 0);
      const twoStep = [...use.callers].filter(([caller]) => caller.startsWith("two_step "));
      const own = use.maps - sum(twoStep.map(([, count]) => count));
      assert(own <= births && own >= births - uncertain, `${run} ${name}: ${own} of ${births}`);
      assertEquals(sum(use.directions.values()), use.maps);
      assertEquals(sum(use.callers.values()), use.maps);
      assertEquals(use.sizesBytes.count, use.maps);
      assertEquals(use.lifetimesUs.count, use.unmaps);
      assertEquals(use.live, use.maps - use.unmaps);
      assert(use.peakBytes >= use.liveBytes && use.peakLive >= use.live);
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
  assertEquals([json!.mode, json!.maps, json!.live], ["bounced", 4, 3]);
  assertEquals([json!.peak_bytes, json!.live_bytes], [15 * 1024, 14 * 1024]);
  assertEquals([json!.bounced_maps, json!.peak_bounced_bytes], [4, 15 * 1024]);
  assertEquals(json!.callers, { "map by fio": 4 });
  assertEquals(json!.lifetimes_us.most, 10e6);
  assertEquals([json!.lowest_address, json!.highest_address], ["0x100000", "0x108000"]);
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
