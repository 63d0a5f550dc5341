/**
 * Times of CPUs and devices on whole machines: latencies change when events occur, but never which events
 * occur.
 */
import { assert, assertEquals } from "@std/assert";
import {
  allocateBuffer,
  ArmedInjection,
  eventEntry,
  INJECTION,
  type IommuMode,
  KIB,
  type MachineEvent,
  type PhysAddr,
  Random,
  swiotlbConfig,
} from "@dmalab/runtime";
import { buildLab } from "./lab.ts";
import { defaultLabConfig } from "./lab_config.ts";
import { labConfig } from "./lab_literal.ts";

const CPUS = 4;
const REQUESTS = 300;

/** Latencies of the CPUs and of the device. */
const LATENCIES = {
  doorbell: 100,
  interrupt: 200,
  iotlb_sync: 300,
  table_write: 50,
  iova_alloc: 60,
  copy_per_kib: 25,
  "swiotlb.map": 70,
  "swiotlb.unmap": 30,
  "nvme.fetch": 10,
  "nvme.data": 15,
};

/** Events of random requests from four CPUs, with random pauses in which requests complete. */
function eventsOf(mode: IommuMode, queues: number, latenciesNs: Record<string, number>) {
  const base = defaultLabConfig();
  const settings = { queues, dmaMaskBits: mode === "off" ? 30 : 64 };
  const ssd = { kind: "nvme", name: "ssd", settings, children: [] } as const;
  const { device, machine } =
    ((lab) => ({ machine: lab.machine, device: lab.device("ssd", "nvme") }))(
      buildLab({
        ...base,
        cpus: CPUS,
        latenciesNs,
        iommu: { ...base.iommu, mode },
        swiotlb: swiotlbConfig({ sizeBytes: 2 ** 22, basePhys: 0x1000_0000 as PhysAddr, areas: 1 }),
        pci: [{ kind: "root_port", name: "rp0", settings: {}, children: [ssd] }],
      }),
    );
  const events: MachineEvent[] = [];
  machine.events.listen((event) => events.push(event));
  const random = new Random(3);
  const buffer = allocateBuffer(machine, { sizeBytes: 16 * KIB });
  for (let request = 0; request < REQUESTS; request++) {
    machine.cpu = random.below(CPUS);
    device.disk.submit(random.below(2) === 0 ? "read" : "write", { lba: 8 * request, buffer });
    if (random.below(8) === 0) { while (machine.runNextActivity()); }
  }
  while (machine.runNextActivity());
  return { events, latestNs: machine.clock.latestNs };
}

const withoutTimes = (events: readonly MachineEvent[]) =>
  events.map(({ cpu, device, fields, name, request }) =>
    JSON.stringify([cpu, device, fields, name, request])
  );

for (const mode of ["off", "passthrough", "strict", "lazy"] as const) {
  for (const queues of [1, 4]) {
    Deno.test(`each lane's times grow, and the events are those without latencies: ${mode}, queues ${queues}`, () => {
      const { events, latestNs } = eventsOf(mode, queues, LATENCIES);
      assertEquals(withoutTimes(events), withoutTimes(eventsOf(mode, queues, {}).events));
      const lanes = new Map<string, number>();
      for (const { at_ns, cpu, device, name } of events) {
        const lane = eventEntry(name)?.byDevice === true ? `${device}` : `CPU ${cpu}`;
        assert(at_ns >= (lanes.get(lane) ?? 0), `${name} of ${lane} at ${at_ns}`);
        lanes.set(lane, at_ns);
      }
      assertEquals(lanes.size, CPUS + 1);
      assertEquals(Math.max(...lanes.values()), latestNs);
    });
  }
}

Deno.test("what a CPU does for a completion is never before the device has completed it", () => {
  const { events } = eventsOf("strict", 4, LATENCIES);
  const completed = new Map<number | null, number>();
  let checked = 0;
  for (const { at_ns, name, request } of events) {
    if (name === "nvme.complete") completed.set(request, at_ns);
    if (name !== "nvme.unmap") continue;
    assert(at_ns >= completed.get(request)!, `request ${request}`);
    checked++;
  }
  assertEquals(checked, REQUESTS);
});

Deno.test("an Abort and the command that it ends are completed at once: interrupts take the CPU's time", () => {
  const ssd = { kind: "nvme", name: "ssd" } as const;
  const lab = buildLab(labConfig({
    latenciesNs: { interrupt: 200 },
    pci: [{ kind: "root_port", name: "rp0", children: [ssd] }],
  }));
  const { machine } = lab;
  machine.armInjection(new ArmedInjection(INJECTION["device.answer"], 1, 1));
  const buffer = allocateBuffer(machine, { sizeBytes: KIB });
  lab.device("ssd", "nvme").disk.submit("read", { buffer });
  while (machine.runNextActivity());
  const completed: number[] = [];
  machine.events.listen(({ at_ns }) => completed.push(at_ns), ["nvme.complete"]);
  machine.advance(30e9);
  while (machine.runNextActivity());
  // The read is retried on the CPU that has handled both interrupts.
  assertEquals(completed, [30e9, 30e9, 30e9 + 400]);
});
