/** A process that maps and unmaps memory below an RDMA region. */
import fc from "fast-check";
import { PAGE, rig, START, virt } from "@dmalab/devices/testing";
import { Choices } from "@dmalab/hunt";
import { AddressSpace } from "@dmalab/runtime";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { type Act, act, ACT_STEPS } from "./acts.ts";
import { stepCheck } from "./check.ts";

const PAGES = 24;

const MACHINES = fc.record({
  software: fc.constantFrom(false, false, false, false, false, true),
  updateBytes: fc.constantFrom(64, 128, 65536),
  mode: fc.constantFrom("strict", "lazy", "off", "passthrough"),
  kernel: fc.constantFrom(...KERNEL_NAMES),
});

export const REGIONS = stepCheck({
  name: "regions",
  about: "a process maps and unmaps memory below an RDMA region",
  budget: { sums: [24, 60] },
  machine: () => MACHINES,
  steps: () => ACT_STEPS,
  start({ kernel, mode, ...settings }, { onMachine }) {
    const machine = { kernel, quirks: new Set<never>() };
    const bench = rig({ pages: PAGES, iommu: { mode }, machine, ...settings });
    onMachine?.(bench.machine);
    const acts = actsOn(bench);
    return {
      step: (step) => act(bench.machine, acts, step),
      end() {
        const last = { act: 0, seed: 0, fault: null };
        act(bench.machine, [() => bench.run()], last);
        act(bench.machine, [() => bench.mm.exit()], last);
      },
    };
  },
});

function actsOn(bench: ReturnType<typeof rig>): readonly Act[] {
  const { adapter, machine, mm } = bench;
  const child = new AddressSpace(machine);
  child.map({ start: START, sizeBytes: 4 * PAGE, writable: true, order: 0 });
  const any = (c: Choices) => c.oneIn(2);
  const at = (c: Choices) => c.below(PAGES);
  const span = (c: Choices): [typeof START, typeof START] => {
    const first = at(c);
    const start = virt(START + first * PAGE);
    return [start, virt(start + (1 + c.below(PAGES - first)) * PAGE)];
  };
  const register = (c: Choices) => bench.register({ writable: !c.oneIn(3), onDemand: !c.oneIn(4) });
  let region = register(new Choices(0));
  const held = <T>(use: (of: Exclude<typeof region, number>) => T) =>
    typeof region === "number" ? region : use(region);
  return [
    (c) => held((of) => bench.access(of, at(c), 1 + c.below(3 * PAGE))),
    (c) => held((of) => bench.access(of, at(c), 512, true)),
    (c) => held((of) => bench.fault(of, at(c), 1 + c.below(4))),
    (c) =>
      held((of) => {
        const [start, behind] = span(c);
        return adapter.prefetch(of, start, behind - start, any(c), any(c));
      }),
    (c) => bench.run(1 + c.below(8)),
    () => bench.run(),
    (c) => mm.discard(...span(c), any(c)),
    (c) => bench.discard(at(c)),
    (c) => mm.protect(...span(c), c.pick(["none", "read", "write"] as const)),
    (c) => mm.faultIn(START + at(c) * PAGE, any(c)),
    (c) => mm.migrate(virt(START + at(c) * PAGE)),
    (c) => mm.free(...span(c)),
    (c) => mm.pageOut(...span(c)),
    () => mm.fork(),
    () => mm.remap(START, virt(START + 2 * PAGE)),
    () => mm.unmap(virt(START + 20 * PAGE), virt(START + 22 * PAGE)),
    (c) => child.faultIn(START + at(c) % 4 * PAGE, true),
    (c) =>
      c.oneIn(6) && held((of) => {
        adapter.deregister(of);
        region = register(c);
      }),
    (c) => machine.advance(1000 * c.below(2000)),
  ];
}
