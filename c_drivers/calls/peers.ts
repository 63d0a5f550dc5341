/** Memory of peers. @see behaviour/c-api.md 9, trap 8 */
import type { CArguments, CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { CPeers, MAP_STATE, mapTypeNumber } from "../c_peers.ts";
import { since72 } from "./mapping.ts";

/** More than any topology has. */
const MOST_CLIENTS = 256;

/** The functions that a row of `struct device *` means. */
function clientsAt(kernel: CKernel, at: number, count: number) {
  if (!(count >= 0 && count <= MOST_CLIENTS && kernel.memory.isOpen(at, 8 * count))) {
    throw kernel.crash(`There is no row of ${count} devices at ${hex(at)}`);
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
  const number = mapTypeNumber(machine.kernel.strategies, kind);
  if (kind !== "none") peers.putState(at, peers.providerOf(phys), kind);
  else memory.view.setUint32(at + MAP_STATE.map, number, true);
  return number;
}

export const PEER_CALLS: readonly CCallEntry[] = [
  {
    c: "int pci_p2pdma_add_resource(struct pci_dev *pdev, int bar, size_t size, u64 offset)",
    run(kernel, [pdev, bar, size, offset]) {
      kernel.maySleep();
      const { providers } = kernel.run.lab.topology;
      return providers.addResource(kernel.part(CPeers).functionAt(pdev), bar, size, offset);
    },
  },
  {
    c: "void *pci_alloc_p2pmem(struct pci_dev *pdev, size_t size)",
    run: (kernel, [pdev, size]) =>
      kernel.part(CPeers).alloc(kernel.part(CPeers).functionAt(pdev), kernel.exact(size, "size")),
  },
  {
    c: "void pci_free_p2pmem(struct pci_dev *pdev, void *addr, size_t size)",
    run(kernel, [pdev, addr, size]) {
      const func = kernel.part(CPeers).functionAt(pdev);
      if (kernel.part(CPeers).free(func, addr, size)) return;
      throw kernel.crash(
        `pci_free_p2pmem(${hex(addr)}): not peer memory of ${func.name}`,
      );
    },
  },
  {
    c: "u64 pci_p2pmem_virt_to_bus(struct pci_dev *pdev, void *addr)",
    run(kernel, [pdev, addr]) {
      const { providers } = kernel.run.lab.topology;
      const func = kernel.part(CPeers).functionAt(pdev);
      const phys = addr === 0 ? null : kernel.phys(addr);
      const range = phys === null ? null : providers.of(func)?.rangeOf(phys) ?? null;
      return range === null ? 0 : providers.busAddress(func, phys);
    },
  },
  {
    c: "void pci_p2pmem_publish(struct pci_dev *pdev, bool publish)",
    run(kernel, [pdev, publish]) {
      const { providers } = kernel.run.lab.topology;
      providers.publish(kernel.part(CPeers).functionAt(pdev), publish !== 0);
    },
  },
  {
    c: "int pci_p2pdma_distance_many(struct pci_dev *provider, struct device **clients, int num_clients, bool verbose)",
    run(kernel, [provider, clients, count, verbose]) {
      kernel.maySleep();
      const functions = clientsAt(kernel, clients, count);
      const { topology } = kernel.run.lab;
      return topology.distance(kernel.part(CPeers).functionAt(provider), functions, verbose !== 0);
    },
  },
  {
    c: "struct pci_dev *pci_p2pmem_find_many(struct device **clients, int num_clients)",
    run(kernel, [clients, count]) {
      kernel.maySleep();
      const { devices, topology } = kernel.run.lab;
      const found = topology.routes.find(clientsAt(kernel, clients, count), kernel.machine.random);
      return found === null ? 0 : kernel.pointerTo(devices.get(found.func.name)!.dma);
    },
  },
  {
    c: "bool is_pci_p2pdma_page(const struct page *page)",
    run: (kernel, [page]) => Number(kernel.part(CPeers).providerOf(kernel.pagePhys(page)) !== null),
  },
  {
    c: "enum pci_p2pdma_map_type pci_p2pdma_state(struct pci_p2pdma_map_state *state, struct device *dev, struct page *page)",
    isIn: since72,
    run: state,
  },
  {
    c: "dma_addr_t pci_p2pdma_bus_addr_map(struct p2pdma_provider *provider, phys_addr_t phys)",
    isIn: since72,
    run: (kernel, [provider, phys]) =>
      kernel.exact(phys, "address") + kernel.part(CPeers).providerAt(provider).busOffset,
  },
  {
    c: "int pcim_p2pdma_init(struct pci_dev *pdev)",
    isIn: since72,
    run(kernel, [pdev]) {
      kernel.maySleep();
      kernel.run.lab.topology.providers.init(kernel.part(CPeers).functionAt(pdev));
      return 0;
    },
  },
  {
    c: "struct p2pdma_provider *pcim_p2pdma_provider(struct pci_dev *pdev, int bar)",
    isIn: since72,
    run(kernel, [pdev, bar]) {
      const { providers } = kernel.run.lab.topology;
      const found = providers.barProvider(kernel.part(CPeers).functionAt(pdev), bar);
      return found === null ? 0 : kernel.part(CPeers).pointerTo(found);
    },
  },
  {
    c: "enum pci_p2pdma_map_type pci_p2pdma_map_type(struct p2pdma_provider *provider, struct device *dev)",
    isIn: since72,
    run(kernel, [provider, dev]) {
      const { func } = kernel.part(CPeers).providerAt(provider);
      const kind = kernel.run.lab.topology.kind(func, kernel.part(CPeers).functionAt(dev));
      return mapTypeNumber(kernel.machine.kernel.strategies, kind);
    },
  },
];
