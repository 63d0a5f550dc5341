/** The architectures of the kernels that are booted. */
import type { PhysAddr } from "@dmalab/runtime";
import type { ProgramName } from "../program_names.ts";

/** Probes at a breakpoint, or by the kernel's tracer of functions (6.5 and newer). */
export type ProbeKind = "kprobe" | "fprobe";

export interface GuestArchitectureSpec {
  /** The architecture, as users call it. */
  readonly title: string;
  /** QEMU's program that emulates it. */
  readonly qemu: ProgramName;
  /** The compiler that makes static programs for it. */
  readonly compiler: ProgramName;
  /** The word of a host's own architecture: only such a host has KVM for it. */
  readonly host: string;
  /** The emulated CPU. */
  readonly cpu: string;
  /** QEMU's machine with its properties. */
  readonly machine: string;
  /** The serial console's device in the guest. */
  readonly console: string;
  /** More words of the kernel's command line. */
  readonly words: readonly string[];
  /**
   * Kind of the probes of functions. Kprobes are armed ten times as fast (0.02 s each under emulation).
   * On riscv64 the trace has a wrong context for them ("Z", in an interrupt, for a task, too), and only
   * the context tells a call of a task from one of an interrupt in it.
   */
  readonly probes: ProbeKind;
  /** The IOMMU of a machine if none is named; null if kernels map nothing by an IOMMU. */
  readonly iommu: "vtd" | "smmu" | null;
  /** Where devices write for interrupts, if their IOMMU translates these writes; else null. */
  readonly doorbellPhys: PhysAddr | null;
}

export const ARCHITECTURES = {
  x86_64: {
    title: "x86-64",
    qemu: "qemu-system-x86_64",
    compiler: "cc",
    host: "x86_64",
    cpu: "Nehalem",
    machine: "q35,kernel-irqchip=split",
    console: "ttyS0",
    // The second word skips the kernel's check of timer ticks: an emulated CPU on a busy host can
    // miss them.
    words: ["no5lvl", "no_timer_check"],
    probes: "kprobe",
    iommu: "vtd",
    doorbellPhys: null,
  },
  arm64: {
    title: "arm64",
    qemu: "qemu-system-aarch64",
    compiler: "aarch64-linux-gnu-gcc",
    host: "aarch64",
    cpu: "cortex-a57",
    machine: "virt,gic-version=2",
    console: "ttyAMA0",
    words: [],
    probes: "kprobe",
    iommu: "smmu",
    // That of GICv2m.
    doorbellPhys: 0x0802_0040 as PhysAddr,
  },
  riscv64: {
    title: "riscv64",
    qemu: "qemu-system-riscv64",
    compiler: "riscv64-linux-gnu-gcc",
    host: "riscv64",
    cpu: "rv64",
    machine: "virt",
    console: "ttyS0",
    // Sv48 on every CPU, so that the array of `struct page` has a known address.
    words: ["no5lvl"],
    probes: "fprobe",
    iommu: null,
    doorbellPhys: null,
  },
} as const satisfies Readonly<Record<string, GuestArchitectureSpec>>;

export type GuestArchitecture = keyof typeof ARCHITECTURES;
