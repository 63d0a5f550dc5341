/** Memory of a process that a device pages on demand, and state that another device migrates. */
import { AddressSpace } from "@dmalab/runtime/mm";
import { PAGE, rig, START, virt } from "@dmalab/devices/rdma/_rig";
import { MigrationBench } from "@dmalab/devices/vfio/_bench";
import {
  ArmedInjection,
  type DmaAddr,
  INJECTION_POINTS,
  type Machine,
  Random,
} from "@dmalab/runtime";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import type { DmaDirection } from "@dmalab/runtime/dma";
import { type Sink, watchMachine } from "./digest.ts";

const PAGES = 24;
const STEPS = 60;
const MODES = ["strict", "lazy", "off", "passthrough"] as const;

/** With every second seed a region of RDMA, else a function that is migrated. */
export function runProcess(seed: number, sink: Sink): void {
  const random = new Random(seed);
  if (seed % 2 === 0) runRegions(random, sink);
  else runMigration(random, sink);
}

/** Does something, with a point of the machine failing now and then, and tells what came of it. */
function tell(machine: Machine, random: Random, sink: Sink, act: () => unknown): void {
  const nth = 1 + random.below(3);
  const fault = random.below(6) === 0
    ? new ArmedInjection(random.below(INJECTION_POINTS.length), nth, nth)
    : null;
  if (fault !== null) machine.armInjection(fault);
  try {
    const result = act();
    sink(typeof result === "object" && result !== null ? "a thing" : String(result));
  } catch (error) {
    sink(String(error));
  } finally {
    if (fault !== null) machine.disarmFault(fault);
  }
}

function runRegions(random: Random, sink: Sink): void {
  const pick = <T>(...from: readonly T[]): T => from[random.below(from.length)]!;
  const bench = rig({
    pages: PAGES,
    software: random.below(6) === 0,
    updateBytes: pick(64, 128, 65536),
    iommu: { mode: pick(...MODES) },
    machine: { kernel: pick(...KERNEL_NAMES), quirks: new Set() },
  });
  const { adapter, machine, mm } = bench;
  const watch = watchMachine(machine, sink);
  const child = new AddressSpace(machine);
  child.map({ start: START, sizeBytes: 4 * PAGE, writable: true, order: 0 });
  const at = () => random.below(PAGES);
  const span = () => {
    const first = at();
    const start = virt(START + first * PAGE);
    return { start, end: virt(start + (1 + random.below(PAGES - first)) * PAGE) };
  };
  const register = () =>
    bench.register({ writable: pick(true, true, false), onDemand: pick(true, true, true, false) });
  let region = register();
  const acts: readonly (() => unknown)[] = [
    () => typeof region === "number" ? 0 : bench.access(region, at(), 1 + random.below(3 * PAGE)),
    () => typeof region === "number" ? 0 : bench.access(region, at(), 512, true),
    () => typeof region === "number" ? 0 : bench.fault(region, at(), 1 + random.below(4)),
    () => {
      if (typeof region === "number") return 0;
      const { end, start } = span();
      return adapter.prefetch(region, start, end - start, pick(true, false), pick(true, false));
    },
    () => bench.run(1 + random.below(8)),
    () => bench.run(),
    () => mm.discard(span().start, virt(START + PAGES * PAGE), pick(true, false)),
    () => bench.discard(at()),
    () => mm.protect(span().start, virt(START + PAGES * PAGE), pick("none", "read", "write")),
    () => mm.faultIn(START + at() * PAGE, pick(true, false)),
    () => mm.migrate(virt(START + at() * PAGE)),
    () => mm.free(span().start, virt(START + PAGES * PAGE)),
    () => mm.pageOut(span().start, virt(START + PAGES * PAGE)),
    () => mm.punchHole(span().start, virt(START + PAGES * PAGE)),
    () => mm.fork(),
    () => mm.remap(START, virt(START + 2 * PAGE)),
    () => mm.unmap(virt(START + 20 * PAGE), virt(START + 22 * PAGE)),
    () => child.faultIn(START + (at() % 4) * PAGE, true),
    () => {
      if (random.below(6) > 0 || typeof region === "number") return 0;
      adapter.deregister(region);
      region = register();
      return 1;
    },
    () => machine.advance(1000 * random.below(2000)),
  ];
  for (let left = STEPS; left > 0; left--) tell(machine, random, sink, pick(...acts));
  tell(machine, random, sink, () => bench.run());
  tell(machine, random, sink, () => mm.exit());
  for (const each of adapter.regions) sink(each.name);
  watch.end();
}

function runMigration(random: Random, sink: Sink): void {
  const pick = <T>(...from: readonly T[]): T => from[random.below(from.length)]!;
  const bench = new MigrationBench({
    kernel: pick("7.2.12", "7.2.6", "7.3-rc7"),
    quirks: pick([], ["vfio_page_array_crash", "vfio_partial_destroy"]),
    iommu: { mode: pick(...MODES) },
  });
  const { driver, machine, peer } = bench;
  const watch = watchMachine(machine, sink);
  const direction = () => pick<DmaDirection | null>(0, 1, 2, null);
  const buffers = () => [...driver.buffers];
  const any = () => pick(...buffers());
  const acts: readonly (() => unknown)[] = [
    () => driver.allocBuffer(1 + random.below(40), direction(), pick(true, false)),
    () => driver.allocBuffer(pick(1, 16, 511, 512, 513, 700), direction(), pick(true, false)),
    () => driver.getBuffer(1 + random.below(40), direction(), pick(true, false)),
    () => buffers().length > 0 && driver.putBuffer(any()),
    () => buffers().length > 0 && driver.freeBuffer(any()),
    () => buffers().length > 0 && driver.mapBuffer(any()),
    () => buffers().length > 0 && driver.save(any()),
    () => buffers().length > 0 && driver.load(any(), pick(0, 100, 65536, 65537)),
    () => peer.driver.allocBuffer(17, 2, false),
    () => driver.tracker === null && driver.track(0 as DmaAddr, 2 ** 20, 4096, 1),
    () => driver.tracker !== null && driver.stopTracking(driver.tracker),
    () => bench.function.noteWrite(random.below(2 ** 20), 1 + random.below(9000)),
    () => bench.function.changeState(new Uint8Array([random.below(256)])),
    () => random.below(8) === 0 && driver.detach(),
    () => machine.runNextActivity(),
  ];
  for (let left = STEPS; left > 0; left--) tell(machine, random, sink, pick(...acts));
  for (const buffer of buffers()) tell(machine, random, sink, () => driver.freeBuffer(buffer));
  watch.end();
}
