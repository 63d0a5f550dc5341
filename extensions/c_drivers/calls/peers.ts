/** Peer-to-peer memory. @see rules/c-api.md 9, trap 8 */
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { CPeers, MAP_STATE, mapTypeNumber } from "../c_peers.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { since72 } from "./mapping.ts";

/** Largest number of clients of a call: more than any topology has. */
const MAX_CLIENTS = 256;

/** The PCI functions of an array of `struct device *`. */
function clientsAt(kernel: CKernel, at: number, count: number) {
  if (!(count >= 0 && count <= MAX_CLIENTS && kernel.memory.isOpen(at, 8 * count))) {
    throw kernel.crash(`No array of ${count} devices at ${hex(at)}`);
  }
  return Array.from(
    { length: count },
    (_, index) => kernel.part(CPeers).functionAt(kernel.memory.wordAt(at + 8 * index)),
  );
}

function state(kernel: CKernel, [at, dev, page]: CArguments): number {
  const { machine, memory } = kernel;
  const peers = kernel.part(CPeers);
  const device = kernel.device(dev);
  if (!memory.isOpen(at, 16)) throw kernel.crash("There is no pci_p2pdma_map_state");
  const phys = kernel.pagePhys(page);
  const kind = machine.peers === null ? "none" : machine.peers.mapType(phys, device);
  const number = mapTypeNumber(machine.kernel, kind);
  if (kind !== "none") peers.putState(at, peers.providerOf(phys), kind);
  else memory.view.setUint32(at + MAP_STATE.map, number, true);
  return number;
}

export const PEER_CALLS: readonly CCallEntry[] = [
  kernelEntry(
    "pci_p2pdma_add_resource",
    (kernel, [func, bar, size, offset]) =>
      kernel.context.lab.topology.providers.addResource(func, bar, size, offset),
  ),
  kernelEntry("pci_alloc_p2pmem", (kernel, [func, size]) => kernel.part(CPeers).alloc(func, size)),
  kernelEntry("pci_free_p2pmem", (kernel, [func, addr, size]) => {
    if (kernel.part(CPeers).free(func, addr, size)) return;
    throw kernel.crash(`pci_free_p2pmem(${hex(addr)}): not peer memory of ${func.name}`);
  }),
  kernelEntry("pci_p2pmem_virt_to_bus", (kernel, [func, addr]) => {
    const { providers } = kernel.context.lab.topology;
    const phys = addr === 0 ? null : kernel.phys(addr);
    const range = phys === null ? null : providers.of(func)?.rangeOf(phys) ?? null;
    return range === null ? 0 : providers.busAddress(func, phys);
  }),
  kernelEntry(
    "pci_p2pmem_publish",
    (kernel, [func, publish]) => kernel.context.lab.topology.providers.publish(func, publish !== 0),
  ),
  kernelEntry("pci_p2pdma_distance", (kernel, [provider, clients, count, verbose]) => {
    const functions = clientsAt(kernel, clients, count);
    return kernel.context.lab.topology.routes.distance(provider, functions, verbose !== 0);
  }),
  kernelEntry("pci_p2pmem_find", (kernel, [clients, count]) => {
    const { devices, topology } = kernel.context.lab;
    const found = topology.routes.find(clientsAt(kernel, clients, count), kernel.machine.random);
    return found === null
      ? 0
      : kernel.pointerTo(devices.get(found.func.name)!.dma) - kernel.deviceShape.deviceAt;
  }),
  ...callEntries({
    "bool is_pci_p2pdma_page(const struct page *page)": (kernel, [page]) =>
      Number(kernel.part(CPeers).providerOf(kernel.pagePhys(page)) !== null),
    "enum pci_p2pdma_map_type pci_p2pdma_state(struct pci_p2pdma_map_state *state, struct device *dev, struct page *page)":
      {
        isIn: since72,
        run: state,
      },
    "dma_addr_t pci_p2pdma_bus_addr_map(struct p2pdma_provider *provider, phys_addr_t phys)": {
      isIn: since72,
      run: (kernel, [provider, phys]) =>
        kernel.exact(phys, "address") + kernel.part(CPeers).providerAt(provider).busOffset,
    },
  }),
  kernelEntry(
    "pcim_p2pdma_init",
    (kernel, [func]) => kernel.context.lab.topology.providers.register(func),
  ),
  kernelEntry("pcim_p2pdma_provider", (kernel, [func, bar]) => {
    const found = kernel.context.lab.topology.providers.barProvider(func, bar);
    return found === null ? 0 : kernel.part(CPeers).pointerTo(found);
  }),
  kernelEntry("pci_p2pdma_map_type", (kernel, [provider, client]) => {
    const { func } = kernel.part(CPeers).providerAt(provider);
    const kind = kernel.context.lab.topology.routes.kind(func, client);
    return mapTypeNumber(kernel.machine.kernel, kind);
  }),
];
