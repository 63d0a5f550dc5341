/** Machines with any settings that there are, in a random tree, and everything that their devices do. */
import {
  buildLab,
  defaultLabConfig,
  DEVICE_KINDS,
  type Lab,
  type LabConfig,
  type PciNodeConfig,
} from "@dmalab/devices";
import { type DiskOp, type Io, NVME, type NvmeDisk } from "@dmalab/devices/nvme";
import { type PciFunction, PORT_KINDS } from "@dmalab/devices/pci";
import {
  type AnySetting,
  ArmedInjection,
  type DmaAddr,
  GIB,
  INJECTION_POINTS,
  IOMMU_SETTINGS,
  MACHINE_SETTINGS,
  MIB,
  type PhysAddr,
  Random,
  type SettingRows,
  type SettingType,
  SWIOTLB_SETTINGS,
} from "@dmalab/runtime";
import { DMA_BIDIRECTIONAL, Scatterlist } from "@dmalab/runtime/dma";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { type Sink, watchMachine } from "./digest.ts";

const STEPS = 40;
const ACTIVITIES = 3000;
/** Events of one machine that are reported. */
const MAX_EVENTS = 4000;
/** A machine whose numbers are all as large as they may be has no end. */
const LARGEST = 2 ** 22;
/** What is left as it is: names of places that must fit together, and what takes the host's time. */
const KEPT: ReadonlySet<string> = new Set([
  "at",
  "bus",
  "capacityBytes",
  "checker",
  "driver",
  "granuleBytes",
  "pageSizeBytes",
  "pageSizesBytes",
  "ranges",
  "reserved",
]);

/** Of these, values with which most machines come up; the others are refused soon enough. */
const USUAL: Readonly<Record<string, readonly unknown[]>> = {
  busLimitBits: [0, 0, 32, 48],
  busOffset: [0, 2 ** 32, -4096],
  dmaMaskBits: [64, 32, 40, 30],
  hmbBytes: [0, 65536, MIB],
  hmbMinBytes: [0, 4096, MIB],
  hmbMinChunkBytes: [0, 4096, 16384],
  maxSegmentSizeBytes: [4096, 65536, 2 ** 32 - 1],
  metadataBytes: [0, 8, 16, 64],
  ownOps: [false, false, false, true],
  p2pmemBytes: [0, 65536, 2 * MIB],
};

type Pick = <T>(...from: readonly T[]) => T;

/** Any value that a key takes; its ends are as frequent as what lies between. */
function anyValue(shape: SettingType, random: Random, pick: Pick): unknown {
  switch (shape.kind) {
    case "bool":
      return pick(true, false);
    case "string":
    case "word":
      return pick(...shape.choices);
    case "words":
      return shape.choices.filter(() => random.below(2) === 0);
    case "int":
    case "size":
    case "duration":
    case "phys": {
      const { max, min, multipleOf = 1, none } = shape;
      if (none !== undefined && random.below(4) === 0) return none;
      const top = Math.min(max, Math.max(LARGEST, min));
      if (shape.powerOfTwo === true) {
        const [low, high] = [Math.log2(Math.max(min, 1)), Math.floor(Math.log2(top))];
        return 2 ** Math.ceil(low + random.below(high - Math.ceil(low) + 1));
      }
      const any = pick(min, top, min + multipleOf, min + random.below(Math.min(top - min, 64) + 1));
      return Math.max(min, Math.min(top, Math.floor(any / multipleOf) * multipleOf));
    }
    default:
      return undefined;
  }
}

/** Some of the keys, each with any value that it takes. */
function anySettings(rows: SettingRows, oneIn: number, random: Random, pick: Pick) {
  const given: Record<string, unknown> = {};
  for (const [property, { shape }] of Object.entries<AnySetting>(rows)) {
    if (KEPT.has(property) || random.below(oneIn) > 0) continue;
    const usual = USUAL[property];
    const value = usual === undefined || random.below(12) === 0
      ? anyValue(shape, random, pick)
      : pick(...usual);
    if (value !== undefined) given[property] = value;
  }
  return given;
}

function anyTree(random: Random, pick: Pick): PciNodeConfig[] {
  let made = 0;
  const block = (kind: string, rows: SettingRows, children: readonly PciNodeConfig[] = []) => {
    const settings = anySettings(rows, kind === "nvme" ? 5 : 3, random, pick);
    return { kind, name: `${kind}${++made}`, settings, children } as unknown as PciNodeConfig;
  };
  const device = () => {
    const kind = DEVICE_KINDS[random.below(DEVICE_KINDS.length)]!;
    return block(kind.kind, kind.settings);
  };
  const below = () =>
    random.below(3) > 0 ? [device()] : [
      block(
        "switch",
        PORT_KINDS.switch.settings,
        Array.from({ length: 1 + random.below(3) }, device),
      ),
    ];
  const disk = block("nvme", NVME.settings);
  const lender = {
    ...block("endpoint", {}),
    settings: { p2pmemBytes: pick(2 * MIB, 4 * MIB) },
  } as PciNodeConfig;
  const ports = [[disk], [lender], ...Array.from({ length: random.below(4) }, below)]
    .map((children) => block("root_port", PORT_KINDS.root_port.settings, children));
  return random.below(2) === 0
    ? ports
    : [block("host_bridge", PORT_KINDS.host_bridge.settings, ports)];
}

function anyConfig(random: Random, pick: Pick): LabConfig {
  const defaults = defaultLabConfig();
  return {
    ...defaults,
    ...anySettings(MACHINE_SETTINGS, 4, random, pick),
    kernel: pick(...KERNEL_NAMES),
    quirks: pick(null, new Set<never>()),
    ramSizeBytes: 4 * GIB,
    iommu: { ...defaults.iommu, ...anySettings(IOMMU_SETTINGS, 2, random, pick) },
    swiotlb: { ...defaults.swiotlb, ...anySettings(SWIOTLB_SETTINGS, 6, random, pick) },
    pci: anyTree(random, pick),
  };
}

/** Builds it, or tells why there is no such machine, and uses all of its devices. */
export function runLab(seed: number, sink: Sink): void {
  const random = new Random(seed);
  const pick: Pick = (...from) => from[random.below(from.length)]!;
  const config = anyConfig(random, pick);
  let lab: Lab;
  try {
    lab = buildLab(config);
  } catch (error) {
    sink(String(error));
    return;
  }
  for (const func of lab.topology.functions) {
    sink(`${func.address} ${func.name} ${func.role} ${JSON.stringify(func.bars)}`);
  }
  const watch = watchMachine(lab.machine, sink, MAX_EVENTS);
  const use = new LabUse(lab, random, pick, sink);
  for (let left = STEPS; left > 0; left--) use.step();
  use.settle();
  watch.end();
}

class LabUse {
  readonly #disks: readonly NvmeDisk[];
  readonly #functions: readonly PciFunction[];
  readonly #ios: Io[] = [];
  readonly #lent: [PciFunction, PhysAddr][] = [];
  #fault: ArmedInjection | null = null;

  constructor(
    readonly lab: Lab,
    readonly random: Random,
    readonly pick: Pick,
    readonly sink: Sink,
  ) {
    this.#disks = [...lab.devices.values()]
      .flatMap((device) => device.kind === "nvme" ? [device.disk] : []);
    this.#functions = lab.topology.functions;
  }

  /** One thing; what it comes to is reported, an error too. */
  step(): void {
    const { lab: { machine }, pick, random, sink } = this;
    if (random.below(8) === 0 && this.#fault === null) {
      const nth = 1 + random.below(4);
      this.#fault = new ArmedInjection(random.below(INJECTION_POINTS.length), nth, nth);
      machine.armInjection(this.#fault);
    }
    try {
      sink(String(
        pick<() => unknown>(
          () => this.#submit(),
          () => this.#submit(),
          () => this.#submit(),
          () => this.#peers(),
          () => this.#peers(),
          () => this.#map(),
          () => this.#run(random.below(60)),
          () => this.#run(ACTIVITIES),
          () => machine.advance(pick(1000, 1e6, 1e9, 31e9)),
          () => (machine.cpu = random.below(machine.config.cpus)),
          () => random.below(6) === 0 && pick(...this.#disks).driver.reset(),
          () => random.below(12) === 0 && pick(...this.#disks).driver.remove(),
        )(),
      ));
    } catch (error) {
      sink(String(error));
    }
    if (this.#fault !== null && random.below(4) === 0) this.#calm();
  }

  settle(): void {
    this.#calm();
    for (let left = 40; left > 0 && this.#ios.some(({ done }) => !done); left--) {
      this.#run(ACTIVITIES);
      this.lab.machine.advance(1e9);
    }
    for (const { done, status } of this.#ios) this.sink(`${done} ${status}`);
  }

  #calm(): void {
    if (this.#fault !== null) this.lab.machine.disarmFault(this.#fault);
    this.#fault = null;
  }

  #run(most: number): number {
    let ran = 0;
    while (ran < most && this.lab.machine.runNextActivity()) ran++;
    return ran;
  }

  /** Memory of one to six pieces, some of it a peer's, some side by side. */
  #memory(blockBytes: number): { phys: PhysAddr; sizeBytes: number }[] {
    const { pick, random } = this;
    const unit = Math.max(blockBytes, 512);
    return Array.from({ length: 1 + random.below(6) }, (_, index) => {
      const sizeBytes = unit * pick(1, 1, 2, 8, 16);
      const own = GIB + index * pick(MIB, 8192) + pick(0, 0, 512, 4);
      const lent = this.#lent.at(-1);
      const phys = random.below(5) === 0 && lent !== undefined ? lent[1] : own;
      return { phys: phys as PhysAddr, sizeBytes };
    });
  }

  #submit(): string {
    const { pick, random } = this;
    const disk = pick(...this.#disks);
    const op = pick<DiskOp>("read", "write", "read", "write", "flush", "discard", "write_zeroes");
    const lba = random.below(64);
    const queue = 1 + random.below(disk.queueCount);
    const sizeBytes = disk.blockSizeBytes * (1 + random.below(20));
    const io = op === "read" || op === "write"
      ? disk.submit(op, { lba, queue, buffer: { segments: this.#memory(disk.blockSizeBytes) } })
      : disk.submit(op, { queue, ...op === "flush" ? {} : { lba, sizeBytes } });
    this.#ios.push(io);
    return op;
  }

  /** Memory that functions lend each other, the ways to it, and who leaves. */
  #peers(): unknown {
    const { lab: { topology }, pick, random } = this;
    const { providers } = topology;
    const func = pick(...this.#functions);
    const other = pick(...this.#functions);
    switch (random.below(9)) {
      case 0:
      case 1: {
        const phys = providers.alloc(func, pick(4096, 8192, 65536, 1));
        if (phys !== null) this.#lent.push([func, phys]);
        return phys;
      }
      case 2: {
        const lent = this.#lent.pop();
        return lent !== undefined && providers.free(...lent);
      }
      case 3:
        return topology.distance(func, [other, pick(...this.#functions)], pick(true, false));
      case 4:
        return topology.kind(func, other);
      case 5: {
        const mapping = providers.userMap(func, { sizeBytes: pick(1, 4096, 12288) });
        if (typeof mapping === "number") return mapping;
        if (random.below(2) === 0) providers.userUnmap(func, mapping);
        return mapping.pages;
      }
      case 6:
        return providers.publish(func, pick(true, false));
      case 7:
        return random.below(8) === 0 && providers.unbind(func);
      default: {
        const lent = this.#lent.at(-1);
        return lent === undefined
          ? providers.busAddress(func, null)
          : providers.busAddress(...lent);
      }
    }
  }

  /** A device's own mapping, used and ended, and an access to anywhere. */
  #map(): unknown {
    const { lab: { devices, machine }, pick, random } = this;
    const { dma: dev } = pick(...devices.values());
    const { bus, dma } = machine;
    const bytes = new Uint8Array(64);
    const access = (at: number) =>
      pick(true, false) ? bus.read(dev, at, bytes, 0, 64) : bus.write(dev, at, bytes, 0, 64);
    if (random.below(3) === 0) {
      const list = new Scatterlist(this.#memory(512));
      const outputs = dma.dmaMapSg(dev, list, DMA_BIDIRECTIONAL);
      if (outputs === 0) return "none";
      const seen = Array.from({ length: outputs }, (_, at) => access(list.dmaAddressAt(at)));
      dma.dmaUnmapSg(dev, list, DMA_BIDIRECTIONAL);
      return seen;
    }
    const [{ phys, sizeBytes }] = this.#memory(512) as [{ phys: PhysAddr; sizeBytes: number }];
    const mapped: DmaAddr = dma.dmaMapPhys(dev, phys, sizeBytes, DMA_BIDIRECTIONAL);
    if (dma.dmaMappingError(dev, mapped) !== 0) return "not mapped";
    const seen = [access(mapped), access(pick(mapped + 4096, phys, 0x8000_0000))];
    dma.dmaUnmapPhys(dev, mapped, sizeBytes, DMA_BIDIRECTIONAL);
    return seen;
  }
}
