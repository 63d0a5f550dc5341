/** Memory of a process that a device pages on demand, and state that another device migrates, by a seed. */
import { PAGE, rig, START, virt } from "@dmalab/devices/rdma/_rig";
import { MigrationBench } from "@dmalab/devices/vfio/_bench";
import {
  ArmedInjection,
  type DmaAddr,
  INJECTION_POINTS,
  type Machine,
  Random,
} from "@dmalab/runtime";
import type { DmaDirection } from "@dmalab/runtime/dma";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { AddressSpace } from "@dmalab/runtime/mm";
import type { EventSums } from "./event_sums.ts";

const PAGES = 24;
const STEPS = 60;
const MODES = ["strict", "lazy", "off", "passthrough"] as const;

type Act = () => unknown;

/** Does things one after another, with a point of the machine failing now and then. */
function act(machine: Machine, random: Random, sums: EventSums, acts: readonly Act[]): void {
  const nth = 1 + random.below(3);
  const injection = random.below(6) === 0
    ? new ArmedInjection(random.below(INJECTION_POINTS.length), nth, nth)
    : null;
  if (injection !== null) machine.armInjection(injection);
  try {
    const result = random.pick(acts)();
    sums.say(typeof result === "object" && result !== null ? "a thing" : String(result));
  } catch (error) {
    sums.say(String(error));
  } finally {
    if (injection !== null) machine.disarmFault(injection);
  }
}

/** A process whose memory comes and goes below a region of RDMA. */
export function runRegions(seed: number, sums: EventSums): void {
  const random = new Random(seed);
  const pick = <T>(...from: readonly T[]): T => random.pick(from);
  const bench = rig({
    pages: PAGES,
    software: random.below(6) === 0,
    updateBytes: pick(64, 128, 65536),
    iommu: { mode: pick(...MODES) },
    machine: { kernel: random.pick(KERNEL_NAMES), quirks: new Set() },
  });
  const { adapter, machine, mm } = bench;
  const end = sums.watch(machine);
  const child = new AddressSpace(machine);
  child.map({ start: START, sizeBytes: 4 * PAGE, writable: true, order: 0 });
  const at = () => random.below(PAGES);
  const span = (): [typeof START, typeof START] => {
    const first = at();
    const start = virt(START + first * PAGE);
    return [start, virt(start + (1 + random.below(PAGES - first)) * PAGE)];
  };
  const register = () =>
    bench.register({ writable: pick(true, true, false), onDemand: pick(true, true, true, false) });
  let region = register();
  const held = <T>(use: (of: Exclude<typeof region, number>) => T) =>
    typeof region === "number" ? region : use(region);
  const acts: readonly Act[] = [
    () => held((of) => bench.access(of, at(), 1 + random.below(3 * PAGE))),
    () => held((of) => bench.access(of, at(), 512, true)),
    () => held((of) => bench.fault(of, at(), 1 + random.below(4))),
    () =>
      held((of) => {
        const [start, behind] = span();
        return adapter.prefetch(of, start, behind - start, pick(true, false), pick(true, false));
      }),
    () => bench.run(1 + random.below(8)),
    () => bench.run(),
    () => mm.discard(...span(), pick(true, false)),
    () => bench.discard(at()),
    () => mm.protect(...span(), pick("none", "read", "write")),
    () => mm.faultIn(START + at() * PAGE, pick(true, false)),
    () => mm.migrate(virt(START + at() * PAGE)),
    () => mm.free(...span()),
    () => mm.pageOut(...span()),
    () => mm.fork(),
    () => mm.remap(START, virt(START + 2 * PAGE)),
    () => mm.unmap(virt(START + 20 * PAGE), virt(START + 22 * PAGE)),
    () => child.faultIn(START + at() % 4 * PAGE, true),
    () =>
      random.below(6) === 0 && held((of) => {
        adapter.deregister(of);
        region = register();
      }),
    () => machine.advance(1000 * random.below(2000)),
  ];
  for (let left = STEPS; left > 0; left--) act(machine, random, sums, acts);
  act(machine, random, sums, [() => bench.run()]);
  act(machine, random, sums, [() => mm.exit()]);
  end();
}

/** State of a function that is saved, loaded and tracked. */
export function runMigration(seed: number, sums: EventSums): void {
  const random = new Random(seed);
  const pick = <T>(...from: readonly T[]): T => random.pick(from);
  const bench = new MigrationBench({
    kernel: random.pick(KERNEL_NAMES),
    quirks: pick([], ["vfio_page_array_crash", "vfio_partial_destroy"]),
    iommu: { mode: pick(...MODES) },
  });
  const { driver, machine, peer } = bench;
  const end = sums.watch(machine);
  const direction = () => pick<DmaDirection | null>(0, 1, 2, null);
  const any = () => random.pick([...driver.buffers]);
  const some = (use: Act) => () => driver.buffers.size > 0 && use();
  const acts: readonly Act[] = [
    () => driver.allocBuffer(1 + random.below(40), direction(), pick(true, false)),
    () => driver.allocBuffer(pick(1, 16, 511, 512, 513, 700), direction(), pick(true, false)),
    () => driver.getBuffer(1 + random.below(40), direction(), pick(true, false)),
    some(() => driver.putBuffer(any())),
    some(() => driver.freeBuffer(any())),
    some(() => driver.mapBuffer(any())),
    some(() => driver.save(any())),
    some(() => driver.load(any(), pick(0, 100, 65536, 65537))),
    () => peer.driver.allocBuffer(17, 2, false),
    () => driver.tracker === null && driver.track(0 as DmaAddr, 2 ** 20, 4096, 1),
    () => driver.tracker !== null && driver.stopTracking(driver.tracker),
    () => bench.function.noteWrite(random.below(2 ** 20), 1 + random.below(9000)),
    () => bench.function.changeState(new Uint8Array([random.below(256)])),
    () => random.below(8) === 0 && driver.detach(),
    () => machine.runNextActivity(),
  ];
  for (let left = STEPS; left > 0; left--) act(machine, random, sums, acts);
  for (const buffer of driver.buffers) {
    act(machine, random, sums, [() => driver.freeBuffer(buffer)]);
  }
  end();
}
