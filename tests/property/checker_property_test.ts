import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { hasBehaviour, KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { DMA_TO_DEVICE, DmaIovaState } from "@dmalab/runtime/dma";
import { MISTAKE_SITE, MISUSES, plant } from "./misuses.ts";
import { RIGHT_SITE, RightUse, type UseOptions, USES } from "./right_use.ts";

const number = fc.nat(2 ** 20);

const options: fc.Arbitrary<UseOptions> = fc.record({
  kernel: fc.constantFrom(...KERNEL_NAMES),
  mode: fc.constantFrom("off", "passthrough", "strict", "lazy"),
  model: fc.constantFrom("vtd", "amd", "smmu"),
  granuleBytes: fc.constantFrom(4096, 4096, 65536),
  coherent: fc.boolean(),
  untrusted: fc.boolean(),
  bounces: fc.boolean(),
  maskBits: fc.constantFrom(32, 40, 64),
  dmaDebug: fc.boolean(),
}).map((given) => given.model === "smmu" ? given : { ...given, granuleBytes: 4096 });

const steps = fc.array(
  fc.record({ use: fc.constantFrom(...USES), a: number, b: number, c: number }),
  { maxLength: 40 },
);

Deno.test("of a driver that makes no mistake nothing is reported, on any machine, and nothing is left", () => {
  let mapped = 0;
  fc.assert(
    fc.property(options, steps, (given, all) => {
      const world = new RightUse(given);
      world.machine.startAudit({ driversAreRight: true });
      for (const step of all) world.run(step);
      world.machine.audit!.look();
      world.finish();
      world.machine.audit!.look();
      assertEquals(world.reports, []);
      assertEquals([world.faults, world.leftovers()], [0, []]);
      assertEquals(world.machine.checker!.leftSince(0).length, 0);
      mapped += world.events.filter(({ name }) => name === "dma.map").length;
    }),
    { numRuns: 300 },
  );
  assert(mapped > 1000, `${mapped} mappings`);
});

for (const [name, misuse] of Object.entries(MISUSES)) {
  Deno.test(`planted: ${name}, and nothing else is reported of it`, () => {
    let planted = 0;
    fc.assert(
      fc.property(
        options.filter(misuse.needs),
        steps,
        (given, all) => {
          const world = new RightUse(given);
          for (const step of all) world.run(step);
          plant(world, misuse);
          const seen = world.reports.map(([reportClass, site]) => `${reportClass} ${site}`);
          const expected = [`${misuse.expected} ${MISTAKE_SITE}`];
          assertEquals([...new Set(seen)], expected);
          // The actions after the mistake are correct, and no report about them follows from the
          // mistake.
          world.finish();
          assertEquals(world.reports.length, seen.length);
          planted++;
        },
      ),
      { numRuns: 40 },
    );
    assertEquals(planted, 40);
  });
}

Deno.test("a mapping and a range that are forgotten are left at the end, each at its own line", () => {
  fc.assert(
    fc.property(options, steps, (given, all) => {
      const world = new RightUse(given);
      for (const step of all) world.run(step);
      const expected = forget(world);
      world.finish();
      assertEquals(world.leftovers().map(({ kind, site }) => `${kind} ${site}`), expected);
      assertEquals(world.reports, []);
    }),
    { numRuns: 100 },
  );
});

/** Leaves a mapping and, if the mode has ranges, a range. @returns The expected leaks. */
function forget(world: RightUse): string[] {
  const { dev, machine: { dma, events }, options: { kernel } } = world;
  const phys = world.memory(2);
  events.context.site = 3;
  dma.dmaMappingError(dev, dma.dmaMapPhys(dev, phys, 4096, DMA_TO_DEVICE));
  const state = new DmaIovaState();
  events.context.site = 4;
  const reserved = !hasBehaviour(kernel, "no_two_step") &&
    dma.dmaIovaTryAlloc(dev, state, phys, 8192);
  events.context.site = RIGHT_SITE;
  // A driver that knows that unmaps do nothing may leave them out.
  return [...dma.dmaNeedUnmap(dev) ? ["mapping 3"] : [], ...reserved ? ["range 4"] : []];
}
