/** A machine with an RDMA device and a process, for the tests of this folder. */
import {
  AddressSpace,
  ArmedInjection,
  flagWords,
  GIB,
  HUGE_ORDER,
  INJECTION,
  type InjectionPointName,
  MIB,
  PAGE_SIZE_BYTES as PAGE,
  type VirtAddr,
} from "@dmalab/runtime";
import { type TestBench, testBench, type TestBenchOptions } from "@dmalab/runtime/testing";
import type { QuirkName } from "@dmalab/runtime/kernels";
import type { MemoryRegion } from "./memory_region.ts";
import { RdmaAccess } from "./page_fault.ts";
import { RdmaAdapter, type RegionRequest } from "./rdma_adapter.ts";

export const virt = (address: number) => address as VirtAddr;
export const START = virt(0x7f00_0000_0000);

export interface RdmaRigOptions extends TestBenchOptions {
  readonly pages?: number;
  readonly huge?: boolean;
  readonly software?: boolean;
  readonly quirks?: readonly QuirkName[];
  readonly updateBytes?: number;
}

export type RdmaRig = ReturnType<typeof rig>;

export function rig(options: RdmaRigOptions = {}) {
  const bench = testBench({
    ...options,
    machine: { ramSizeBytes: 2 * GIB, quirks: new Set(options.quirks), ...options.machine },
  });
  const { machine } = bench;
  const dev = options.software === true ? null : bench.dev;
  const mm = new AddressSpace(machine);
  const huge = options.huge === true;
  const pages = options.pages ?? 16;
  mm.map({
    start: START,
    sizeBytes: pages * PAGE,
    writable: true,
    order: huge ? HUGE_ORDER : 0,
  });
  const adapter = new RdmaAdapter(
    machine,
    "dev",
    dev,
    options.updateBytes ?? 65536,
  );
  const register = (request: Partial<RegionRequest> = {}) =>
    adapter.register({
      mm,
      virt: START,
      sizeBytes: pages * PAGE,
      writable: true,
      huge,
      onDemand: true,
      ...request,
    });
  return {
    ...bench,
    mm,
    adapter,
    register,
    /** Registers memory; the test fails on an errno. */
    region: (request?: Partial<RegionRequest>): MemoryRegion => {
      const region = register(request);
      if (typeof region === "number") throw new Error(`no region: ${region}`);
      return region;
    },
    /** Faults pages in for a write, by prefetching them into the device's table. */
    fault: (region: MemoryRegion, page: number, count = 1): number =>
      adapter.prefetch(region, virt(START + page * PAGE), count * PAGE, true, false),
    /** Queues an access. */
    access: (region: MemoryRegion, page: number, sizeBytes: number, write = false): RdmaAccess => {
      const at = virt(START + page * PAGE);
      const access = new RdmaAccess(region, write, at, new Uint8Array(sizeBytes));
      adapter.submit(access);
      return access;
    },
    /** Runs pending activities, at most `most`. */
    run: (most = 1000): number => {
      let ran = 0;
      while (ran < most && machine.runNextActivity()) ran++;
      return ran;
    },
    /** Discards pages of the process. */
    discard: (page: number, count = 1): void => {
      const start = virt(START + page * PAGE);
      mm.discard(start, virt(start + count * PAGE), true);
    },
    flags: (region: MemoryRegion, index: number): string =>
      flagWords(region.umem.pages.pfns.flags(index)).join(" "),
    count: (name: Parameters<TestBench["fields"]>[0]): number => bench.fields(name).length,
    failing: <T>(point: InjectionPointName, act: () => T): T => {
      const fault = new ArmedInjection(INJECTION[point], 1, 1);
      machine.armInjection(fault);
      const result = act();
      machine.disarmFault(fault);
      return result;
    },
  };
}

export { MIB, PAGE };
