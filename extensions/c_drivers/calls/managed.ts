/**
 * Managed resources. They are released in reverse order when a driver leaves its device, that is,
 * after `remove` and after a failed probe.
 *
 * @see rules/c-api.md 5 (dmam_), 11 (pcim_, devm_), 13
 */
import { ERRNO, INJECTION } from "@dmalab/runtime";
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import { type CKernel, type DeviceOfC, GFP, hex } from "../c_kernel.ts";
import { CPools } from "../c_pools.ts";
import { freeIrq, requestIrq } from "./interrupt.ts";
import { claimBar, enableDevice, freeVectors, giveRegionsBack, mapBar, setMaster } from "./pci.ts";
import { createPool } from "./pools.ts";
import { allocShared, freeShared } from "./shared_memory.ts";

/** A resource that a device owns for as long as the device has its driver. */
interface Managed {
  /**
   * The key for releasing the resource early: an address, or an action; 0 if it cannot be released
   * early.
   */
  readonly key: number | string;
  give(): void;
}

class CManaged {
  readonly #of = new Map<DeviceOfC, Managed[]>();

  add(device: DeviceOfC, key: number | string, give: () => void): void {
    this.#of.getOrInsertComputed(device, () => []).push({ key, give });
  }

  /** Removes a resource from a device's list. @returns Null if the device does not own it. */
  take(device: DeviceOfC, key: number | string): Managed | null {
    const list = this.#of.get(device) ?? [];
    const index = list.findLastIndex((each) => each.key === key);
    return index < 0 ? null : list.splice(index, 1)[0]!;
  }

  /** Releases a resource early. @returns False if the device does not own it. */
  give(device: DeviceOfC, key: number | string): boolean {
    const found = this.take(device, key);
    found?.give();
    return found !== null;
  }

  /** Releases a resource early, whichever device owns it. */
  giveOfAny(key: number): boolean {
    return [...this.#of.keys()].some((device) => this.give(device, key));
  }

  /**
   * Releases a device's resources.
   * @param until Key of the last resource to release. Without it, all resources are released.
   */
  release(device: DeviceOfC, until: string | null = null): void {
    const list = this.#of.get(device) ?? [];
    for (let last = list.pop(); last !== undefined; last = list.pop()) {
      last.give();
      if (last.key === until) return;
    }
  }
}

/**
 * Registers a function that is called with its argument when the driver leaves the device.
 * @returns 0 or -ENOMEM.
 */
export function noteAction(kernel: CKernel, dev: number, action: number, data: number): number {
  kernel.maySleep();
  kernel.owner(dev);
  if (refusesNote(kernel)) return -ERRNO.ENOMEM;
  addAction(kernel, dev, action, data);
  return 0;
}

/** Notes an action, for a caller that already has the memory for the record. */
export function addAction(kernel: CKernel, dev: number, action: number, data: number): void {
  kernel.part(CManaged).add(kernel.owner(dev), actionKey(action, data), () => {
    kernel.callBack(action, [BigInt(data)]);
  });
}

/** Removes an action without running it. @returns False if the device has no such action. */
export function forgetAction(kernel: CKernel, dev: number, action: number, data: number): boolean {
  return kernel.part(CManaged).take(kernel.owner(dev), actionKey(action, data)) !== null;
}

/** Releases all resources registered since an action, and then the action. */
export function releaseUntil(kernel: CKernel, dev: number, action: number, data: number): void {
  kernel.part(CManaged).release(kernel.owner(dev), actionKey(action, data));
}

const actionKey = (action: number, data: number): string => `action ${action} ${data}`;

/** Whether there is no memory for the kernel's record of a managed resource. */
function refusesNote(kernel: CKernel): boolean {
  return kernel.refused(INJECTION.alloc_pages) !== 0;
}

const irqKey = (irq: number, cookie: number): string => `irq ${irq} ${cookie}`;

/** Frees a managed interrupt handler early. */
export function freeManagedIrq(kernel: CKernel, dev: number, irq: number, cookie: number): void {
  if (kernel.part(CManaged).give(kernel.owner(dev), irqKey(irq, cookie))) return;
  throw kernel.crash(`devm_free_irq() of irq ${irq}, which has no such managed handler`);
}

function giveNow(kernel: CKernel, dev: number, key: number): void {
  if (!kernel.part(CManaged).give(kernel.owner(dev), key)) {
    throw kernel.crash(`${hex(key)} is no managed resource of the device`);
  }
}

function allocManaged(kernel: CKernel, args: CArguments): number {
  const [dev, size, handle, gfp, attrs = 0] = args;
  kernel.maySleepBy(gfp);
  const device = kernel.device(dev);
  const cpu = allocShared(kernel, device, [size, handle, gfp, attrs]);
  if (cpu === 0) return 0;
  const dma = kernel.memory.addressAt(handle);
  const free = () => freeShared(kernel, device, [size, cpu, dma, attrs]);
  kernel.part(CManaged).add(device, cpu, free);
  return cpu;
}

export const MANAGED_CALLS: Readonly<
  Record<"devres" | "dmam" | "dmam_pool" | "pcim" | "devm_irq", readonly CCallEntry[]>
> = {
  devres: callEntries({
    "void *devm_kmalloc(struct device *dev, size_t size, gfp_t gfp)"(kernel, [dev, size, gfp]) {
      kernel.maySleepBy(gfp);
      const device = kernel.owner(dev);
      const block = kernel.heap.take(size, (gfp & GFP.ZERO) !== 0);
      if (block === null) return 0;
      kernel.part(CManaged).add(device, block.at, () => kernel.free(block.at));
      return block.at;
    },
    "void devm_kfree(struct device *dev, const void *ptr)": (kernel, [dev, ptr]) =>
      giveNow(kernel, dev, ptr),
    "int dmalab_devm_action(struct device *dev, void *action, void *data)": {
      as: "devm_add_action_or_reset",
      run(kernel, [dev, action, data]) {
        const error = noteAction(kernel, dev, action, data);
        if (error !== 0) kernel.callBack(action, [BigInt(data)]);
        return error;
      },
    },
    "void dmalab_release(struct device *dev)": (kernel, [dev]) =>
      kernel.part(CManaged).release(kernel.owner(dev)),
  }),
  dmam: callEntries({
    "void *dmam_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)":
      allocManaged,
    "void *dmam_alloc_attrs(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp, unsigned long attrs)":
      allocManaged,
    "void dmam_free_coherent(struct device *dev, size_t size, void *cpu, dma_addr_t handle)": (
      kernel,
      [dev, _size, cpu],
    ) => giveNow(kernel, dev, cpu),
  }),
  dmam_pool: callEntries({
    "struct dma_pool *dmam_pool_create(const char *name, struct device *dev, size_t size, size_t align, size_t boundary)"(
      kernel,
      args,
    ) {
      const pool = createPool(kernel, args);
      if (pool === 0) return 0;
      const give = () => kernel.part(CPools).destroy(pool);
      kernel.part(CManaged).add(kernel.device(args[1]), pool, give);
      return pool;
    },
    "void dmam_pool_destroy(struct dma_pool *pool)"(kernel, [pool]) {
      if (!kernel.part(CManaged).giveOfAny(pool)) {
        throw kernel.crash(`${hex(pool)} is no managed pool`);
      }
    },
  }),
  pcim: callEntries({
    "int pcim_enable_device(struct pci_dev *pdev)"(kernel, [pdev]) {
      const error = enableDevice(kernel, pdev);
      if (error !== 0) return error;
      kernel.part(CManaged).add(kernel.device(pdev), 0, () => {
        freeVectors(kernel, pdev);
        giveRegionsBack(kernel, pdev);
        setMaster(kernel, pdev, false);
      });
      return 0;
    },
    "void *pcim_iomap(struct pci_dev *pdev, int bar, unsigned long maxlen)": (
      kernel,
      [pdev, bar],
    ) => mapBar(kernel, pdev, bar),
    "void *pcim_iomap_region(struct pci_dev *pdev, int bar, const char *name)"(
      kernel,
      [pdev, bar],
    ) {
      const at = mapBar(kernel, pdev, bar);
      if (at === 0) return -ERRNO.ENOMEM;
      const claimed = claimBar(kernel, pdev, bar);
      if (claimed === null) return -ERRNO.EBUSY;
      kernel.part(CManaged).add(kernel.device(pdev), at, claimed);
      return at;
    },
  }),
  devm_irq: callEntries({
    "int dmalab_devm_irq(struct device *dev, unsigned int irq, void *handler, void *thread_fn, unsigned long flags, const char *name, void *dev_id)":
      {
        as: "devm_request_threaded_irq",
        run(kernel, [dev, irq, handler, thread, flags, _name, cookie]) {
          const device = kernel.owner(dev);
          const error = requestIrq(kernel, { irq, handler, thread, flags, cookie });
          if (error !== 0) return error;
          kernel.part(CManaged).add(
            device,
            irqKey(irq, cookie),
            () => freeIrq(kernel, irq, cookie),
          );
          return 0;
        },
      },
  }),
};
