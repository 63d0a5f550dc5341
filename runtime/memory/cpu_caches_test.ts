import { assertEquals } from "@std/assert";
import { GIB, KIB, type PhysAddr } from "../address.ts";
import type { CacheHazard } from "./cached_page.ts";
import { CpuCaches } from "./cpu_caches.ts";
import { layOutMemory } from "./layout.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;
const PAGE = at(0x10_0000);
const APART = { name: "ssd", coherent: false };

/** Memory full of 0x11, caches in front of it, and a non-coherent device. */
class Bench {
  readonly memory = new PhysicalMemory(layOutMemory({
    ramSizeBytes: 1 * GIB,
    windows: [{ name: "bar", basePhys: at(0x8000_0000), sizeBytes: 4 * KIB }],
    regions: [],
  }));
  readonly hazards: CacheHazard[] = [];
  readonly place = { site: 1 };
  readonly caches = new CpuCaches(this.memory, this.place, (hazard) => this.hazards.push(hazard));

  constructor() {
    this.memory.fill(PAGE, 8 * KIB, 0x11);
  }

  /** One byte as the CPU sees it, as memory contains it, and as the device sees it. */
  views(phys: number): readonly [cpu: number, memory: number, device: number] {
    const bytes = new Uint8Array(3);
    this.caches.read(at(phys), bytes, 0, 1);
    this.memory.read(at(phys), bytes, 1, 1);
    this.caches.deviceRead(APART, at(phys), bytes, 2, 1);
    return [bytes[0]!, bytes[1]!, bytes[2]!];
  }

  cpuWrites(phys: number, byte: number, sizeBytes = 1): void {
    this.caches.fill(at(phys), sizeBytes, byte);
  }

  deviceWrites(phys: number, byte: number, sizeBytes = 1): void {
    const bytes = new Uint8Array(sizeBytes).fill(byte);
    this.caches.deviceWrite(APART, at(phys), bytes, 0, sizeBytes);
  }

  state(phys: number): string {
    const [line] = this.caches.linesOf(at(phys), 1);
    return `${line!.owner} ${line!.state}`;
  }
}

Deno.test("a page that may be cached again lets no other one be", () => {
  const bench = new Bench();
  const next = PAGE + 4 * KIB;
  bench.caches.makeUncached(PAGE, 8 * KIB);
  bench.caches.makeCached(at(next), 4 * KIB);
  bench.cpuWrites(PAGE, 0x22);
  bench.cpuWrites(next, 0x22);
  assertEquals([PAGE, next].map((phys) => bench.views(phys)[1]), [0x22, 0x11]);
});

Deno.test("lines that are handed back are the CPU's as they are", () => {
  const bench = new Bench();
  bench.caches.clean(PAGE, 256);
  bench.deviceWrites(PAGE, 0x33, 128);
  bench.caches.handBack(at(PAGE + 64), 64);
  const states = bench.caches.linesOf(PAGE, 256).map(({ owner, state }) => `${owner} ${state}`);
  assertEquals(states, ["device stale", "cpu stale", "device clean", "device clean"]);
});

Deno.test("old lines are those that a device wrote behind the CPU's back, page by page (dma.md 2.2)", () => {
  const bench = new Bench();
  const next = at(PAGE + 4 * KIB);
  assertEquals(bench.caches.oldLinesIn(PAGE), []);
  bench.deviceWrites(PAGE + 64, 0x33, 65);
  bench.deviceWrites(PAGE + 4095, 0x33, 2);
  bench.cpuWrites(PAGE + 1024, 0x22);
  assertEquals(bench.caches.oldLinesIn(PAGE), [64, 128, 4032]);
  assertEquals(bench.caches.oldLinesIn(next), [0]);
  // The line stays an old line when the CPU writes into it.
  bench.cpuWrites(PAGE + 64, 0x22);
  bench.caches.invalidate(at(PAGE + 128), 64);
  assertEquals(bench.caches.oldLinesIn(PAGE), [64, 4032]);
});

Deno.test("bytes that are hidden are reported with the device and the statement that wrote them", () => {
  const bench = new Bench();
  bench.place.site = 4;
  bench.deviceWrites(PAGE, 0x33, 64);
  bench.place.site = 5;
  bench.views(PAGE);
  const hazard = {
    kind: "stale_cacheline_read",
    phys: PAGE,
    lines: 1,
    device: "ssd",
    writtenAt: 4,
  };
  assertEquals(bench.hazards, [hazard as CacheHazard]);
});

Deno.test("caches are finite: the page that came first goes back to memory", () => {
  const bench = new Bench();
  bench.caches.fill(PAGE, 4096 * 4 * KIB, 0x22);
  assertEquals(bench.views(PAGE), [0x22, 0x11, 0x11]);
  bench.cpuWrites(PAGE + 4096 * 4 * KIB, 0x23);
  assertEquals(bench.views(PAGE), [0x22, 0x22, 0x22]);
});

Deno.test("spans larger than anything that is held cost no more than what is held", () => {
  const bench = new Bench();
  bench.cpuWrites(PAGE, 0x22, 64);
  bench.deviceWrites(PAGE + 4 * KIB, 0x33, 64);
  bench.caches.clean(at(0), 2 ** 52);
  assertEquals(bench.views(PAGE), [0x22, 0x22, 0x22]);
  assertEquals(bench.state(2 ** 51), "device clean");
  bench.caches.invalidate(at(0), 2 ** 52);
  assertEquals(bench.views(PAGE + 4 * KIB), [0x33, 0x33, 0x33]);
  assertEquals(bench.state(PAGE), "cpu clean");
});

Deno.test("of lines that both have written only those that differ are lost, and who wrote them is told (dma.md 2.2)", () => {
  const bench = new Bench();
  bench.place.site = 5;
  for (const line of [2, 3, 4]) bench.cpuWrites(PAGE + 64 * line + 1, 0x22);
  const bytes = new Uint8Array(64).fill(0x11);
  bytes[1] = 0x22;
  bench.place.site = 6;
  for (const line of [2, 4]) {
    bench.caches.deviceWrite(APART, at(PAGE + 64 * line), bytes, 0, 64);
  }
  bench.deviceWrites(PAGE + 64 * 3, 0x33, 64);
  bench.caches.clean(at(PAGE + 128), 192);
  bench.cpuWrites(PAGE + 64, 0x44);
  bench.caches.deviceRead(APART, at(PAGE + 64), bytes, 0, 1);
  const phys = (line: number) => PAGE + 64 * line as PhysAddr;
  assertEquals(bench.hazards, [
    { kind: "device_write_lost", phys: phys(3), lines: 1, device: "ssd", writtenAt: 6 },
    { kind: "stale_memory_read", phys: phys(1), lines: 1, device: "ssd", writtenAt: 6 },
  ]);
});

Deno.test("who follows the caches is told of each page that may have changed, and a large span keeps what lies before it", () => {
  const bench = new Bench();
  const { caches } = bench;
  const changed = caches.follow();
  const pages = (act: () => unknown) => {
    changed.clear();
    act();
    return [...changed].map((number) => number - PAGE / (4 * KIB));
  };
  assertEquals(pages(() => bench.deviceWrites(PAGE + 4095, 0x33, 2)), [0, 1]);
  assertEquals(pages(() => caches.fillMemory(at(PAGE + 4095), 2, 0x33)), [0, 1]);
  assertEquals(pages(() => caches.makeUncached(at(PAGE + 4 * KIB), 8 * KIB)), [1, 2]);
  assertEquals(pages(() => bench.cpuWrites(PAGE + 4095, 0x22, 2)), [0, 1]);
  bench.cpuWrites(PAGE, 0x22, 4 * KIB);
  caches.invalidate(at(PAGE + 128), 2 ** 30);
  const states = [1, 71, 128, 4032].map((at) => bench.state(PAGE + at));
  assertEquals(states, ["cpu dirty", "cpu dirty", "cpu clean", "cpu clean"]);
});
