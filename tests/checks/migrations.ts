/** The state of a device function that is saved, loaded and tracked. */
import fc from "fast-check";
import { MigrationBench } from "@dmalab/devices/testing";
import type { Choices } from "@dmalab/hunt";
import type { DmaAddr } from "@dmalab/runtime";
import type { DmaDirection } from "@dmalab/runtime/dma";
import { KERNEL_NAMES, type QuirkName } from "@dmalab/runtime/kernels";
import { type Act, act, ACT_STEPS } from "./acts.ts";
import { stepCheck } from "./check.ts";

const DEFECTS: readonly QuirkName[] = ["vfio_page_array_crash", "vfio_partial_destroy"];

const MACHINES = fc.record({
  kernel: fc.constantFrom(...KERNEL_NAMES),
  hasDefects: fc.boolean(),
  mode: fc.constantFrom("strict", "lazy", "off", "passthrough"),
});

export const MIGRATIONS = stepCheck({
  name: "migrations",
  about: "the state of a device function is saved, loaded and tracked",
  budget: { sums: [24, 60] },
  machine: () => MACHINES,
  steps: () => ACT_STEPS,
  start({ hasDefects, kernel, mode }, { onMachine }) {
    const bench = new MigrationBench({
      kernel,
      quirks: hasDefects ? DEFECTS : [],
      iommu: { mode },
    });
    const { driver, machine } = bench;
    onMachine?.(machine);
    const acts = actsOn(bench);
    return {
      step: (step) => act(machine, acts, step),
      end() {
        const last = { act: 0, seed: 0, fault: null };
        for (const buffer of driver.buffers) act(machine, [() => driver.freeBuffer(buffer)], last);
      },
    };
  },
});

function actsOn({ driver, function: device, machine, peer }: MigrationBench): readonly Act[] {
  type Buffer = typeof driver.buffers extends ReadonlySet<infer T> ? T : never;
  const direction = (c: Choices) => c.pick<DmaDirection | null>([0, 1, 2, null]);
  const allocate = (c: Choices, pages: number) =>
    driver.allocBuffer(pages, direction(c), c.oneIn(2));
  const some = (use: (buffer: Buffer, c: Choices) => unknown): Act => (c) =>
    driver.buffers.size > 0 && use(c.pick([...driver.buffers]), c);
  return [
    (c) => allocate(c, 1 + c.below(40)),
    (c) => allocate(c, c.pick([1, 16, 511, 512, 513, 700])),
    (c) => driver.getBuffer(1 + c.below(40), direction(c), c.oneIn(2)),
    some((buffer) => driver.putBuffer(buffer)),
    some((buffer) => driver.freeBuffer(buffer)),
    some((buffer) => driver.mapBuffer(buffer)),
    some((buffer) => driver.save(buffer)),
    some((buffer, c) => driver.load(buffer, c.pick([0, 100, 65536, 65537]))),
    () => peer.driver.allocBuffer(17, 2, false),
    () => driver.tracker === null && driver.track(0 as DmaAddr, 2 ** 20, 4096, 1),
    () => driver.tracker !== null && driver.stopTracking(driver.tracker),
    (c) => device.noteWrite(c.below(2 ** 20), 1 + c.below(9000)),
    (c) => device.changeState(new Uint8Array([c.below(256)])),
    (c) => c.oneIn(8) && driver.detach(),
    () => machine.runNextActivity(),
  ];
}
