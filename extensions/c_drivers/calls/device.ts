/** Registers, messages and warnings. @see rules/c-api.md 12, 14 */
import {
  type Machine,
  type PhysAddr,
  readRegister,
  readWideRegister,
  writeRegister,
  writeWideRegister,
} from "@dmalab/runtime";
import { IO_BASE, PORTS_AT } from "../c_addresses.ts";
import { CFailures } from "../c_failures.ts";
import { CPolls } from "../c_polls.ts";
import { CPorts } from "../c_ports.ts";
import { CStubs } from "../c_stubs.ts";
import { CWindows } from "../c_windows.ts";
import { CPagePools } from "../c_page_pools.ts";
import { callEntries, type CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { formatMessage } from "../print_format.ts";

const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"] as const;
/** Messages of this level and above are logged only on request. */
const DEBUG_LEVEL = 7;

function register(kernel: CKernel, at: number, bytes: number): PhysAddr {
  if (at >= IO_BASE) {
    const phys = kernel.phys(at);
    kernel.part(CWindows).touch(phys, bytes);
    if (kernel.machine.memory.covers(phys, bytes)) return phys;
  }
  const what = `there is no register of ${bytes} bytes at ${hex(at)}`;
  throw kernel.crash(what, "EFAULT", kernel.place, kernel.part(CStubs).cause(at));
}

/** The register at an address or a port; null for a port without a device. */
function place(kernel: CKernel, at: number, bytes: number): PhysAddr | null {
  const port = at - PORTS_AT;
  // A driver that keeps the start of a BAR in an `int` extends its sign.
  const isExtended = port < 0 && port >= -(2 ** 31) &&
    !kernel.machine.memory.covers(kernel.phys(at), bytes);
  return isExtended || port >= 0 && at < 2 * IO_BASE
    ? kernel.part(CPorts).physOf(port < 0 ? port + 2 ** 32 : port, bytes)
    : register(kernel, at, bytes);
}

/**
 * Reads a register. An unaligned access is split into two accesses of half the width, of which the
 * one at the lower address comes first.
 */
function read(kernel: CKernel, phys: PhysAddr, bytes: 1 | 2 | 4): number {
  const read = readParts(kernel.machine, phys, bytes);
  const value = kernel.watched.search?.read(phys, bytes, read) ?? read;
  kernel.part(CFailures).registerRead(phys, value);
  kernel.part(CPolls).read(phys, value);
  return value;
}

/** Reads a port without a device. */
function noDevice(kernel: CKernel, bytes: number): number {
  const value = 2 ** (8 * bytes) - 1;
  kernel.part(CPolls).read(-1, value);
  return value;
}

function readParts(machine: Machine, phys: PhysAddr, bytes: 1 | 2 | 4): number {
  if (phys % bytes === 0) return readRegister(machine, phys, bytes);
  const half = bytes / 2 as 1 | 2;
  const low = readParts(machine, phys, half);
  return low + readParts(machine, phys + half as PhysAddr, half) * 2 ** (8 * half);
}

function write(machine: Machine, phys: PhysAddr, bytes: 1 | 2 | 4, value: number): void {
  if (phys % bytes === 0) return writeRegister(machine, phys, bytes, value);
  const half = bytes / 2 as 1 | 2;
  const below = 2 ** (8 * half);
  write(machine, phys, half, value % below);
  write(machine, phys + half as PhysAddr, half, Math.floor(value / below));
}

export const DEVICE_CALLS: Readonly<Record<"io" | "printk" | "bug", readonly CCallEntry[]>> = {
  io: [
    ...([["b", "u8", 1], ["w", "u16", 2], ["l", "u32", 4]] as const)
      .flatMap(([letter, type, sizeBytes]): CCallEntry[] => [
        {
          c: `${type} read${letter}(const volatile void *addr)`,
          run(kernel, [at]) {
            const phys = place(kernel, at, sizeBytes);
            return phys === null ? noDevice(kernel, sizeBytes) : read(kernel, phys, sizeBytes);
          },
        },
        {
          c: `void write${letter}(${type} value, volatile void *addr)`,
          run(kernel, [value, at]) {
            const phys = place(kernel, at, sizeBytes);
            if (phys === null) return;
            kernel.watched.registerWatcher?.(phys, sizeBytes, value >>> 0, 0);
            write(kernel.machine, phys, sizeBytes, value >>> 0);
            kernel.watched.search?.wrote(phys, sizeBytes, value >>> 0);
          },
        },
      ]),
    ...callEntries({
      // A 64-bit value is passed as two numbers of 32 bits, so that no bit is lost.
      "u32 dmalab_readq(const volatile void *addr, u32 *high)": {
        as: "readq",
        run(kernel, [at, highAt]) {
          const { machine, memory } = kernel;
          const phys = register(kernel, at, 8);
          const { search } = kernel.watched;
          const [low, high] = readWideRegister(machine, phys)
            .map((read, half) => search?.read(phys + 4 * half, 4, read) ?? read) as [
              number,
              number,
            ];
          if (!memory.isOpen(highAt, 4)) throw kernel.crash(`readq() writes at ${hex(highAt)}`);
          memory.view.setUint32(highAt, high, true);
          return low;
        },
      },
      "void dmalab_writeq(u32 low, u32 high, volatile void *addr)": {
        as: "writeq",
        run(kernel, [low, high, at]) {
          const phys = register(kernel, at, 8);
          kernel.watched.registerWatcher?.(phys, 8, low >>> 0, high >>> 0);
          writeWideRegister(kernel.machine, phys, low, high);
          kernel.watched.search?.wrote(phys, 4, low >>> 0);
          kernel.watched.search?.wrote(phys + 4, 4, high >>> 0);
        },
      },
      "void *ioremap(phys_addr_t phys, size_t size)"(kernel, [phys, size]) {
        if (!kernel.machine.memory.covers(phys, size)) return 0;
        kernel.part(CWindows).map(phys, size);
        return IO_BASE + phys;
      },
      "void iounmap(volatile void *addr)"() {},
    }),
  ],
  printk: callEntries({
    "void dmalab_print_line(int level, const struct device *dev, const char *format, const void *arguments)"(
      kernel,
      [level, dev, format, args],
    ) {
      if (level >= DEBUG_LEVEL) return;
      const text = formatMessage(kernel.memory, format, args).trimEnd();
      const name = dev === 0 ? "" : `${kernel.device(dev).name}: `;
      kernel.context.print(`${LEVELS[level] ?? "info"}: ${name}${text}`);
      kernel.part(CPagePools).printed(text);
    },
  }),
  bug: callEntries({
    "void dmalab_warn(const char *what)"(kernel, [what]) {
      const text = `WARN_ON(${kernel.memory.textAt(what)}) ${kernel.place.text}`;
      kernel.machine.warnings.warn("driver", text);
      // Also on the kernel's log, as a driver's other lines: an event alone would be seen by nobody.
      kernel.context.print(`warn: ${text}`);
    },
    "void dmalab_bug(const char *what)"(kernel, [what]) {
      throw kernel.crash(`BUG_ON(${kernel.memory.textAt(what)})`);
    },
  }),
};
