/** Peer-to-peer memory: providing it to peers and to programs, and revoking it. */
import type { DeviceBase, PeerProvider } from "@dmalab/devices";
import { errnoName, KernelError, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec, HandleType } from "../../values/spec.ts";
import { noProvider } from "../explain/no_provider.ts";
import { BUFFER } from "../types/buffer.ts";
import { PEER_MACHINE } from "./p2p.ts";
import { bufferAt } from "./p2p_memory.ts";
import { BY_ROLE, kernelCall } from "./kernel_call.ts";
import { builtin } from "../describe/builtin.ts";
import { named, param } from "../describe/parameters.ts";
import { pairLines } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import { fieldsOf } from "../describe/fields.ts";

export const P2PMEM: HandleType<PeerProvider> = {
  name: "p2pmem",
  doc: "A provider: the memory that a device offers to its peers, and its state.",
  fields: fieldsOf<PeerProvider>((f) => ({
    state: f.word(
      "Its state: initialised, unpublished, published, unbinding or unbound.",
      (provider) => provider.state,
    ),
    size: f.size("Its total size.", (provider) => provider.sizeBytes),
    available: f.size("Bytes that are free.", (provider) => provider.availableBytes),
    published: f.bool(
      "Whether pci_p2pmem_find offers it.",
      (provider) => provider.state === "published",
    ),
    references: f.int(
      "References that an unbind waits for: allocations, and pages that programs have mapped.",
      (provider) => provider.references,
    ),
    device_references: f.int(
      "References on the device that pci_p2pmem_find() took.",
      (provider) => provider.deviceReferences,
    ),
    ranges: f.list(
      { bar: "int", phys: "phys", size: "size" },
      "The parts of BARs that belong to it: a list of { bar, phys, size }.",
      (provider) =>
        provider.ranges.map(({ bar, basePhys, sizeBytes }) => ({
          bar: bar.index,
          phys: basePhys,
          size: sizeBytes,
        })),
    ),
  })),
  format: (provider) => `${formatSize(provider.sizeBytes)} of ${provider.func.name} for peers`,
  show: (provider) => [
    `peer memory of ${provider.func.name}`,
    ...pairLines([
      ["state", provider.state],
      ["available", `${formatSize(provider.availableBytes)} of ${formatSize(provider.sizeBytes)}`],
      ["references", formatCount(provider.references, "reference")],
      ...provider.ranges.map(({ bar, basePhys, sizeBytes }): [string, string] => [
        `BAR ${bar.index}`,
        `${formatSize(sizeBytes)} at ${formatAddress(basePhys)}, on the bus at ${
          formatAddress(provider.busAddress(basePhys))
        }`,
      ]),
    ]),
  ],
};

/** Memory charged for each page that is mapped separately. */
const LENT_PAGE_BYTES = 64;

/** A machine for examples: a device with a driver that has not provided memory yet. */
const LATER_MACHINE = `machine {
  pci {
    root_port rp0 {
      switch sw0 { nvme ssd { } endpoint gpu { bar = 16MiB } }
    }
  }
}
`;

function toProvider(context: ExecutionContext, device: DeviceBase): PeerProvider {
  const provider = context.lab.topology.providers.everOf(device.function);
  if (provider !== null) return provider;
  const { hint, message } = noProvider(device.function);
  throw new ValueError(message, hint);
}

function raiseOn(error: number, message: string): void {
  if (error !== 0) throw new KernelError(errnoName(error), message);
}

export const P2P_LENDING_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "p2pmem",
    parameters: [BY_ROLE.pdev],
    result: P2PMEM,
    doc: "The peer memory of a device: size, references and state.",
    example: `${PEER_MACHINE}assert p2pmem(cmb).state == published\n` +
      `assert p2pmem(cmb).available == 2MiB`,
    run: (context, [dev]) => toProvider(context, dev),
  }),
  kernelCall("pcim_p2pdma_init", {
    doc: "Registers a device as a provider whose BARs peers may use; a second call does nothing.",
    example: `${LATER_MACHINE}pcim_p2pdma_init(gpu)\nassert p2pmem(gpu).state == initialised`,
    raises: ["EOPNOTSUPP"],
    run(context, [dev]) {
      const error = context.lab.topology.providers.register(dev.function);
      raiseOn(error, `${dev.name} cannot provide memory: the kernel has no peer-to-peer DMA`);
    },
  }),
  kernelCall("pcim_p2pdma_provider", {
    result: { phys: "phys", size: "size", bus_address: "dma" },
    doc:
      "The provider for one BAR: { phys, size, bus_address }, or none. It has no struct pages, " +
      "and no reference keeps it when the device's driver unbinds. 6.12 lacks this function.",
    example: `${LATER_MACHINE}pcim_p2pdma_init(gpu)
let provider = pcim_p2pdma_provider(gpu, 0)
assert provider.size == 16MiB
assert pcim_p2pdma_provider(gpu, 5) == none`,
    run(context, [device, index]) {
      const found = context.lab.topology.providers.barProvider(device.function, index);
      if (found === null) return null;
      const { basePhys, sizeBytes } = found.bar;
      return {
        phys: basePhys,
        size: sizeBytes,
        bus_address: context.lab.topology.providers.busAddress(device.function, basePhys),
      };
    },
  }),
  kernelCall("pci_p2pdma_add_resource", {
    doc: "Creates struct pages for a part of a BAR and adds it to the device's pool, from which " +
      "pci_alloc_p2pmem() allocates.",
    example: `${LATER_MACHINE}pci_p2pdma_add_resource(gpu, 0, 2MiB, offset: 4MiB)
assert p2pmem(gpu).available == 2MiB and p2pmem(gpu).state == unpublished`,
    raises: ["EINVAL", "EEXIST", "EOPNOTSUPP"],
    run(context, [device, bar, sizeBytes, offsetBytes]) {
      const error = context.lab.topology.providers.addResource(
        device.function,
        bar,
        sizeBytes,
        offsetBytes,
      );
      raiseOn(error, `${device.name} cannot provide this part of BAR ${bar} to peers`);
    },
  }),
  kernelCall("pci_p2pmem_publish", {
    doc: "Publishes a device's memory for pci_p2pmem_find(), or withdraws it.",
    example: `${PEER_MACHINE}pci_p2pmem_publish(cmb, false)\nassert pci_p2pmem_find([ssd]) == none`,
    run: (context, [dev, publish]) => context.lab.topology.providers.publish(dev.function, publish),
  }),
  builtin({
    name: "p2pmem_mmap",
    parameters: [
      BY_ROLE.pdev,
      param.size("size", "How many bytes; whole pages are mapped."),
      named(param.size("offset", "Only 0B is possible."), 0),
      named(param.bool("private", "Only false is possible."), false),
    ],
    result: BUFFER,
    doc:
      "A program maps memory of a device through its `allocate` file. Each page has a reference " +
      "of its own, until p2pmem_munmap() or until the driver unbinds.",
    example: `${PEER_MACHINE}let buf = p2pmem_mmap(cmb, 8KiB)
assert p2pmem(cmb).references == 2
p2pmem_munmap(cmb, buf)
assert p2pmem(cmb).references == 0`,
    raises: ["EINVAL", "ENODEV", "ENOMEM"],
    run(context, [device, sizeBytes, offsetBytes, isPrivate]) {
      const { providers } = context.lab.topology;
      const availableBytes = providers.of(device.function)?.pool?.availableBytes ?? 0;
      // A size above `availableBytes` is refused before any page is mapped, so it is not charged.
      if (sizeBytes <= availableBytes) {
        context.chargeMemory(LENT_PAGE_BYTES * Math.ceil(sizeBytes / PAGE_SIZE_BYTES));
      }
      const mapped = providers.userMap(device.function, {
        sizeBytes,
        offsetBytes,
        isPrivate,
      });
      if (typeof mapped !== "number") return bufferAt(context, mapped.pages[0]!, sizeBytes);
      throw new KernelError(
        errnoName(mapped),
        `Memory of ${device.name} cannot be mapped this way`,
      );
    },
  }),
  builtin({
    name: "p2pmem_munmap",
    parameters: [BY_ROLE.pdev, BY_ROLE.peer_memory],
    doc: "The program unmaps what p2pmem_mmap mapped.",
    example: `${PEER_MACHINE}p2pmem_munmap(cmb, p2pmem_mmap(cmb, 4KiB))`,
    run(context, [device, { phys: at }]) {
      const { providers } = context.lab.topology;
      const provider = providers.of(device.function);
      context.work(provider?.userMappings.size ?? 0);
      const mapping = [...provider?.userMappings ?? []].find(({ pages }) => pages[0] === at);
      if (mapping === undefined) {
        throw new ValueError(`No program has mapped this memory of ${device.name}`);
      }
      providers.userUnmap(device.function, mapping);
    },
  }),
  builtin({
    name: "unbind_provider",
    parameters: [BY_ROLE.pdev],
    result: "bool",
    doc:
      "Unbinds the driver of a provider: programs lose their mappings, allocations fail from now " +
      "on, and the unbind waits (false) until every page is released. Memory without struct " +
      "pages is gone at once. The checker reports mappings that still refer to the memory.",
    example: `${PEER_MACHINE}let buf = pci_alloc_p2pmem(cmb, 4KiB)
assert not unbind_provider(cmb)
pci_free_p2pmem(cmb, buf)
assert p2pmem(cmb).state == unbound`,
    run: (context, [dev]) => context.lab.topology.providers.unbind(dev.function),
  }),
];
