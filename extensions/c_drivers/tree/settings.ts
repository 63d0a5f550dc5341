/**
 * The configuration with which a tree is compiled. It consists of a table of symbols that must be
 * on or off so that the lab's results are right, and of the further symbols that a file needs
 * according to the tree's own makefiles and Kconfig files.
 */
import type { Architecture } from "./architecture.ts";
import { closureOf, type Kconfig, lackingOf } from "./kconfig.ts";
import { PAGE_STRUCT_BYTES } from "../c_addresses.ts";
import type { Makefiles } from "./makefile.ts";
import { MODULE_FOLDER, TreeError } from "@dmalab/runtime/kernels";

/**
 * Symbols that must be set: without them, the same source would compile to code with wrong results.
 * Each value is the reason for its symbol.
 */
const REQUIRED: Readonly<Record<string, string>> = {
  BUG: "without it BUG() is an endless loop and WARN() prints nothing",
  DMA_API_DEBUG:
    "without it dma_mapping_error() leaves no trace, and every mapping looks unchecked",
  DMA_NEED_SYNC:
    "without it every dma_sync_*() and dma_need_unmap() is empty, and drivers do not unmap",
  HAS_DMA: "without it every mapping function fails",
  IOMMU_DMA: "without it the two-step functions are empty",
  NEED_DMA_MAP_STATE: "without it dma_unmap_addr() is 0 and unmaps are given no address",
  NEED_SG_DMA_FLAGS: "without it peer-to-peer segments of a list look like memory",
  NEED_SG_DMA_LENGTH: "without it sg_dma_len() is the length before mapping",
  SWIOTLB: "without it is_swiotlb_active() is false",
};

/** Symbols of an architecture, which are declared only in Kconfig files of `arch/`. */
const MACHINE: Readonly<Record<string, string>> = {
  "64BIT": "1",
  MMU: "1",
  // Without SMP, locks would be compiled away.
  SMP: "1",
  NR_CPUS: "16",
  LITTLE_ENDIAN: "1",
  // Gives `struct page` 64 bytes, as the lab's page map assumes.
  HAVE_ALIGNED_STRUCT_PAGE: "1",
  HAS_IOPORT: "1",
  HAS_IOPORT_MAP: "1",
  GENERIC_IOMAP: "1",
  HAVE_EFFICIENT_UNALIGNED_ACCESS: "1",
  PGTABLE_LEVELS: "4",
  NODES_SHIFT: "0",
  HZ: "1000",
  HZ_1000: "1",
  PHYSICAL_START: "0",
  ILLEGAL_POINTER_VALUE: "0xdead000000000000",
  ARCH_FORCE_MAX_ORDER: "10",
  PAGE_BLOCK_MAX_ORDER: "10",
  DEFAULT_MMAP_MIN_ADDR: "4096",
  LOG_BUF_SHIFT: "17",
  RCU_FANOUT: "64",
  MAX_SKB_FRAGS: "17",
  FRAME_WARN: "2048",
  CC_IS_CLANG: "1",
  CLANG_VERSION: "220000",
  GCC_VERSION: "0",
  AS_VERSION: "220000",
  MODULES: "1",
  GENERIC_MSI_IRQ: "1",
};

/** Symbols for the equipment of a lab machine: subsystems with structures that drivers share. */
const PRESENT: readonly string[] = [
  ...["ARCH_DMA_ADDR_T_64BIT", "PHYS_ADDR_T_64BIT", "DMA_OPS_HELPERS", "ZONE_DMA32"],
  ...["BITREVERSE", "BLK_DEV_INTEGRITY", "BLK_MQ_PCI", "BLOCK", "CRYPTO", "ETHERNET", "FLATMEM"],
  ...["GENERIC_CLOCKEVENTS", "GENERIC_HARDIRQS", "HAS_IOMEM", "HAVE_CLK", "HAVE_PCI"],
  ...["HMM_MIRROR", "INET", "IOMMU_API", "IOMMU_IOVA", "IOMMU_SUPPORT", "IRQ_DOMAIN"],
  ...["IRQ_DOMAIN_HIERARCHY", "IRQ_MSI_IOMMU", "MIGRATION", "MMU_NOTIFIER", "MODULE_UNLOAD", "NET"],
  ...["NETDEVICES", "OF", "PCI", "PCI_MSI", "PCI_P2PDMA", "PM", "PM_SLEEP", "PRINTK", "PROC_FS"],
  ...["REGMAP", "SG_POOL", "SLUB", "SYSFS", "TREE_RCU", "TREE_SRCU", "UNINLINE_SPIN_UNLOCK"],
  ...["ZONE_DEVICE", "DMADEVICES", "DMA_ENGINE", "PERF_EVENTS", "COMMON_CLK", "GENERIC_PHY"],
  ...[
    "CPU_FREQ",
    "FW_LOADER",
    "GPIOLIB",
    "HAVE_CLK_PREPARE",
    "MFD_SYSCON",
    "PM_OPP",
    "RESET_CONTROLLER",
  ],
];

/**
 * Symbols that distributions set, for an out-of-tree module. A fixed list is used because no Kconfig file
 * lists the symbols that such a module needs.
 */
const OF_DISTRIBUTIONS: readonly string[] = [
  ...[
    "DEBUG_FS",
    "TTY",
    "SERIAL_CORE",
    "UIO",
    "I2C",
    "SPI",
    "HWMON",
    "PTP_1588_CLOCK",
  ],
  ...["DMA_SHARED_BUFFER", "CRC32", "LEDS_CLASS", "INPUT", "NVMEM", "THERMAL", "VLAN_8021Q", "DRM"],
  ...["DCB", "PCI_IOV", "PCI_ATS", "IPV6", "MII", "PHYLIB", "BQL", "XPS", "RFS_ACCEL", "PAGE_POOL"],
  ...["NET_RX_BUSY_POLL", "NET_POLL_CONTROLLER", "EVENTFD", "FB", "HID", "SCSI", "CAN", "CAN_DEV"],
  ...["USB", "RTC_CLASS", "PPS", "IIO", "BACKLIGHT_CLASS_DEVICE", "AUXILIARY_BUS", "CFG80211"],
  ...["MAC80211", "MTD", "ATA", "MEDIA_SUPPORT", "MEDIA_CAMERA_SUPPORT", "V4L2_MEM2MEM_DEV"],
  ...[
    "SOUND",
    "SND",
    "SND_PCM",
    "VIDEO_DEV",
    "INFINIBAND",
    "NET_DEVLINK",
    "SYNC_FILE",
    "IRQ_WORK",
    "PCIE_PTM",
  ],
];

/** Symbols of other architectures and their buses. */
const MACHINES: readonly RegExp[] = [
  /^(?:X86|ARM64|ARM$|MIPS|PPC|SPARC|ALPHA|S390|PARISC|IA64|M68K|SUPERH|SH_|RISCV|LOONGARCH|XTENSA)/,
  /^(?:MACH_|ATARI|AMIGA|MAC$|SGI|MCA$|E?ISA$|ISA_DMA_API|(?:ISA)?PNP$|QE$|CPM.?$|FSL_SOC$|UML$)/,
];

/**
 * Symbols that are never set, even if other symbols select or need them. Some require assembler, or
 * sections that the linker collects. Others are the kernel's own debugging, which would report the
 * same errors as the lab's checks.
 */
const ABSENT: readonly RegExp[] = [
  // The lab has no console: a frame buffer's driver would be called by it.
  /^(?:VT$|FRAMEBUFFER_CONSOLE)/,
  /^(?:ACPI|DMI$|EFI$|HV_|HYPERV|XEN|KVM|VIRTUALIZATION|COMPAT$|HIGHMEM|ZONE_DMA$|NUMA$|SPARSEMEM)/,
  /^(?:HAVE_|CPU_|ARCH_(?!HAS_DMA_PREP_COHERENT)|GENERIC_(?!ALLOCATOR|PHY)|PM_GENERIC_DOMAINS)/,
  /^(?:DEBUG_(?!FS$)|LOCKDEP|PROVE_|KASAN|KCSAN|KMSAN|STACKTRACE|MAGIC_SYSRQ|.*KUNIT)/,
  /^(?:FUNCTION_TRACER|TRACING|FTRACE|TRACEPOINTS|EVENT_TRACING|JUMP_LABEL|BPF_JIT|RUST|MODULE_SIG)/,
  /^(?:MEMCG|CGROUP|BLK_CGROUP|SWAP$|TRANSPARENT|HUGETLB|MEMORY_(?!ISOLATION)|USER_RETURN|KEXEC|CRASH_DUMP)/,
  /^(?:PREEMPT|HOTPLUG_CPU|SMP$|MMIOWB|EXPERT$|BROKEN$|STAGING$|COMPILE_TEST$|EXPERIMENTAL$)/,
];

/** Enables drivers for devices of other machines; never set, because some files differ with it. */
const COMPILE_TEST = "COMPILE_TEST";

/** A configuration, and the symbols in it that the files request. */
export interface Settings {
  /** Values by symbol, without `CONFIG_`. */
  readonly values: ReadonlyMap<string, string>;
  /** Symbols in the makefile rules of the files. */
  readonly asked: readonly string[];
  /**
   * Symbols of other machines that the requested symbols need. If there are any, no build for the
   * lab's machine contains the files.
   */
  readonly lacking: readonly string[];
  /**
   * Symbols of other machines that the files request or need, or with which the files could be
   * built.
   */
  readonly elsewhere: readonly string[];
  /** The architecture for which the files are compiled, if it is not the lab's. */
  readonly architecture?: Architecture;
  /** Whether all of the files can be parts of a module. */
  readonly isModule: boolean;
}

function isAbsent(name: string): boolean {
  return isWrong(name) || MACHINES.some((pattern) => pattern.test(name));
}

/** Whether a symbol contradicts the lab's headers, even for another architecture. */
export function isWrong(name: string): boolean {
  return name === "32BIT" || ABSENT.some((pattern) => pattern.test(name));
}

/**
 * The configuration for compiling files of a tree.
 *
 * @throws {TreeError} If the tree lacks a symbol that is required for right results.
 */
export function settingsFor(
  paths: readonly string[],
  kconfig: Kconfig,
  makefiles: Makefiles,
  pageSizeBytes = 4096,
): Settings {
  const builds = paths.map((path) => makefiles.symbolsOf(path));
  const folders = paths.flatMap((path) => [...makefiles.symbolsOfFolders(path)]);
  const asked = [...new Set([...builds.flatMap((names) => [...names]), ...folders])].toSorted();
  const isModule = builds.every((names) =>
    [...names].some((name) => kconfig.get(name)?.isTristate)
  );
  const isOutOfTree = paths.some((path) => path.startsWith(`${MODULE_FOLDER}/`));
  return { ...settingsOf(asked, isOutOfTree, kconfig, pageSizeBytes), isModule };
}

/**
 * The configuration of a distribution's kernel, in which the makefiles of an out-of-tree module are
 * read. @throws {TreeError}
 */
export function distributionSettings(kconfig: Kconfig): Pick<Settings, "values"> {
  return settingsOf([], true, kconfig, 4096);
}

/** The configuration with some symbols, and all that follows from them. */
function settingsOf(
  asked: readonly string[],
  isOutOfTree: boolean,
  kconfig: Kconfig,
  pageSizeBytes: number,
): Omit<Settings, "isModule"> {
  for (const [name, reason] of Object.entries(REQUIRED)) {
    if (kconfig.has(name)) continue;
    const [missing] = kconfig.missing ?? [];
    if (missing !== undefined) {
      throw new TreeError(
        `The tree has no ${missing}, which its Kconfig names, and so no ${name}`,
        `give the whole tree: its folder "${missing.split("/")[0]}" is missing or not complete`,
      );
    }
    throw new TreeError(`The tree's Kconfig has no ${name}: ${reason}`);
  }
  const usual = isOutOfTree ? OF_DISTRIBUTIONS.filter((name) => kconfig.has(name)) : [];
  const derived = [...closureOf([...asked, ...usual], kconfig, isAbsent)]
    .filter((name) => kconfig.get(name)!.isSwitch);
  const on = new Set([...Object.keys(REQUIRED), ...PRESENT, ...derived.toSorted()]);
  // Dependencies of the requested symbols count as met, even a dependency on another machine.
  const met = new Set(derived.flatMap((name) => [...kconfig.get(name)!.needs.keys()]));
  const areSet = (needs: Iterable<readonly string[]>) =>
    [...needs].every((names) => met.has(names.join(" || ")) || names.some((each) => on.has(each)));
  const possible = () =>
    [...kconfig].filter(([name, { needs }]) => !isAbsent(name) && areSet(needs.values()));
  for (let before = 0; before < on.size;) {
    before = on.size;
    for (const [name, { isDefault, needs }] of possible()) {
      // A default symbol without a dependency belongs to the core kernel and is not added. PRESENT
      // lists the parts of the core kernel that the lab has.
      if (isDefault && needs.size > 0) on.add(name);
    }
  }
  for (const [name, { isSwitch, needs, unless }] of possible()) {
    const isChosen = isSwitch && needs.size > 0 && unless.length > 0;
    if (isChosen && !unless.some((each) => on.has(each))) on.add(name);
  }
  const numbers = possible().flatMap(([name, { values }]) => {
    const found = values.find(({ needs }) => areSet(needs));
    return found === undefined ? [] : [[name, found.value] as const];
  });
  const values = [
    ...numbers,
    ...Object.entries(MACHINE),
    ["PAGE_SHIFT", String(Math.log2(pageSizeBytes))] as const,
    ...[...on].map((name) => [name, "1"] as const),
  ];
  const has = (name: string) => on.has(name) || name in MACHINE;
  const isElsewhere = (name: string) =>
    !has(name) && (isAbsent(name) || !kconfig.get(name)?.isSwitch);
  const isBuiltElsewhere = (name: string) => name !== COMPILE_TEST && isElsewhere(name);
  const lacking = lackingOf(asked, kconfig, isBuiltElsewhere);
  const needed = lackingOf(asked, kconfig, isElsewhere).flatMap((text) => text.split(" || "));
  const elsewhere = [...asked, ...needed].filter(isBuiltElsewhere);
  return { values: new Map(values), asked, lacking, elsewhere };
}

/** The same configuration for another architecture. */
export function settingsOn(settings: Settings, architecture: Architecture): Settings {
  const pageKilobytes = 2 ** (Number(settings.values.get("PAGE_SHIFT")) - 10);
  const added = [...architecture.symbols, `PAGE_SIZE_${pageKilobytes}KB`];
  const values = [...added.map((name) => [name, "1"] as const), ...settings.values];
  return { ...settings, values: new Map(values), architecture };
}

/**
 * A source that compiles only if the configuration is in effect in the tree's own headers. If a
 * header is empty without a symbol, the source checks that the header is not empty.
 */
export function settingsProbe(): string {
  const checks = Object.entries(REQUIRED).map(([name, reason]) =>
    `#if !IS_ENABLED(CONFIG_${name})\n#error "CONFIG_${name} is off: ${reason}"\n#endif`
  );
  return [
    "#include <linux/kconfig.h>",
    "#include <linux/mm_types.h>",
    "#include <linux/spinlock.h>",
    ...checks,
    '_Static_assert(sizeof(raw_spinlock_t) > 0, "locks are compiled away");',
    `_Static_assert(sizeof(struct page) == ${PAGE_STRUCT_BYTES}, "the map of pages differs");`,
    "",
  ].join("\n");
}
