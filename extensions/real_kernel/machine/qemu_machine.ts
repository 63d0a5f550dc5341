/**
 * Translates a scenario's machine into a QEMU machine and a kernel command line.
 *
 * QEMU cannot emulate every machine. If QEMU cannot express a key of the machine, and the key
 * changes no mapping of an NVMe request, the key is changed in the model and in QEMU, and the
 * change is printed. With any other key that QEMU cannot express, the test is not run.
 */
import { type BlockSettings, type LabConfig, NVME, type PciNodeConfig } from "@dmalab/devices";
import { formatSize } from "@dmalab/lang/text";
import {
  GIB,
  IOMMU_SETTINGS,
  type IommuModel,
  KIB,
  MACHINE_SETTINGS,
  type MachineConfig,
  MIB,
} from "@dmalab/runtime";
import { externalPortsTable } from "./external_ports.ts";
import { ARCHITECTURES, type GuestArchitecture } from "./architectures.ts";
import { QEMU_7_2, type QemuProgram } from "./qemu_program.ts";

/** A disk of the machine. */
export interface QemuDisk {
  /**
   * The name of the scenario's block for the disk. In the guest, the disk's serial number is this
   * name.
   */
  readonly name: string;
  /** Files in the queue's sysfs folder, with the values to write. */
  readonly queue: ReadonlyMap<string, string>;
  /** The disk's configuration on both sides, with defaults. */
  readonly settings: NvmeSettings;
}

export interface QemuMachine {
  readonly qemu: QemuProgram;
  /** Arguments of QEMU for CPUs, IOMMU, ports and controllers. */
  readonly args: readonly string[];
  /** The body of an ACPI table (SSDT) that is added to QEMU's firmware; null for none. */
  readonly firmwareTable: Uint8Array<ArrayBuffer> | null;
  /** Words of the kernel's command line. */
  readonly append: readonly string[];
  /** The module of the IOMMU's driver; null if the kernel has no need of one. */
  readonly iommuModule: string | null;
  /** Parameters of the module `nvme`. */
  readonly nvmeParameters: readonly string[];
  readonly disks: readonly QemuDisk[];
  /** The scenario's machine with the changes that QEMU needs: the model runs on this machine. */
  readonly config: LabConfig;
  /** The changes that QEMU needs, as sentences. */
  readonly changes: readonly string[];
  /** Keys that QEMU cannot express, with the reason; tests on this machine are not run. */
  readonly missing: readonly string[];
  /** Machines with an equal text share one guest; null if the machine shares its guest with no other. */
  readonly sharing: string | null;
}

/** The QEMU machine of a guest that has the disks of several machines. */
export interface SharedMachine {
  readonly machine: QemuMachine;
  /** For each disk, the address of its root port, and the type of its group's domain; null for the kernel's own choice. */
  readonly domains: readonly { readonly port: string; readonly type: string | null }[];
}

const ONE_PAGE_BYTES = 4 * KIB;
/**
 * Latency of a disk's commands. If a completion interrupts the handler of a probe, other probes miss
 * their hits. Therefore the latency is so long that the completion arrives after the call has sent all
 * its requests.
 */
const DISK_LATENCY_NS = 3_000_000;
/** Latency for a capture: with the capture's probes a call takes longer. */
export const CAPTURE_LATENCY_NS = 40_000_000;
/** Serial numbers of NVMe controllers have 20 characters. */
const MAX_SERIAL = 20;
const SLOT_BYTES = 2 * KIB;
const MAX_CPUS = 8;
/** Number of the root bus that the IOMMU of a shared guest does not translate. */
const UNTRANSLATED_BUS = 0x80;
const UNTRANSLATED = "untranslated";
/** Device number of the first controller on the root bus. */
const FIRST_ROOT_DEVICE = 8;
/** Ports that are placed by number get device numbers of the root bus from the first to the last of these. */
const FIRST_PLACED_PORT = 16;
const LAST_PLACED_PORT = 30;
/**
 * Least RAM of a guest with an external-facing port. It is more than usual, so that a part of it is
 * above 4 GiB. Only with such memory does the kernel have a bounce pool as well as an IOMMU.
 */
const EXTERNAL_MEMORY_BYTES = 3 * GIB;

type NvmeSettings = BlockSettings<"nvme">;
type IommuConfig = LabConfig["iommu"];

/** The tracepoint of a mapping. */
const BOOT_EVENT = "iommu:map";

/** An IOMMU that QEMU can emulate. */
interface QemuIommu {
  readonly name: string;
  readonly addressBits: readonly number[];
  readonly architecture: GuestArchitecture;
  /** The arguments that add the IOMMU. */
  readonly argsOf: (
    iommu: IommuConfig,
    qemu: QemuProgram,
    intremap: Switch,
  ) => readonly string[];
  /** Words of the kernel's command line that enable the IOMMU. */
  readonly words: readonly string[];
  /** Whether the IOMMU translates only devices on the root bus. */
  readonly isOfRootBus: boolean;
  /**
   * Whether the IOMMU always reports that it caches non-present entries, whatever the scenario
   * says.
   */
  readonly cachesAbsent: boolean;
  /** The module of its driver, if kernels of distributions do not build the driver in; else null. */
  readonly module: string | null;
  /** Properties that QEMU's VT-d must have, each with its description for messages. */
  readonly needs: Partial<Readonly<Record<"scalableMode" | "firstStage", string>>>;
}

/** Whether the IOMMU remaps interrupts. */
type Switch = "on" | "off";

/** The arguments for VT-d. @param more More properties, each with a comma before it. */
const intelDevice = (
  { addressBits, cachingMode }: IommuConfig,
  intremap: Switch,
  more = "",
) => [
  "-device",
  `intel-iommu,intremap=${intremap},aw-bits=${addressBits},caching-mode=${
    cachingMode ? "on" : "off"
  }${more}`,
];

const VTD = {
  name: "QEMU's VT-d",
  architecture: "x86_64",
  addressBits: [39, 48],
  isOfRootBus: false,
  cachesAbsent: false,
  module: null,
  needs: {},
} as const;

const SCALABLE = {
  ...VTD,
  words: ["intel_iommu=on,sm_on"],
  needs: { scalableMode: "scalable mode" },
} as const;

const QEMU_IOMMUS = {
  vtd: {
    ...VTD,
    argsOf: (iommu, _, intremap) => intelDevice(iommu, intremap),
    words: ["intel_iommu=on"],
  },
  vtd_scalable: {
    ...SCALABLE,
    argsOf: (iommu, { scalableMode }, intremap) =>
      intelDevice(iommu, intremap, `,${scalableMode}=on`),
  },
  vtd_first_stage: {
    ...SCALABLE,
    addressBits: [48],
    argsOf: (iommu, { firstStage, scalableMode }, intremap) =>
      intelDevice(iommu, intremap, `,${scalableMode}=on,${firstStage}=on`),
    needs: { ...SCALABLE.needs, firstStage: "first-stage tables" },
  },
  amd: {
    name: "QEMU's AMD IOMMU",
    architecture: "x86_64",
    addressBits: [64],
    argsOf: (_iommu, _qemu, intremap) => ["-device", `amd-iommu,intremap=${intremap}`],
    words: [],
    isOfRootBus: true,
    cachesAbsent: true,
    module: null,
    needs: {},
  },
  virtio: {
    name: "QEMU's virtio-iommu",
    architecture: "x86_64",
    addressBits: [64],
    argsOf: () => ["-device", "virtio-iommu-pci,bus=pcie.0"],
    words: [],
    isOfRootBus: false,
    cachesAbsent: false,
    module: "virtio_iommu",
    needs: {},
  },
  smmu: {
    name: "QEMU's SMMUv3",
    architecture: "arm64",
    addressBits: [48],
    argsOf: () => ["-machine", "iommu=smmuv3"],
    // The page of the message doorbell is mapped before the guest's program runs.
    words: [`trace_event=${BOOT_EVENT}`],
    isOfRootBus: false,
    cachesAbsent: false,
    module: null,
    needs: {},
  },
} as const satisfies Partial<Readonly<Record<IommuModel, QemuIommu>>>;

/** Modules of drivers of IOMMUs, and the folders of a kernel's modules that have them. */
export const IOMMU_MODULES: readonly string[] = Object.values(QEMU_IOMMUS).flatMap((
  { module },
) => module ?? []);
export const IOMMU_FOLDERS: readonly string[] = ["drivers/iommu", "drivers/virtio"];

const ROOT_BUS_ALONE = `${QEMU_IOMMUS.amd.name} is for the root bus alone`;

/** Collects the parts of a machine while its blocks are visited. */
class QemuBuilder {
  readonly args: string[] = [];
  readonly append: string[] = [];
  readonly disks: QemuDisk[] = [];
  readonly changes: string[] = [];
  readonly missing: string[] = [];
  readonly parameters = new Map<string, string>();
  /** Device numbers of external-facing ports. */
  readonly external: number[] = [];
  /** Words of the kernel's command line for the mode of the IOMMU. */
  modeWords: readonly string[] = [];
  /** Added to a disk's name where several disks have the same name. */
  suffix = "";
  /** The newest device number that was given to a port. */
  lastPort = FIRST_PLACED_PORT - 1;
  /**
   * Off if a disk is on a bus that the IOMMU does not translate: its interrupts would be lost
   * (findings/qemu-bypass-iommu-interrupts.sh). No mapping depends on it.
   */
  intremap: Switch = "on";
  #hasUntranslatedBus = false;
  #ports = 0;
  #rootDevices = 0;

  /**
   * @param isFlat Whether all controllers are placed on the root bus, because the IOMMU translates
   *   no controllers elsewhere.
   * @param isShared Whether the guest finds each port by its place.
   */
  constructor(
    private readonly latencyNs: number,
    private readonly isFlat: boolean,
    readonly qemu: QemuProgram,
    private readonly isShared: boolean = false,
  ) {}

  /** A root bus that bypasses the IOMMU, for the disk of a machine without an IOMMU. */
  untranslatedBus(): string {
    if (!this.#hasUntranslatedBus) {
      const bus = `bus_nr=${UNTRANSLATED_BUS},bus=pcie.0,bypass_iommu=on`;
      this.args.push("-device", `pxb-pcie,id=${UNTRANSLATED},${bus}`);
      this.#hasUntranslatedBus = true;
    }
    return UNTRANSLATED;
  }

  /** Translates the blocks below a bus; returns them with the changes that QEMU needs. */
  nodes(list: readonly PciNodeConfig[], bus: string): PciNodeConfig[] {
    return list.map((node) => this.#node(node, bus));
  }

  #node(node: PciNodeConfig, bus: string): PciNodeConfig {
    switch (node.kind) {
      case "host_bridge":
        return { ...node, children: this.nodes(node.children, bus) } as PciNodeConfig;
      case "root_port": {
        return this.#rootPort(node, bus);
      }
      case "switch":
        return this.#switch(node, bus);
      case "nvme":
        return this.#disk(node, bus);
      case "endpoint":
      case "rdma":
      case "vfio":
        // Devices without NVMe requests do not affect the comparison.
        return node;
      default:
        this.missing.push(`${node.name}: a ${node.kind} block is not built in the guest`);
        return node;
    }
  }

  /** A port of QEMU has one device: each further device gets its own root port. */
  #rootPort(node: PciNodeConfig<"root_port">, bus: string): PciNodeConfig {
    const isExternal = node.settings.external === true;
    if (this.isFlat) {
      if (isExternal) this.missing.push(`${node.name}.external: ${ROOT_BUS_ALONE}`);
      return this.#withoutPort(node, bus);
    }
    if (isExternal && this.qemu.architecture !== "x86_64") {
      this.missing.push(`${node.name}.external: only firmware of x86-64 tells the kernel of it`);
    }
    const built = node.children.filter(({ kind }) => BUILT.has(kind));
    if (built.length > 1) {
      this.changes.push(
        `${node.name}: QEMU's port takes one device; each has a root port of its own`,
      );
    }
    const children = node.children.map((child) => {
      if (!BUILT.has(child.kind)) return child;
      const name = `port${++this.#ports}`;
      const place = `chassis=${this.#ports},slot=${this.#ports}`;
      const address = isExternal || this.isShared ? this.#portAddress(isExternal) : "";
      this.args.push("-device", `pcie-root-port,id=${name},bus=${bus}${address},${place}`);
      return this.#node(child, name);
    });
    return { ...node, children } as PciNodeConfig;
  }

  /**
   * The option that places a port on the root bus. The ACPI table names an external-facing port by
   * this place.
   */
  #portAddress(isExternal: boolean): string {
    const device = ++this.lastPort;
    if (isExternal) this.external.push(device);
    return `,addr=0x${device.toString(16)}`;
  }

  #withoutPort(node: PciNodeConfig, bus: string): PciNodeConfig {
    this.changes.push(
      `${node.name} is left out: ${QEMU_IOMMUS.amd.name} is for the root bus alone`,
    );
    return { ...node, children: this.nodes(node.children, bus) } as PciNodeConfig;
  }

  /** Each block inside a switch is below a downstream port. */
  #switch(node: PciNodeConfig, bus: string): PciNodeConfig {
    if (this.isFlat) return this.#withoutPort(node, bus);
    this.args.push("-device", `x3130-upstream,id=${node.name},bus=${bus}`);
    const children = node.children.map((child) => {
      if (!BUILT.has(child.kind)) return child;
      const name = `port${++this.#ports}`;
      const place = `chassis=${this.#ports},slot=${this.#ports}`;
      this.args.push("-device", `xio3130-downstream,id=${name},bus=${node.name},${place}`);
      return this.#node(child, name);
    });
    return { ...node, children } as PciNodeConfig;
  }

  #disk(node: PciNodeConfig<"nvme">, bus: string): PciNodeConfig {
    const { name, settings } = node;
    const rows = NVME.settings;
    const valueOf = <P extends keyof NvmeSettings & keyof typeof rows>(property: P) =>
      settings[property] ?? (rows[property] as { readonly default?: unknown }).default;
    const mdtsBytes = this.#mdtsBytes(name, valueOf("mdtsBytes") as number | null);
    const queues = valueOf("queues") as number;
    const metadataBytes = valueOf("metadataBytes") as number;
    const blockSizeBytes = valueOf("blockSizeBytes") as number;
    const capacityBytes = valueOf("capacityBytes") as number;
    if (name.length > MAX_SERIAL) this.missing.push(`${name}: a serial number has 20 characters`);
    for (const property of Object.keys(settings) as (keyof NvmeSettings)[]) {
      if (SAID_OF_DISK.has(property)) continue;
      const row = rows[property as keyof typeof rows] as {
        readonly key: string;
        readonly default?: unknown;
      };
      if (settings[property] === row.default) continue;
      this.missing.push(`${name}.${row.key}: QEMU's controller has no such setting`);
    }
    const place = bus === "pcie.0"
      ? `,addr=0x${(FIRST_ROOT_DEVICE + this.#rootDevices++).toString(16)}`
      : "";
    const id = `${name}${this.suffix}`;
    const mdts = mdtsBytes === null ? 0 : Math.log2(mdtsBytes / ONE_PAGE_BYTES);
    this.args.push(
      "-blockdev",
      `driver=null-co,node-name=${id}-media,size=${capacityBytes},read-zeroes=on` +
        `,latency-ns=${this.latencyNs}`,
      "-device",
      `nvme,id=${id},bus=${bus}${place},serial=${id},mdts=${mdts},max_ioqpairs=${queues}` +
        `,msix_qsize=${queues + 1}`,
      "-device",
      `nvme-ns,drive=${id}-media,bus=${id},logical_block_size=${blockSizeBytes}` +
        `,physical_block_size=${blockSizeBytes},ms=${metadataBytes},mset=0`,
    );
    const queue = new Map<string, string>();
    const nomerges = valueOf("nomerges") as number;
    if (nomerges !== 0) queue.set("nomerges", String(nomerges));
    if (valueOf("scheduler") === "mq_deadline") queue.set("scheduler", "mq-deadline");
    else queue.set("scheduler", "none");
    const softLimitBytes = valueOf("softLimitBytes") as number;
    if (softLimitBytes !== 0) queue.set("max_sectors_kb", String(softLimitBytes / KIB));
    const common = this.#commonSettings(name, { ...settings, mdtsBytes });
    this.disks.push({ name: id, queue, settings: { ...defaultSettings(), ...common } });
    this.#parameter(
      "sgl_threshold",
      common.sglThresholdBytes ?? rows.sglThresholdBytes.default,
      name,
    );
    return { ...node, settings: common };
  }

  #mdtsBytes(name: string, wanted: number | null): number | null {
    const { mostMdtsBytes: most, version } = this.qemu;
    if (most === null || wanted !== null && wanted <= most) return wanted;
    this.changes.push(
      `${name}.mdts = ${formatSize(most)}: the controller of QEMU ${version} takes no larger one`,
    );
    return most;
  }

  /**
   * QEMU's controller always reads SGLs for data, and in some releases also for metadata. To
   * emulate a controller without SGLs, the driver is configured not to use SGLs (`sgl_threshold`
   * 0).
   */
  #commonSettings(name: string, settings: NvmeSettings): NvmeSettings {
    const { readsMetadataSgls: metadataSgl, version } = this.qemu;
    if ((settings.metadataSgl === true) !== metadataSgl) {
      this.changes.push(
        metadataSgl
          ? `${name}.metadata_sgl = true: the controller of QEMU ${version} reads SGLs for metadata`
          : `${name}.metadata_sgl = false: QEMU's controller reads none for metadata`,
      );
    }
    if (settings.sgl === true) return { ...settings, metadataSgl };
    this.changes.push(
      `${name}.sgl = true, ${name}.sgl_threshold = 0: QEMU's controller always reads SGLs`,
    );
    return { ...settings, sgl: true, metadataSgl, sglThresholdBytes: 0 };
  }

  /** Sets a parameter of the driver. The parameter applies to all controllers of the driver. */
  #parameter(key: string, value: number, disk: string): void {
    const known = this.parameters.get(key);
    if (known !== undefined && known !== String(value)) {
      this.missing.push(`${disk}.${key}: it is one parameter of the driver for all controllers`);
    }
    this.parameters.set(key, String(value));
  }
}

function defaultSettings(): NvmeSettings {
  return Object.fromEntries(
    Object.entries(NVME.settings).map(([property, row]) => [
      property,
      (row as { readonly default?: unknown }).default,
    ]),
  ) as NvmeSettings;
}

/** Kinds of blocks that are built in the guest; other blocks do not affect the comparison. */
const BUILT: ReadonlySet<string> = new Set(["nvme", "switch", "bridge", "port"]);

/** Settings of a disk that are translated, or that do not affect the comparison. */
const SAID_OF_DISK: ReadonlySet<string> = new Set<keyof NvmeSettings>([
  "queues",
  "depth",
  "mdtsBytes",
  "sgl",
  "sglThresholdBytes",
  "metadataBytes",
  "metadataSgl",
  "blockSizeBytes",
  "capacityBytes",
  "scheduler",
  "nomerges",
  "softLimitBytes",
  // The disk's position and the driver's timeout affect no request of a test that is run.
  "at",
  "timeoutNs",
]);

/** Keys of the machine that do not affect the comparison. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set<keyof MachineConfig>([
  "cpus",
  "seed",
  "checker",
  "faults",
  "leaks",
  "pciP2pdma",
]);

/** Keys of the IOMMU that are translated, or that do not affect the comparison. */
const SAID_OF_IOMMU: ReadonlySet<string> = new Set([
  "mode",
  "model",
  "addressBits",
  "cachingMode",
  "forcedac",
  "iotlbEntries",
  "pageSizesBytes",
  "doorbellPhys",
  // The comparison pairs the device addresses of the model with those of the kernel, so that
  // reserved ranges do not matter.
  "reserved",
]);

/**
 * @param memoryBytes The guest's RAM.
 * @param latencyNs Latency of a disk's commands.
 * @param qemu The installed QEMU.
 */
export function qemuMachine(
  config: LabConfig,
  memoryBytes: number,
  latencyNs: number = DISK_LATENCY_NS,
  qemu: QemuProgram = QEMU_7_2,
): QemuMachine {
  const asked = iommuOf(config.iommu, qemu);
  const { mode, model } = asked;
  const isFlat = mode !== "off" && isBuilt(model) && QEMU_IOMMUS[model].isOfRootBus;
  const builder = new QemuBuilder(latencyNs, isFlat, qemu);
  const { args, append, changes, missing } = builder;
  if (config.cpus > MAX_CPUS) missing.push(`cpus: the guest has ${MAX_CPUS} at most`);
  for (const [property, row] of Object.entries(MACHINE_SETTINGS)) {
    if (WITHOUT_EFFECT.has(property)) continue;
    if (Reflect.get(config, property) !== row.default) {
      missing.push(`${row.key}: QEMU, or a kernel of a distribution, has no such setting`);
    }
  }
  if (config.regions.some(({ type }) => type === "mmio")) {
    missing.push("region: the guest has no such MMIO region");
  }
  if (config.quirks !== null) missing.push("quirks: a real kernel has the defects of its release");
  if (model !== config.iommu.model) {
    const { title } = ARCHITECTURES[qemu.architecture];
    changes.push(`iommu.model = ${model}: QEMU's machine for ${title} has no VT-d`);
  }
  if (config.iommu.doorbellPhys !== undefined && asked.doorbellPhys !== config.iommu.doorbellPhys) {
    changes.push(`iommu.msi_doorbell = 0x${asked.doorbellPhys!.toString(16)}: it is QEMU's`);
  }
  const iommu = translateIommu(asked, builder);
  translateSwiotlb(config, builder);
  append.push(...builder.modeWords);
  const pci = builder.nodes(config.pci, "pcie.0");
  const nvmeParameters = [...builder.parameters].map(([key, value]) => `${key}=${value}`);
  // On arm64, and behind an IOMMU whose driver is a module, a device has no group before its driver is bound.
  const hasGroups = qemu.architecture === "x86_64" && iommuModuleOf(model) === null;
  const canShare = hasGroups && missing.length === 0 && !isFlat && builder.disks.length === 1 &&
    isBelowPort(pci) && (mode !== "off" || builder.external.length === 0);
  return {
    qemu,
    args: [...args, ...sizeArgs(config, memoryBytes, builder)],
    firmwareTable: firmwareTableOf(builder),
    append,
    iommuModule: mode === "off" ? null : iommuModuleOf(model),
    nvmeParameters,
    disks: builder.disks,
    config: { ...config, iommu, pci },
    changes,
    missing,
    sharing: canShare
      ? JSON.stringify([sharedBase({ ...config, iommu }, qemu), nvmeParameters, config.cpus])
      : null,
  };
}

/** The part of a machine that is equal for all disks of a guest. */
function sharedBase(config: LabConfig, qemu: QemuProgram): unknown {
  const builder = new QemuBuilder(0, false, qemu);
  translateIommu({ ...config.iommu, mode: "strict" }, builder);
  translateSwiotlb(config, builder);
  return [builder.args, builder.append, config.iommu.model];
}

/** QEMU's arguments for the guest's RAM and CPUs. */
function sizeArgs(
  { cpus }: Pick<LabConfig, "cpus">,
  memoryBytes: number,
  { external }: QemuBuilder,
): readonly string[] {
  const ramBytes = external.length === 0
    ? memoryBytes
    : Math.max(memoryBytes, EXTERNAL_MEMORY_BYTES);
  return ["-m", `${ramBytes / MIB}M`, "-smp", String(Math.min(cpus, MAX_CPUS))];
}

function firmwareTableOf({ external }: QemuBuilder): Uint8Array<ArrayBuffer> | null {
  return external.length === 0 ? null : externalPortsTable(external);
}

/** Whether each disk is directly below a root port: a guest finds it by the port. */
function isBelowPort(nodes: readonly PciNodeConfig[]): boolean {
  return nodes.every(({ children, kind }) =>
    kind === "root_port"
      ? children.every((child) => child.kind === "nvme" || !BUILT.has(child.kind))
      : kind === "host_bridge"
      ? isBelowPort(children)
      : !BUILT.has(kind)
  );
}

/** Types of domains in sysfs that differ from the one of a strict kernel. */
const DOMAIN_TYPES: Partial<Readonly<Record<IommuConfig["mode"], string>>> = {
  lazy: "DMA-FQ",
  passthrough: "identity",
};

/**
 * The machine of one guest with the disks of several machines, of which `sharing` is equal. The kernel is
 * strict, and the guest gives each disk's group the type of its domain before it binds the driver.
 *
 * @returns Null if there are too many disks.
 */
export function sharedMachine(
  machines: readonly QemuMachine[],
  memoryBytes: number,
  latencyNs: number = DISK_LATENCY_NS,
): SharedMachine | null {
  const [first] = machines as [QemuMachine];
  const builder = new QemuBuilder(latencyNs, false, first.qemu, true);
  if (machines.some(({ config }) => config.iommu.mode === "off")) builder.intremap = "off";
  translateIommu({ ...first.config.iommu, mode: "strict" }, builder);
  translateSwiotlb(first.config, builder);
  const domains = machines.map(({ config }, index) => {
    builder.suffix = `.${index}`;
    const isOff = config.iommu.mode === "off";
    builder.nodes(config.pci, isOff ? builder.untranslatedBus() : "pcie.0");
    const bus = isOff ? UNTRANSLATED_BUS.toString(16) : "00";
    const port = `0000:${bus}:${builder.lastPort.toString(16)}.0`;
    return { port, type: DOMAIN_TYPES[config.iommu.mode] ?? null };
  });
  const isTooLong = builder.disks.some(({ name }) => name.length > MAX_SERIAL);
  if (builder.lastPort > LAST_PLACED_PORT || isTooLong) return null;
  return {
    machine: {
      ...first,
      args: [...builder.args, ...sizeArgs(first.config, memoryBytes, builder)],
      firmwareTable: firmwareTableOf(builder),
      append: [...builder.append, ...builder.modeWords],
      disks: builder.disks,
    },
    domains,
  };
}

/** The IOMMU of a guest: where there is no VT-d, which is the default, it is the machine's own. */
function iommuOf(iommu: IommuConfig, { architecture }: QemuProgram): IommuConfig {
  const { doorbellPhys, iommu: usual } = ARCHITECTURES[architecture];
  const model = iommu.model === IOMMU_SETTINGS.model.default ? usual ?? iommu.model : iommu.model;
  return doorbellPhys === null ? { ...iommu, model } : { ...iommu, model, doorbellPhys };
}

/** @returns The IOMMU for both sides, with the changes that QEMU needs. */
function translateIommu(iommu: IommuConfig, builder: QemuBuilder): IommuConfig {
  const { append, args, missing, qemu } = builder;
  const { mode, model } = iommu;
  if (mode === "off") return iommu;
  if (!isBuilt(model) || QEMU_IOMMUS[model].architecture !== qemu.architecture) {
    const built = Object.entries(QEMU_IOMMUS).filter(([, { architecture }]) =>
      architecture === qemu.architecture
    );
    const { title } = ARCHITECTURES[qemu.architecture];
    missing.push(
      built.length === 0
        ? `iommu.mode = ${mode}: Debian's kernels for ${title} map no memory by an IOMMU`
        : `iommu.model = ${model}: a guest for ${title} has ${
          built.map(([name]) => name).join(", ")
        }`,
    );
    return iommu;
  }
  const { addressBits, argsOf, cachesAbsent, name, needs, words }: QemuIommu = QEMU_IOMMUS[model];
  const lacks = Object.entries(needs).filter(([property]) =>
    qemu[property as keyof QemuIommu["needs"]] === null
  );
  for (const [, what] of lacks) {
    missing.push(`iommu.model = ${model}: the VT-d of QEMU ${qemu.version} has no ${what}`);
  }
  if (lacks.length > 0) return iommu;
  if (!addressBits.includes(iommu.addressBits)) {
    const has = addressBits.join(" or ");
    missing.push(`iommu.address_bits = ${iommu.addressBits}: ${name} has ${has}`);
  }
  for (const [property, row] of Object.entries(IOMMU_SETTINGS)) {
    if (SAID_OF_IOMMU.has(property)) continue;
    const value = Reflect.get(iommu, property);
    const fallback = (row as { readonly default?: unknown }).default;
    if (value !== undefined && value !== fallback) {
      missing.push(`iommu.${row.key}: ${name} has no such setting`);
    }
  }
  if (iommu.cachingMode && qemu.architecture === "arm64") {
    missing.push(`iommu.caching_mode = true: ${name} has no caching mode`);
  }
  const built = cachesAbsent ? withCaching(iommu, name, builder) : iommu;
  args.unshift(...argsOf(built, qemu, builder.intremap));
  append.push(...words);
  builder.modeWords = translationWords(iommu.mode);
  if (iommu.forcedac) append.push("iommu.forcedac=1");
  return built;
}

/** Words of the kernel's command line for the mode of an IOMMU. */
function translationWords(mode: IommuConfig["mode"]): readonly string[] {
  return mode === "passthrough"
    ? ["iommu.passthrough=1"]
    : [`iommu.passthrough=0 iommu.strict=${mode === "strict" ? 1 : 0}`];
}

/** The module of the driver of an IOMMU model; null if none has to be loaded. */
export function iommuModuleOf(model: IommuModel): string | null {
  return isBuilt(model) ? QEMU_IOMMUS[model].module : null;
}

/** Properties that QEMU's VT-d must have for an IOMMU model. */
export function needsOf(model: IommuModel): readonly string[] {
  return isBuilt(model) ? Object.keys(QEMU_IOMMUS[model].needs) : [];
}

function isBuilt(model: IommuModel): model is keyof typeof QEMU_IOMMUS {
  return Object.hasOwn(QEMU_IOMMUS, model);
}

/** The IOMMU with caching mode: the kernel then flushes new mappings and is never lazy. */
function withCaching(
  iommu: IommuConfig,
  name: string,
  { changes, missing }: QemuBuilder,
): IommuConfig {
  if (iommu.cachingMode) return iommu;
  const reason = `${name} caches absent entries`;
  if (iommu.mode === "lazy") missing.push(`iommu.caching_mode = false: ${reason}, and is strict`);
  else changes.push(`iommu.caching_mode = true: ${reason}`);
  return { ...iommu, cachingMode: true };
}

function translateSwiotlb({ swiotlb }: LabConfig, { append, changes, missing }: QemuBuilder): void {
  if (swiotlb.dynamic) missing.push("swiotlb.dynamic: kernels of distributions do not have it");
  const words = [String(swiotlb.sizeBytes / SLOT_BYTES)];
  if (swiotlb.areas !== null) words.push(String(swiotlb.areas));
  if (swiotlb.force) words.push("force");
  if (swiotlb.sizeBytes > 512 * MIB) {
    missing.push(`swiotlb.size: the guest has no room for ${formatSize(swiotlb.sizeBytes)}`);
    return;
  }
  if (swiotlb.force || swiotlb.sizeBytes !== 64 * MIB) append.push(`swiotlb=${words.join(",")}`);
  if (swiotlb.basePhys !== undefined) {
    changes.push("swiotlb.at is left out: the kernel chooses where its pool lies");
  }
}

/** The guest's RAM, for buffers in a number of huge pages and a bounce pool. */
export function guestMemoryBytes(hugePages: number, poolBytes: number): number {
  const wanted = GIB + 2 * MIB * hugePages + poolBytes;
  return Math.ceil(wanted / (256 * MIB)) * 256 * MIB;
}
