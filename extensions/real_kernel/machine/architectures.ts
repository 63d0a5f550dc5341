/** The architectures of the kernels that are booted. */
import type { ProgramName } from "../program_names.ts";

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
  },
} as const satisfies Readonly<Record<string, GuestArchitectureSpec>>;

export type GuestArchitecture = keyof typeof ARCHITECTURES;
