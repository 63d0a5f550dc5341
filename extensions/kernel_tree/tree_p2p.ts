/**
 * Peer-to-peer DMA in a PCI tree, computed by the kernel tree's own `drivers/pci/p2pdma.c`. It has the interface of
 * `P2pModel`.
 */
import type { PciRole } from "@dmalab/devices";
import { readTreeHeaders } from "@dmalab/cli";
import type { Parts } from "./link_tree.ts";
import type { Implementation, OperationResult } from "./oracle/compare.ts";
import type { P2pOperation } from "./oracle/p2p_operations.ts";
import {
  Int,
  type LinkedTree,
  type TreeImports,
  TreeModule,
  type TreeValue,
} from "./tree_module.ts";

export const P2P_PARTS: Parts = {
  subjects: ["drivers/pci/p2pdma.c"],
  files: ["drivers/pci/p2pdma.c", "lib/xarray.c"],
  texts: () => [readTreeHeaders()["oracle/p2p.c"]!],
  functions: { pcim_p2pdma_provider: "include/linux/pci-p2pdma.h" },
  layout: { headers: ["linux/pci.h", "linux/xarray.h"], structs: { xa_node: [] } },
};

/** Types of the PCI Express capability. @see PCI Express Base Specification, 7.5.3.2 */
const PCIE_TYPES: Readonly<Record<PciRole, number>> = {
  endpoint: 0,
  nvme: 0,
  root_port: 4,
  upstream_port: 5,
  downstream_port: 6,
  pci_bridge: 7,
};
/** Names of the values of `enum pci_p2pdma_map_type`, by index. */
const KINDS = ["unknown", "none", "not_supported", "bus_addr", "thru_host_bridge"];

export class TreeP2p implements Implementation<P2pOperation> {
  readonly #tree: TreeModule;
  #messages = 0;

  constructor(linked: LinkedTree) {
    this.#tree = new TreeModule(linked, this.#imports());
  }

  run(line: P2pOperation): OperationResult {
    const ask = (name: string, ...args: (number | boolean)[]) =>
      this.#tree.call(`lab_p2p_${name}`, ...args.map((each) => new Int(Number(each))));
    this.#messages = 0;
    switch (line.op) {
      case "tree": {
        const { functions, hosts } = line;
        for (const [place, { bus, ids }] of hosts.entries()) {
          ask("host", place, bus);
          const own = functions.length + place;
          ask("function", own, place, -1, bus, 0, PCIE_TYPES.endpoint);
          ask("ids", own, ...ids);
        }
        for (const [place, { above, acs, bus, devfn, host, lends, role }] of functions.entries()) {
          ask("function", place, host, above, bus, devfn, PCIE_TYPES[role]);
          if (acs !== null) ask("acs", place, acs);
          if (lends) ask("provider", place);
        }
        return {};
      }
      case "acs":
        ask("acs", line.function, line.acs);
        return {};
      case "kind": {
        const kind = KINDS[ask("kind", line.provider, line.client)];
        return { kind, messages: this.#messages };
      }
      case "distance": {
        const { clients, provider, verbose } = line;
        for (const [index, client] of clients.entries()) ask("client", index, client);
        const distance = ask("distance", provider, clients.length, verbose);
        return { distance, messages: this.#messages };
      }
    }
  }

  #imports(): TreeImports {
    const take = (size: TreeValue) => BigInt(this.#tree.memory.take(Number(size)));
    return {
      _dev_warn: () => {
        this.#messages++;
      },
      get_device: (device) => device,
      put_device: () => {},
      pci_dev_get: (device) => device,
      pci_dev_put: () => {},
      devm_kmalloc: (_device, size) => take(size),
      __devm_add_action: () => 0,
      seq_buf_printf: () => 0,
      // Nodes of the xarray that caches the kinds of mappings.
      kmem_cache_alloc_lru_noprof: () => take(this.#tree.layout.sizeOf("xa_node")),
    };
  }
}
