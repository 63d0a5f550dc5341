import { assertEquals, assertThrows } from "@std/assert";
import { GIB, MIB, type PhysAddr } from "./address.ts";
import { InvariantError } from "./errno.ts";
import { eventId } from "./event_vocabulary.ts";
import { Machine } from "./machine.ts";
import { defaultMachineConfig, type MachineConfig, swiotlbConfig } from "./machine_config.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

function machine(changes: Partial<MachineConfig> = {}): Machine {
  return new Machine({ ...defaultMachineConfig(), ...changes });
}

Deno.test("a machine without a machine block has one CPU, 4 GiB and a pool of 64 MiB (language.md)", () => {
  const { config, memory, swiotlb } = machine();
  assertEquals([config.cpus, config.iommu.mode], [1, "off"]);
  assertEquals(memory.ranges, [{ name: "ram", basePhys: at(0), sizeBytes: 4 * GIB, type: "ram" }]);
  assertEquals([swiotlb.basePhys, swiotlb.sizeBytes], [at(0x7c00_0000), 64 * MIB]);
});

Deno.test("the bounce pool's pages have no other owner", () => {
  const { pages } = machine();
  assertEquals(
    [0x7bff_f000, 0x7c00_0000, 0x7fff_ffff, 0x8000_0000].map((phys) => pages.inUse(phys)),
    [false, true, true, false],
  );
  assertEquals(pages.claim(at(0x7fff_f000), 1), false);
});

Deno.test("the pool has an area for each CPU, or as many as asked, and no pool at size 0 (dma.md 6.1)", () => {
  assertEquals(machine({ cpus: 6 }).swiotlb.areas, 8);
  const areas = (asked: number) =>
    machine({ swiotlb: swiotlbConfig({ areas: asked }) }).swiotlb.areas;
  assertEquals([areas(1), areas(3), areas(16)], [1, 4, 16]);
  const none = machine({ swiotlb: swiotlbConfig({ sizeBytes: 0 }) });
  assertEquals([none.swiotlb.active, none.pages.takenBytes], [false, 0]);
});

Deno.test("the pool lies where a configuration puts it", () => {
  const placed = machine({
    swiotlb: swiotlbConfig({ basePhys: at(0x7be1_2000) }),
  });
  assertEquals(placed.swiotlb.basePhys, at(0x7be1_2000));
  assertEquals(placed.pages.inUse(0x7fe1_1fff), true);
});

Deno.test("markReady() starts counters, numbers and time at 0, and puts latencies in force", () => {
  const world = machine({ latenciesNs: { "mem.alloc": 40, table_write: 5, copy_per_kib: 6 } });
  const id = eventId("mem.alloc");
  world.events.tick(id);
  world.advance(5_000_000);
  assertEquals(world.clock.nowNs, 5_000_000, "bring-up costs nothing");
  world.markReady();
  assertEquals([world.clock.nowNs, world.events.seq, world.events.count(id)], [0, 0, 0]);
  world.events.tick(id);
  world.charges.tableWrites(2);
  world.charges.copied(1024);
  assertEquals(world.clock.nowNs, 56);
});

Deno.test("a machine has the CPUs it was given and no other", () => {
  const world = machine({ cpus: 2 });
  world.cpu = 1;
  assertEquals([world.cpu, world.events.context.cpu], [1, 1]);
  assertThrows(() => world.cpu = 2, InvariantError, "There is no CPU 2");
});

Deno.test("two machines of one configuration behave alike and never meet", () => {
  const [one, other] = [machine({ seed: 5 }), machine({ seed: 5 })];
  assertEquals(one.random.nextU32(), other.random.nextU32());
  one.memory.writeU32(at(0x1000), 1);
  assertEquals(other.memory.readU32(at(0x1000)), 0);
  assertEquals(
    one.pages.alloc(4, { contiguous: false }),
    other.pages.alloc(4, { contiguous: false }),
  );
});
