import { assertEquals } from "@std/assert";
import { GIB, KIB, type PhysAddr } from "../address.ts";
import type { CacheHazard } from "./cached_page.ts";
import { CpuCaches } from "./cpu_caches.ts";
import { layOutMemory } from "./layout.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;
const PAGE = at(0x10_0000);
const APART = { name: "ssd", coherent: false };
const COHERENT = { name: "nic", coherent: true };

/** Memory full of 0x11, caches above it, and a device that does not see them. */
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

  /** One byte as the CPU sees it, as memory holds it, and as the device sees it. */
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

  deviceWrites(phys: number, byte: number, sizeBytes = 1, device = APART): void {
    const bytes = new Uint8Array(sizeBytes).fill(byte);
    this.caches.deviceWrite(device, at(phys), bytes, 0, sizeBytes);
  }

  state(phys: number): string {
    const [line] = this.caches.linesOf(at(phys), 1);
    return `${line!.owner} ${line!.state}`;
  }

  kinds(): string[] {
    return this.hazards.map(({ kind, lines }) => `${kind} ${lines}`);
  }
}

Deno.test("what the CPU writes reaches memory when it is cleaned, a whole line at a time (dma.md 2.1)", () => {
  const bench = new Bench();
  bench.cpuWrites(PAGE + 70, 0x22);
  assertEquals(bench.views(PAGE + 70), [0x22, 0x11, 0x11]);
  assertEquals(bench.state(PAGE + 70), "cpu dirty");
  bench.caches.clean(at(PAGE + 127), 1);
  assertEquals(bench.views(PAGE + 70), [0x22, 0x22, 0x22]);
  assertEquals(bench.state(PAGE + 70), "device clean");
  assertEquals(bench.kinds(), ["stale_memory_read 1"]);
});

Deno.test("what a device writes reaches the CPU when its lines are invalidated (dma.md 2.2)", () => {
  const bench = new Bench();
  bench.caches.clean(PAGE, 128);
  bench.deviceWrites(PAGE, 0x33, 128);
  assertEquals(bench.views(PAGE), [0x11, 0x33, 0x33]);
  assertEquals(bench.state(PAGE), "device stale");
  bench.caches.invalidate(PAGE, 64);
  assertEquals(bench.state(PAGE), "cpu clean");
  assertEquals([bench.views(PAGE)[0], bench.views(PAGE + 64)[0]], [0x33, 0x11]);
  assertEquals(bench.kinds(), ["stale_cacheline_read 1", "stale_cacheline_read 1"]);
});

Deno.test("reading changes nothing: a look at old bytes shows them again", () => {
  const bench = new Bench();
  bench.deviceWrites(PAGE, 0x33, 64);
  assertEquals(bench.views(PAGE), bench.views(PAGE));
  assertEquals(bench.state(PAGE), "cpu stale");
});

Deno.test("bytes that turn out to be the same are no hazard", () => {
  const bench = new Bench();
  bench.deviceWrites(PAGE, 0x11, 64);
  bench.cpuWrites(PAGE + 64, 0x11, 64);
  bench.views(PAGE);
  bench.views(PAGE + 64);
  bench.caches.invalidate(PAGE, 128);
  assertEquals(bench.kinds(), []);
});

Deno.test("invalidating a part of a line writes the rest back, over what the device wrote beside it", () => {
  const bench = new Bench();
  bench.deviceWrites(PAGE, 0x33, 32);
  bench.cpuWrites(PAGE + 32, 0x22, 32);
  assertEquals(bench.state(PAGE), "cpu conflict");
  bench.caches.invalidate(PAGE, 32);
  assertEquals(bench.views(PAGE), [0x11, 0x11, 0x11]);
  assertEquals(bench.views(PAGE + 32), [0x22, 0x22, 0x22]);
  assertEquals(bench.kinds(), ["device_write_lost 1"]);
  assertEquals(bench.hazards[0]!.device, "ssd");
});

Deno.test("a neighbour in the first line of a buffer keeps its bytes when the buffer is invalidated", () => {
  const bench = new Bench();
  bench.cpuWrites(PAGE, 0x22, 32);
  bench.caches.invalidate(at(PAGE + 32), 96);
  assertEquals(bench.views(PAGE), [0x22, 0x22, 0x22]);
  assertEquals(bench.kinds(), []);
});

Deno.test("a line that the CPU replaces as a whole keeps nothing of a device's write", () => {
  const bench = new Bench();
  bench.deviceWrites(PAGE, 0x33, 64);
  bench.cpuWrites(PAGE, 0x22, 64);
  assertEquals(bench.state(PAGE), "cpu dirty");
  bench.caches.clean(PAGE, 64);
  assertEquals(bench.kinds(), []);
});

Deno.test("a device that sees the caches reads from them, and they give way to what it writes", () => {
  const bench = new Bench();
  const byte = new Uint8Array(1);
  bench.cpuWrites(PAGE, 0x22, 64);
  bench.caches.deviceRead(COHERENT, PAGE, byte, 0, 1);
  assertEquals(byte[0], 0x22);
  bench.deviceWrites(PAGE, 0x33, 1, COHERENT);
  assertEquals(bench.views(PAGE), [0x33, 0x33, 0x33]);
  assertEquals(bench.views(PAGE + 1), [0x22, 0x22, 0x22]);
  assertEquals(bench.kinds(), []);
});

Deno.test("memory that CPU and device share is not cached, nor are windows of devices", () => {
  const bench = new Bench();
  bench.cpuWrites(PAGE, 0x22);
  bench.caches.makeUncached(PAGE, 4 * KIB);
  bench.cpuWrites(PAGE + 1, 0x23);
  bench.deviceWrites(PAGE + 2, 0x24);
  assertEquals([0, 1, 2].map((byte) => bench.views(PAGE + byte)), [
    [0x22, 0x22, 0x22],
    [0x23, 0x23, 0x23],
    [0x24, 0x24, 0x24],
  ]);
  bench.caches.makeCached(PAGE, 4 * KIB);
  bench.cpuWrites(PAGE, 0x25);
  assertEquals(bench.views(PAGE)[1], 0x22);
  bench.cpuWrites(0x8000_0000, 0x26);
  assertEquals(bench.views(0x8000_0000), [0x26, 0x26, 0x26]);
});

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
  // What the CPU has written into the line leaves it old.
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

Deno.test("copies go through the caches, across pages and lines", () => {
  const bench = new Bench();
  bench.cpuWrites(PAGE + 4000, 0x22, 200);
  bench.caches.copy(at(PAGE + 4000), at(0x20_0fff), 200);
  const bytes = new Uint8Array(202);
  bench.caches.read(at(0x20_0ffe), bytes, 0, 202);
  assertEquals([bytes[0], bytes[1], bytes[200], bytes[201]], [0, 0x22, 0x22, 0]);
  bench.memory.read(at(0x20_0fff), bytes, 0, 1);
  assertEquals(bytes[0], 0);
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

Deno.test("ownership is kept by line, in parts of pages and in whole ones", () => {
  const bench = new Bench();
  const owners = () =>
    bench.caches.linesOf(PAGE, 8 * KIB).filter(({ owner }) => owner === "device").length;
  bench.caches.clean(at(PAGE + 100), 8 * KIB - 100);
  assertEquals(owners(), 127);
  bench.caches.invalidate(at(PAGE + 4 * KIB + 1), 1);
  assertEquals(owners(), 126);
  assertEquals(bench.state(PAGE), "cpu clean");
  assertEquals(bench.state(PAGE + 64), "device clean");
  bench.caches.invalidate(PAGE, 8 * KIB);
  assertEquals(owners(), 0);
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
  const states = [0, 64, 128, 4032].map((at) => bench.state(PAGE + at));
  assertEquals(states, ["cpu dirty", "cpu dirty", "cpu clean", "cpu clean"]);
});
