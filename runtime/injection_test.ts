import { assert, assertEquals, assertThrows } from "@std/assert";
import { DMA_MAPPING_ERROR } from "./address.ts";
import { DMA_TO_DEVICE } from "./dma/attributes.ts";
import { DmaIovaState } from "./dma/iova_state.ts";
import { at, type TestBench, testBench } from "./dma/testing.ts";
import { ERRNO, InvariantError } from "./errno.ts";
import {
  ArmedInjection,
  INJECTION,
  INJECTION_POINTS,
  type InjectionHit,
  whatInjectionDoes,
} from "./injection.ts";

/** Maps a page; true on success. */
function mapOne({ machine, dev }: TestBench): boolean {
  return machine.dma.dmaMapPhys(dev, at(0x10_0000), 4096, DMA_TO_DEVICE) !== DMA_MAPPING_ERROR;
}

/** Reserves, links and syncs a page, and unmaps it again; returns the first errno. */
function linkOne({ machine, dev }: TestBench): number {
  const { dma } = machine;
  const state = new DmaIovaState();
  if (!dma.dmaIovaTryAlloc(dev, state, at(0x10_0000), 4096)) return -ERRNO.ENOMEM;
  const linked = dma.dmaIovaLink(dev, state, at(0x10_0000), 0, 4096, DMA_TO_DEVICE, 0);
  const result = linked === 0 ? dma.dmaIovaSync(dev, state, 0, 4096) : linked;
  dma.dmaIovaDestroy(dev, state, linked === 0 ? 4096 : 0, DMA_TO_DEVICE, 0);
  return result;
}

/** The hits as [point, nth]. */
const named = (places: readonly InjectionHit[]): [string, number][] =>
  places.map(({ point, nth }) => [INJECTION_POINTS[point]!.name, nth]);

Deno.test("a machine has no injector until something is armed or counted, and none afterwards", () => {
  const { machine } = testBench();
  assertEquals(machine.faults, null);
  const fault = new ArmedInjection(INJECTION.dma_map_phys);
  machine.armInjection(fault);
  const counter = machine.countHits();
  machine.disarmFault(fault);
  assert(machine.faults !== null, "someone still counts");
  machine.stopCountingFaults(counter);
  assertEquals(machine.faults, null);
  machine.armInjection(fault);
  machine.disarmFault(fault);
  assertEquals(machine.faults, null);
});

Deno.test("a point fails each time it is passed, until it is disarmed", () => {
  const bench = testBench();
  const fault = new ArmedInjection(INJECTION.dma_map_phys);
  bench.machine.armInjection(fault);
  assertEquals([mapOne(bench), mapOne(bench), mapOne(bench)], [false, false, false]);
  bench.machine.disarmFault(fault);
  assertEquals([mapOne(bench), fault.seen, fault.fired], [true, 3, 3]);
  assertEquals(bench.machine.iommu.liveMappings, 1);
});

Deno.test("hits are counted from the moment of arming, and only those from first to last fail", () => {
  const bench = testBench();
  mapOne(bench);
  const fault = new ArmedInjection(INJECTION.dma_map_phys, 2, 3);
  bench.machine.armInjection(fault);
  assertEquals([mapOne(bench), mapOne(bench), mapOne(bench), mapOne(bench)], [
    true,
    false,
    false,
    true,
  ]);
  assertEquals([fault.seen, fault.fired], [4, 2]);
});

Deno.test("an error that a point cannot have is refused when the fault is made", () => {
  assertThrows(
    () => new ArmedInjection(INJECTION.dma_map_phys, 1, 1, "EINVAL"),
    InvariantError,
    "dma_map_phys cannot fail with EINVAL",
  );
  assertThrows(() => new ArmedInjection(INJECTION["device.read"], 1, 1, "EIO"), InvariantError);
});

Deno.test("each failure is an event with the point, its number and the error", () => {
  const bench = testBench();
  bench.machine.armInjection(new ArmedInjection(INJECTION["iova.alloc"], 2));
  mapOne(bench);
  mapOne(bench);
  assertEquals(bench.fields("inject"), [{ point: "iova.alloc", nth: 2, error: "ENOMEM" }]);
  assertEquals(bench.names("inject", "iommu.map"), ["iommu.map", "inject"]);
});

Deno.test("of two faults at one point the one that was armed first answers, and both count", () => {
  const bench = testBench();
  const first = new ArmedInjection(INJECTION.dma_iova_link, 1, 1, "EIO");
  const second = new ArmedInjection(INJECTION.dma_iova_link, 1, 2, "EINVAL");
  bench.machine.armInjection(first);
  bench.machine.armInjection(second);
  assertEquals([linkOne(bench), linkOne(bench), linkOne(bench)], [-ERRNO.EIO, -ERRNO.EINVAL, 0]);
  assertEquals([first.fired, second.fired, first.seen, second.seen], [1, 1, 3, 3]);
});

Deno.test("a fault deep inside a call fails the call with the error that the kernel makes of it", () => {
  const bench = testBench();
  const fault = new ArmedInjection(INJECTION["page_table.alloc"]);
  bench.machine.armInjection(fault);
  assertEquals([mapOne(bench), linkOne(bench)], [false, -ERRNO.ENOMEM]);
  assertEquals([fault.fired, bench.machine.iommu.liveMappings], [2, 0]);
  assertEquals(bench.names("iova.alloc", "iova.free").length, 4, "each range is freed");
});

Deno.test("a device's access faults with the reason that was asked for, and changes no memory", () => {
  const bench = testBench({ iommu: { mode: "off" } });
  const { bus, memory } = bench.machine;
  const fault = new ArmedInjection(INJECTION["device.write"], 1, 1, "not_writable");
  bench.machine.armInjection(fault);
  const bytes = Uint8Array.of(7);
  assertEquals(bus.write(bench.dev, 0x10_0000, bytes, 0, 1), false);
  assertEquals(memory.readU32(at(0x10_0000)), 0);
  assertEquals(bench.fields("iommu.fault").map(({ reason }) => reason), ["not_writable"]);
  assertEquals(bus.write(bench.dev, 0x10_0000, bytes, 0, 1), true);
  assertEquals(memory.readU32(at(0x10_0000)), 7);
});

Deno.test("the same run passes the same places, and failing at one changes only what follows", () => {
  const placesOf = (fault: ArmedInjection | null) => {
    const bench = testBench();
    const counter = bench.machine.countHits();
    if (fault !== null) bench.machine.armInjection(fault);
    linkOne(bench);
    mapOne(bench);
    return named(counter.places);
  };
  const whole = placesOf(null);
  assertEquals(placesOf(null), whole);
  whole.forEach(([name, nth], index) => {
    const place = INJECTION_POINTS.findIndex((spec) => spec.name === name);
    const cut = placesOf(new ArmedInjection(place, nth, nth));
    assertEquals(cut.slice(0, index + 1), whole.slice(0, index + 1));
  });
});

Deno.test("a point fails something, or joins the entries of a list; an unknown one fails", () => {
  const names = [INJECTION_POINTS[0]!.name, "dma_map_sg.merge", "none"];
  assertEquals(names.map(whatInjectionDoes), ["fails", "joins entries", "fails"]);
});

Deno.test("every point has a name of its own, a natural error first, and a sentence", () => {
  const names = INJECTION_POINTS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  INJECTION_POINTS.forEach(({ name, errors, doc }, index) => {
    assertEquals((INJECTION as Readonly<Record<string, number>>)[name], index);
    assert(errors.length > 0 && doc.length > 0, name);
    assertEquals(new Set(errors).size, errors.length, name);
  });
});
