/** Peer-to-peer memory: how devices reach each other. */
import type { LabDevice } from "../../../devices/lab.ts";
import type { PhysAddr } from "../../../runtime/address.ts";
import { type EventId, eventId, type FieldValue } from "../../../runtime/event_vocabulary.ts";
import { KernelError } from "../../../runtime/errno.ts";
import { HostBuffer } from "../../../runtime/memory/host_buffer.ts";
import type { Run } from "../../run/run.ts";
import { bufferHome, thing, toItems, toSize, toThing, word } from "../arguments.ts";
import type { FunctionSpec, ParameterSpec } from "../spec.ts";
import { BUFFER } from "../things/buffer.ts";
import { DEVICE } from "../things/device.ts";
import { TOPOLOGY } from "../things/topology.ts";

const PROVIDER: ParameterSpec = {
  name: "provider",
  kind: "@device",
  doc: "The device whose memory is used.",
};

const PEER_MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { switch sw0 {
    nvme ssd { queues = 1 }
    nvme cmb { queues = 1, p2pmem = 1MiB }
  } } }
}
`;

const MAP_TYPE = callIds("pci_p2pdma_map_type");
const DISTANCE = callIds("pci_p2pdma_distance");
const ALLOC = callIds("pci_alloc_p2pmem");

interface CallIds {
  readonly call: EventId;
  readonly ret: EventId;
}

function callIds(name: "pci_p2pdma_map_type" | "pci_p2pdma_distance" | "pci_alloc_p2pmem") {
  return { call: eventId(`call.${name}`), ret: eventId(`ret.${name}`) } satisfies CallIds;
}

/**
 * The topology is asked by the kernel's layers too, so the call itself is an event only here.
 *
 * @param device The device it is asked for: the one that would do the DMA, or that has the memory.
 */
function calling<T>(
  run: Run,
  ids: CallIds,
  device: string,
  args: Readonly<Record<string, FieldValue>>,
  work: () => T,
  result: (value: T) => FieldValue,
): T {
  const { events } = run.lab.machine;
  const outer = events.device;
  events.device = device;
  if (events.tick(ids.call)) events.emit(ids.call, args);
  const value = work();
  if (events.tick(ids.ret)) events.emit(ids.ret, { result: result(value), error: null });
  events.device = outer;
  return value;
}

export const P2P_CALLS: readonly FunctionSpec[] = [
  {
    name: "topology",
    parameters: [],
    result: "@topology",
    doc: "The PCI tree; `show topology()` draws it.",
    example: `${PEER_MACHINE}assert topology().devices == ["ssd", "cmb"]\nshow topology()`,
    run: (run) => thing(TOPOLOGY, run.lab),
  },
  {
    name: "pci_p2pdma_map_type",
    parameters: [
      PROVIDER,
      { name: "client", kind: "@device", doc: "The device that reads or writes it." },
    ],
    result: "word",
    doc: "How the client reaches the provider's memory: bus_addr, thru_host_bridge or " +
      "not_supported.",
    example: `${PEER_MACHINE}assert pci_p2pdma_map_type(cmb, ssd) == bus_addr`,
    run(run, [provider, client]) {
      const from = toThing(provider, DEVICE, "provider");
      const to = toThing(client, DEVICE, "client");
      return word(calling(
        run,
        MAP_TYPE,
        to.name,
        { provider: from.name, client: to.name },
        () => run.lab.topology.kind(from.function, to.function),
        (kind) => kind,
      ));
    },
  },
  {
    name: "pci_p2pdma_distance",
    parameters: [
      PROVIDER,
      { name: "clients", kind: "list", doc: "The devices that read or write it." },
    ],
    result: "int",
    doc: "The sum of distances to the clients, the smaller the better; none when one of them " +
      "cannot reach the memory.",
    example: `${PEER_MACHINE}assert pci_p2pdma_distance(cmb, [ssd]) == 4`,
    run(run, [provider, clients]) {
      const from = toThing(provider, DEVICE, "provider");
      const to = toItems(clients, "clients").map((item): LabDevice =>
        toThing(item, DEVICE, "a client")
      );
      const distance = calling(
        run,
        DISTANCE,
        from.name,
        { provider: from.name, clients: to.map((device) => device.name) },
        () => run.lab.topology.distance(from.function, to.map((device) => device.function), true),
        (value) => value,
      );
      return distance < 0 ? null : distance;
    },
  },
  {
    name: "pci_alloc_p2pmem",
    parameters: [
      { name: "dev", kind: "@device", doc: "The device that has the memory." },
      { name: "size", kind: "size", doc: "How many bytes; whole pages are taken." },
    ],
    result: "@buffer",
    doc: "Takes memory of a device, for peers and for requests.",
    example: `${PEER_MACHINE}let buf = pci_alloc_p2pmem(cmb, 8KiB)
ssd.read(lba: 0, into: buf)
assert buf == ssd.media(lba: 0, bytes: 8KiB)`,
    raises: ["ENOMEM"],
    run(run, [dev, length]) {
      const device = toThing(dev, DEVICE, "dev");
      const sizeBytes = toSize(length, "size");
      const memory = run.lab.topology.peerMemory(device.function);
      const phys = calling(
        run,
        ALLOC,
        device.name,
        { dev: device.name, size: sizeBytes },
        (): PhysAddr | null => memory?.alloc(sizeBytes) ?? null,
        (value) => value,
      );
      if (phys === null) {
        throw new KernelError(
          "ENOMEM",
          memory === null
            ? `${device.name} has no memory for peers`
            : `${device.name} has no ${sizeBytes} bytes left for peers`,
        );
      }
      return thing(BUFFER, new HostBuffer(bufferHome(run), [{ phys, sizeBytes }]));
    },
  },
];
