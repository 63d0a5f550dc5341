/** Registers, messages, warnings and locks. @see behaviour/c-api.md 12, 14 */
import type { PhysAddr } from "../../../../runtime/address.ts";
import { IO_BASE } from "../c_addresses.ts";
import type { CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { formatMessage } from "../print_format.ts";

const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"] as const;
/** Less important than this nobody reads who has not asked for it. */
const DEBUG_LEVEL = 7;

/** Where a register lies. */
function register(kernel: CKernel, at: number, bytes: number): PhysAddr {
  if (at >= IO_BASE) {
    const phys = kernel.phys(at);
    if (at % bytes === 0 && kernel.machine.memory.covers(phys, bytes)) return phys;
  }
  throw kernel.crash(`${hex(at)} is no register of ${bytes} bytes`);
}

export const DEVICE_CALLS: Readonly<
  Record<"io" | "printk" | "bug" | "spinlock", readonly CCallEntry[]>
> = {
  io: [
    {
      c: "u32 readl(const volatile void *addr)",
      run(kernel, [at]) {
        const phys = register(kernel, at, 4);
        return kernel.machine.registers.read(phys, 4) ?? kernel.machine.memory.readU32(phys);
      },
    },
    {
      c: "void writel(u32 value, volatile void *addr)",
      run(kernel, [value, at]) {
        const { memory, registers } = kernel.machine;
        const phys = register(kernel, at, 4);
        if (!registers.write(phys, 4, value)) memory.writeU32(phys, value >>> 0);
      },
    },
    {
      c: "u64 readq(const volatile void *addr)",
      run(kernel, [at]) {
        const phys = register(kernel, at, 8);
        return kernel.machine.registers.read(phys, 8) ?? kernel.machine.memory.readU64(phys);
      },
    },
    {
      c: "void writeq(u64 value, volatile void *addr)",
      run(kernel, [value, at]) {
        const { memory, registers } = kernel.machine;
        const exact = kernel.exact(value, "value");
        const phys = register(kernel, at, 8);
        if (!registers.write(phys, 8, exact)) memory.writeU64(phys, exact);
      },
    },
    {
      c: "void *ioremap(phys_addr_t phys, size_t size)",
      run: (kernel, [phys, size]) => kernel.machine.memory.covers(phys, size) ? IO_BASE + phys : 0,
    },
    { c: "void iounmap(volatile void *addr)", run() {} },
  ],
  printk: [
    {
      c: "void dmalab_print_line(int level, const struct device *dev, const char *format, const void *arguments)",
      run(kernel, [level, dev, format, args]) {
        if (level >= DEBUG_LEVEL) return;
        const text = formatMessage(kernel.memory, format, args).trimEnd();
        const name = dev === 0 ? "" : `${kernel.device(dev).name}: `;
        kernel.run.print(`${LEVELS[level] ?? "info"}: ${name}${text}`);
      },
    },
  ],
  bug: [
    {
      c: "void dmalab_warn(const char *what)",
      run(kernel, [what]) {
        const text = `WARN_ON(${kernel.memory.textAt(what)}) ${kernel.place.text}`;
        kernel.machine.warnings.warn("driver", text);
      },
    },
    {
      c: "void dmalab_bug(const char *what)",
      run(kernel, [what]) {
        throw kernel.crash(`BUG_ON(${kernel.memory.textAt(what)})`);
      },
    },
  ],
  spinlock: [
    {
      c: "void dmalab_lock(int *held)",
      run(kernel, [held]) {
        const { view } = kernel.memory;
        if (!kernel.memory.isOpen(held, 4)) throw kernel.crash("There is no lock");
        // The only CPU that could give it back is the one that waits.
        if (view.getInt32(held, true) !== 0) throw kernel.crash("A lock is taken that is held");
        view.setInt32(held, 1, true);
        kernel.machine.context.lock();
      },
    },
    {
      c: "void dmalab_unlock(int *held)",
      run(kernel, [held]) {
        const { view } = kernel.memory;
        if (!kernel.memory.isOpen(held, 4) || view.getInt32(held, true) !== 1) {
          throw kernel.crash("A lock is given back that nobody holds");
        }
        view.setInt32(held, 0, true);
        kernel.machine.context.unlock();
      },
    },
  ],
};
