/** Peer-to-peer memory: lending it to peers and to programs, and taking it away. */
import type { LabDevice } from "../../../devices/lab.ts";
import type { PeerProvider } from "../../../devices/pci/peers/peer_provider.ts";
import { errnoName, KernelError } from "../../../runtime/errno.ts";
import type { Run } from "../../values/run.ts";
import { ScriptError } from "../../values/script_error.ts";
import { dma, phys, record, size, thing, toNumber, toSize, toThing } from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BUFFER } from "../things/buffer.ts";
import { DEVICE } from "../things/device.ts";
import { P2PMEM } from "../things/pci/provider.ts";
import { PEER_MACHINE } from "./p2p.ts";
import { MEMORY, OWNER, toBuffer } from "./p2p_memory.ts";

/** A machine for examples: a device whose driver has not lent anything yet. */
const LATER_MACHINE = `machine {
  pci { root_port rp0 { switch sw0 { nvme ssd { } endpoint gpu { bar = 16MiB } } } }
}
`;

/** The provider that a device is or was. */
function toProvider(run: Run, device: LabDevice): PeerProvider {
  const provider = run.lab.topology.providers.everOf(device.function);
  if (provider !== null) return provider;
  throw new ScriptError(
    "E0919",
    `${device.name} lends no memory to peers`,
    "give it `p2pmem` in the machine, or call pcim_p2pdma_init",
  );
}

function raiseOn(error: number, message: string): void {
  if (error !== 0) throw new KernelError(errnoName(error), message);
}

export const P2P_LENDING_CALLS: readonly FunctionSpec[] = [
  {
    name: "p2pmem",
    parameters: [OWNER],
    result: "@p2pmem",
    doc: "What a device lends to its peers: how much, to how many, and in which state.",
    example: `${PEER_MACHINE}assert p2pmem(cmb).state == published\n` +
      `assert p2pmem(cmb).available == 1MiB`,
    run: (run, [dev]) => thing(P2PMEM, toProvider(run, toThing(dev, DEVICE, "dev"))),
  },
  {
    name: "pcim_p2pdma_init",
    parameters: [OWNER],
    result: "nothing",
    doc: "Makes a device known as one whose BARs peers may use; a second call does nothing.",
    example: `${LATER_MACHINE}pcim_p2pdma_init(gpu)\nassert p2pmem(gpu).state == initialised`,
    run(run, [dev]) {
      run.lab.topology.providers.init(toThing(dev, DEVICE, "dev").function);
      return null;
    },
  },
  {
    name: "pcim_p2pdma_provider",
    parameters: [OWNER, { name: "bar", kind: "int", doc: "The number of a memory BAR." }],
    result: "record",
    doc:
      "What the memory of one BAR is to peers: { phys, size, bus_address }, or none. It has no " +
      "pages, and nothing keeps it when the device's driver leaves. 6.12 has no such thing.",
    example: `${LATER_MACHINE}pcim_p2pdma_init(gpu)
let provider = pcim_p2pdma_provider(gpu, 0)
assert provider.size == 16MiB
assert pcim_p2pdma_provider(gpu, 5) == none`,
    run(run, [dev, bar]) {
      const device = toThing(dev, DEVICE, "dev");
      const index = toNumber(bar, "bar");
      const found = run.lab.topology.providers.barProvider(device.function, index);
      if (found === null) return null;
      const { basePhys, sizeBytes } = found.bar;
      return record({
        phys: phys(basePhys),
        size: size(sizeBytes),
        bus_address: dma(run.lab.topology.providers.busAddress(device.function, basePhys)),
      });
    },
  },
  {
    name: "pci_p2pdma_add_resource",
    parameters: [
      OWNER,
      { name: "bar", kind: "int", doc: "The number of a memory BAR." },
      {
        name: "size",
        kind: "size",
        optional: true,
        doc: "How much of it. Default: the rest of the BAR.",
      },
      { name: "offset", kind: "size", optional: true, doc: "From where. Default 0B." },
    ],
    result: "nothing",
    doc: "Gives a part of a BAR pages and puts it into the device's pool, from which " +
      "pci_alloc_p2pmem takes.",
    example: `${LATER_MACHINE}pci_p2pdma_add_resource(gpu, 0, 1MiB, offset: 2MiB)
assert p2pmem(gpu).available == 1MiB and p2pmem(gpu).state == unpublished`,
    raises: ["EINVAL", "EEXIST"],
    run(run, [dev, bar, length, offset]) {
      const device = toThing(dev, DEVICE, "dev");
      const error = run.lab.topology.providers.addResource(
        device.function,
        toNumber(bar, "bar"),
        length === undefined ? 0 : toSize(length, "size"),
        offset === undefined ? 0 : toSize(offset, "offset"),
      );
      raiseOn(error, `${device.name} cannot lend this part of BAR ${toNumber(bar, "bar")}`);
      return null;
    },
  },
  {
    name: "pci_p2pmem_publish",
    parameters: [OWNER, {
      name: "publish",
      kind: "bool",
      doc: "Whether pci_p2pmem_find offers it.",
    }],
    result: "nothing",
    doc: "Offers a device's memory to whoever looks for some, or does so no longer.",
    example: `${PEER_MACHINE}pci_p2pmem_publish(cmb, false)\nassert pci_p2pmem_find([ssd]) == none`,
    run(run, [dev, publish]) {
      run.lab.topology.providers.publish(
        toThing(dev, DEVICE, "dev").function,
        publish as boolean,
      );
      return null;
    },
  },
  {
    name: "p2pmem_mmap",
    parameters: [
      OWNER,
      { name: "size", kind: "size", doc: "How many bytes; whole pages are mapped." },
      { name: "offset", kind: "size", optional: true, named: true, doc: "Only 0B is possible." },
      {
        name: "private",
        kind: "bool",
        optional: true,
        named: true,
        doc: "Only false is possible.",
      },
    ],
    result: "@buffer",
    doc: "A program maps memory of a device through its `allocate` file. Each page is held by " +
      "itself, until p2pmem_munmap or until the driver leaves.",
    example: `${PEER_MACHINE}let buf = p2pmem_mmap(cmb, 8KiB)
assert p2pmem(cmb).references == 2
p2pmem_munmap(cmb, buf)
assert p2pmem(cmb).references == 0`,
    raises: ["EINVAL", "ENODEV", "ENOMEM"],
    run(run, [dev, length, offset, isPrivate]) {
      const device = toThing(dev, DEVICE, "dev");
      const sizeBytes = toSize(length, "size");
      const mapped = run.lab.topology.providers.userMap(device.function, {
        sizeBytes,
        offsetBytes: offset === undefined ? 0 : toSize(offset, "offset"),
        isPrivate: isPrivate === true,
      });
      if (typeof mapped !== "number") return toBuffer(run, mapped.pages[0]!, sizeBytes);
      throw new KernelError(errnoName(mapped), `Memory of ${device.name} cannot be mapped so`);
    },
  },
  {
    name: "p2pmem_munmap",
    parameters: [OWNER, MEMORY],
    result: "nothing",
    doc: "The program unmaps what p2pmem_mmap gave it.",
    example: `${PEER_MACHINE}p2pmem_munmap(cmb, p2pmem_mmap(cmb, 4KiB))`,
    run(run, [dev, buffer]) {
      const device = toThing(dev, DEVICE, "dev");
      const { phys: at } = toThing(buffer, BUFFER, "buffer");
      const { providers } = run.lab.topology;
      const provider = providers.of(device.function);
      const mapping = [...provider?.userMappings ?? []].find(({ pages }) => pages[0] === at);
      if (mapping === undefined) {
        throw new ScriptError("E0919", `No program has mapped this memory of ${device.name}`);
      }
      providers.userUnmap(device.function, mapping);
      return null;
    },
  },
  {
    name: "unbind_provider",
    parameters: [OWNER],
    result: "bool",
    doc:
      "The driver of a device that lends memory leaves: programs lose what they mapped, nobody " +
      "gets any more, and it waits (false) until every page has come back. Memory without pages " +
      "is gone at once. What still leads to the memory then is reported.",
    example: `${PEER_MACHINE}let buf = pci_alloc_p2pmem(cmb, 4KiB)
assert not unbind_provider(cmb)
pci_free_p2pmem(cmb, buf)
assert p2pmem(cmb).state == unbound`,
    run: (run, [dev]) => run.lab.topology.providers.unbind(toThing(dev, DEVICE, "dev").function),
  },
];
