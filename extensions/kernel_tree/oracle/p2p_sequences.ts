/** Random PCI trees, and questions about peer-to-peer DMA in them. */
import { ACS_SERVICES, type AcsService, pciNode, type PciNodeConfig } from "@dmalab/devices";
import { MIB, Random } from "@dmalab/runtime";
import type { Operation } from "./compare.ts";
import {
  acsBits,
  type FunctionFields,
  type HostFields,
  labOf,
  type P2pOperation,
} from "./p2p_operations.ts";

const LENGTHS = [20, 60, 60];
const MOST_CLIENTS = 3;
/**
 * Root devices that the kernel's whitelist of host bridges treats differently. Some are listed,
 * some are listed only for routes below a single host bridge, some are of a vendor that is listed
 * as a whole, and some are not listed.
 */
const ROOT_IDS = ["8086:2030", "8086:09a2", "8086:3c00", "8086:2f01", "1ae0:1234", "1022:1480"];
const DEPTH = 3;

export function p2pSequence(seed: number): readonly Operation<P2pOperation>[] {
  const random = new Random(seed);
  const steps: Operation<P2pOperation>[] = [];
  const put = (operation: P2pOperation) => steps.push({ id: steps.length, operation });
  const nodes = new TreeWalk(random).hosts();
  const { functions } = labOf(nodes).topology;
  const hostBridges = [...new Set(functions.map(({ hostBridge }) => hostBridge))];
  const fields = functions.map((func): FunctionFields => ({
    host: hostBridges.indexOf(func.hostBridge),
    above: func.upstream === null ? -1 : functions.indexOf(func.upstream),
    bus: func.address.bus,
    devfn: 8 * func.address.device + func.address.func,
    role: func.role,
    acs: acsBits(func),
    lends: func.bars.some(({ peerBytes }) => peerBytes > 0),
  }));
  const hosts = hostBridges.map(({ rootBus, rootDevice }): HostFields => ({
    bus: rootBus,
    // A host bridge without a configured root device gets a vendor that is not listed.
    ids: rootDevice === null ? [0xffff, 0xffff] : [rootDevice.vendor, rootDevice.device],
  }));
  put({ op: "tree", nodes, hosts, functions: fields });
  const places = (test: (each: FunctionFields, place: number) => boolean) =>
    [...fields.keys()].filter((place) => test(fields[place]!, place));
  const ends = places((_, place) => !functions[place]!.isBridge);
  const providers = places(({ lends }) => lends);
  const controlled = places(({ acs }) => acs !== null);
  if (providers.length === 0) return steps;
  for (const length = random.pick(LENGTHS); steps.length < length;) {
    const provider = random.pick(providers);
    const what = random.below(10);
    if (what === 0 && controlled.length > 0) {
      put({ op: "acs", function: random.pick(controlled), acs: random.below(2 ** 7) });
    } else if (what < 6) put({ op: "kind", provider, client: random.pick(ends) });
    else {
      const clients = Array.from(
        { length: random.below(MOST_CLIENTS + 1) },
        () => random.pick(ends),
      );
      put({ op: "distance", provider, clients, verbose: random.below(2) === 0 });
    }
  }
  return steps;
}

class TreeWalk {
  #count = 0;

  constructor(readonly random: Random) {}

  hosts(): readonly PciNodeConfig[] {
    const { random } = this;
    return Array.from({ length: 1 + random.below(3) }, () => {
      const ids = random.below(4) > 0 ? { vendorDevice: random.pick(ROOT_IDS) } : {};
      return pciNode("host_bridge", this.#name("host"), this.#several(3, () => this.#root()), ids);
    });
  }

  #name(kind: string): string {
    return `${kind}${this.#count++}`;
  }

  #several(most: number, make: () => PciNodeConfig): readonly PciNodeConfig[] {
    return Array.from({ length: 1 + this.random.below(most) }, make);
  }

  #root(): PciNodeConfig {
    if (this.random.below(6) === 0) return this.#end();
    return pciNode("root_port", this.#name("port"), [this.#below(DEPTH)], this.#acs());
  }

  #below(depth: number): PciNodeConfig {
    const { random } = this;
    const what = depth === 0 ? 0 : random.below(5);
    if (what < 2) return this.#end();
    const inner = () => this.#below(depth - 1);
    if (what === 2) {
      return pciNode("bridge", this.#name("bridge"), this.#several(2, () => this.#end()));
    }
    const { acs } = this.#acs();
    const upstreamAcs = random.below(3) === 0 ? this.#services() : undefined;
    return pciNode("switch", this.#name("switch"), this.#several(3, inner), {
      ...acs === undefined ? {} : { acs },
      ...upstreamAcs === undefined ? {} : { upstreamAcs },
    });
  }

  #end(): PciNodeConfig {
    const lends = this.random.below(2) === 0 ? { p2pmemBytes: 2 * MIB } : {};
    return pciNode("endpoint", this.#name("end"), [], { ...lends, ...this.#acs() });
  }

  #acs(): { readonly acs?: readonly AcsService[] } {
    return this.random.below(3) === 0 ? { acs: this.#services() } : {};
  }

  #services(): readonly AcsService[] {
    return ACS_SERVICES.filter(() => this.random.below(4) === 0);
  }
}
