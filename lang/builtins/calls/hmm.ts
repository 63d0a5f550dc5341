/** Address spaces of processes, and the HMM DMA map of their pages. */
import {
  AddressSpace,
  alignDown,
  DMA_MAPPING_ERROR,
  HMM_PFN,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
  hmmRangeFault,
  KernelError,
  PAGE_SIZE_BYTES,
  USUAL_LOCK_LIMITS,
  type VirtAddr,
} from "@dmalab/runtime";
import { PeerMemo, peerMemo } from "@dmalab/runtime/dma";
import { ValueError } from "../../values/script_error.ts";
import { failure, raiseErrno, toInt } from "../arguments.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { HMM_MAP, type HmmMapTarget, P2PDMA_STATE } from "../types/rdma/hmm_map.ts";
import { MM } from "../types/rdma/mm.ts";
import { migratePage, pagesOf } from "../types/rdma/mm_methods.ts";
import { SIZE, VIRT } from "./parameters.ts";
import { BY_ROLE, kernelCall } from "./kernel_call.ts";
import { builtin } from "../describe/builtin.ts";
import { named, param } from "../describe/parameters.ts";

/** The memory charged for each page in a list of pages. */
const ENTRY_BYTES = 16;

/** The machine of the examples: a network card behind an IOMMU, and a process with 16 KiB. */
const MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } } }
}
let mm = address_space()
let at = mm.mmap(16KiB)
`;
/** The same machine without the process. */
const CARD = MACHINE.split("let mm")[0]!;

const PROCESS = param.handle("mm", MM, "The result of address_space().");

/** Checks that the map contains an entry with this index. */
function checkedEntry(index: number, { map }: HmmMapTarget): number {
  return toInt(index, "index", 0, map.pfns.length - 1);
}

export const HMM_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "address_space",
    parameters: [
      named(
        param.size("memlock", "How much memory it may lock: RLIMIT_MEMLOCK. Default 8MiB."),
        USUAL_LOCK_LIMITS.memlockBytes,
      ),
      named(
        param.bool("cap_ipc_lock", "It has CAP_IPC_LOCK: no limit counts. Default false."),
        false,
      ),
    ],
    result: MM,
    doc: "Creates a process with an empty address space.",
    example: `let mm = address_space()\nlet at = mm.mmap(8KiB)\nmm.write(at, bytes"01")\n` +
      `assert mm.pages == 1`,
    run(context, [memlockBytes, maySurpassLimit]) {
      const { machine } = context.lab;
      if (machine.config.pageSizeBytes !== PAGE_SIZE_BYTES) {
        throw new ValueError("Processes have pages of 4 KiB: leave `page_size` as it is");
      }
      return new AddressSpace(machine, undefined, { memlockBytes, maySurpassLimit });
    },
  }),
  builtin({
    name: "p2pdma_state",
    result: P2PDMA_STATE,
    doc:
      "The last lookup of a peer in one batch of hmm_dma_map_pfn() calls (struct pci_p2pdma_map_state).",
    example: `assert p2pdma_state().kind == none, "no lookup yet"`,
    run: () => new PeerMemo(),
  }),
  builtin({
    name: "hmm_range_fault",
    parameters: [
      PROCESS,
      BY_ROLE.map,
      VIRT,
      param.int("pages", "How many pages of 4 KiB."),
      named(param.int("first", "The first entry. Default 0."), 0),
      named(
        param.bool(
          "fault",
          "Fault in pages that are not present, the default; false: take a snapshot.",
        ),
        true,
      ),
      named(param.bool("write", "Request write access. Default false."), false),
    ],
    doc: "Reads a part of a process's page table into the map's list. DMA flags of an entry are " +
      "kept, the rest is replaced. This call takes no lock: a driver that shares memory with a " +
      "device uses a memory region, which repeats the read after an invalidation.",
    example: `${MACHINE}let map = hmm_dma_map_alloc(nic, 4)
hmm_range_fault(mm, map, at, 4, write: true)
assert map.valid == 4 and map.entry(3).flags == [valid, write]
hmm_dma_map_free(nic, map)`,
    raises: ["EFAULT", "EPERM", "ENOMEM"],
    context: "sleeps",
    run(context, [mm, { map }, addr, pages, first, fault, write]) {
      const firstIndex = toInt(first, "first", 0, map.pfns.length - 1);
      const count = toInt(pages, "pages", 1, map.pfns.length - firstIndex);
      context.chargeMemory(ENTRY_BYTES * count);
      const valid = fault ? HMM_PFN.VALID : 0;
      const error = hmmRangeFault(context.lab.machine, {
        mm,
        notifier: null,
        sequence: 0,
        list: map.pfns,
        firstIndex,
        start: alignDown(addr, PAGE_SIZE_BYTES) as VirtAddr,
        pages: count,
        wanted: valid + (write ? HMM_PFN.WRITE : 0),
      });
      return raiseErrno(error, "The process's pages cannot be faulted in as requested");
    },
  }),
  kernelCall("hmm_dma_map_alloc", {
    result: HMM_MAP,
    doc:
      "Allocates a map for pages of a process, with nothing mapped: a list of page frames, and " +
      "an IOVA range if the device is translated. EOPNOTSUPP for a device that needs bounce " +
      "buffers, cache maintenance or a wider mask.",
    example: `${CARD}let map = hmm_dma_map_alloc(nic, 512)
assert map.mode == iova and map.memory == 4KiB and map.state.size == 2MiB
hmm_dma_map_free(nic, map)`,
    raises: ["EOPNOTSUPP", "ENOMEM"],
    run(context, [device, count, entryBytes]) {
      if (entryBytes === 0) throw new ValueError("An entry covers at least one byte");
      context.chargeMemory(ENTRY_BYTES * count);
      const map = hmmDmaMapAlloc(context.lab.machine, device, count, entryBytes);
      if (typeof map === "number") {
        throw failure(map, `hmm_dma_map_alloc() fails for ${device.name}`);
      }
      return { map, device };
    },
  }),
  kernelCall("hmm_dma_map_free", {
    doc: "Frees the IOVA range and the lists. It unmaps nothing: unmap all entries first.",
    example: `${CARD}hmm_dma_map_free(nic, hmm_dma_map_alloc(nic, 4))
assert iommu.live_mappings == 0`,
    run: (context, [device, { map }]) => hmmDmaMapFree(context.lab.machine, device, map),
  }),
  kernelCall("hmm_dma_map_pfn", {
    result: "dma",
    doc: "Maps an entry that has a page: one link and one sync the first time, nothing if it is " +
      "mapped already.",
    example: `${MACHINE}let map = hmm_dma_map_alloc(nic, 4)
hmm_range_fault(mm, map, at, 4)
assert hmm_dma_map_pfn(nic, map, 2) == map.state.addr + 8KiB
assert hmm_dma_unmap_pfn(nic, map, 2)
hmm_dma_map_free(nic, map)`,
    raises: ["ENOMEM", "EFAULT"],
    run(context, [device, target, index, p2p]) {
      const entry = checkedEntry(index, target);
      if (!target.map.pfns.has(entry, HMM_PFN.VALID)) {
        throw new ValueError(
          `Entry ${entry} has no page to map`,
          "call hmm_range_fault first; the caller must know that the entry is valid",
        );
      }
      const { machine } = context.lab;
      const memo = machine.peers === null ? null : p2p ?? peerMemo(machine);
      const address = hmmDmaMapPfn(machine, device, target.map, entry, memo);
      if (address !== DMA_MAPPING_ERROR) return address;
      throw new KernelError("ENOMEM", `Entry ${entry} cannot be mapped for ${device.name}`);
    },
  }),
  kernelCall("hmm_dma_unmap_pfn", {
    result: "bool",
    doc: "Unmaps an entry and invalidates the IOTLB at once, in lazy mode too. False, " +
      "with nothing done, for an entry that has no page or is not mapped.",
    example: `${MACHINE}let map = hmm_dma_map_alloc(nic, 4)
hmm_range_fault(mm, map, at, 4)
assert not hmm_dma_unmap_pfn(nic, map, 0)
hmm_dma_map_free(nic, map)`,
    raises: ["EFAULT"],
    run: (context, [device, target, index]) =>
      hmmDmaUnmapPfn(context.lab.machine, device, target.map, checkedEntry(index, target)),
  }),
  builtin({
    name: "mmu_notifier_invalidate_range_start",
    parameters: [PROCESS, VIRT, SIZE],
    doc: "Announces a change of a part of an address space: drivers that share it with a device " +
      "unmap it, and do not read its page table until mmu_notifier_invalidate_range_end(). " +
      "Functions that change pages call it themselves; a call by hand shows what can happen " +
      "in between.",
    example: `${MACHINE}mm.touch(at, 4KiB, write: true)
mmu_notifier_invalidate_range_start(mm, at, 4KiB)
mm.migrate(at)
mmu_notifier_invalidate_range_end(mm, at, 4KiB)
assert counters.hmm.invalidate == 1`,
    run(_run, [mm, addr, size]) {
      mm.beginChange({ ...pagesOf(addr, size), blockable: true }, "asked");
    },
  }),
  builtin({
    name: "mmu_notifier_invalidate_range_end",
    parameters: [PROCESS, VIRT, SIZE],
    doc: "Ends the change that mmu_notifier_invalidate_range_start() announced.",
    example: `${MACHINE}mmu_notifier_invalidate_range_start(mm, at, 4KiB)
mmu_notifier_invalidate_range_end(mm, at, 4KiB)`,
    run(_run, [mm, addr, size]) {
      const { end, start } = pagesOf(addr, size);
      if (mm.notifiers.end(start, end)) return;
      throw new ValueError("No change of these addresses has begun");
    },
  }),
  builtin({
    name: "invalidate_range",
    parameters: [PROCESS, VIRT, SIZE],
    doc: "Runs mmu_notifier_invalidate_range_start() and _end() for a part of an address space: " +
      "drivers that share it with a device unmap it.",
    example: `${MACHINE}invalidate_range(mm, at, 16KiB)
assert counters.hmm.invalidate == 1`,
    run(_run, [mm, addr, size]) {
      const { end, start } = pagesOf(addr, size);
      mm.beginChange({ start, end, blockable: true }, "asked");
      mm.notifiers.end(start, end);
    },
  }),
  builtin({
    name: "migrate",
    parameters: [PROCESS, VIRT],
    doc: "Migrates the page at an address, with its content, to another page: `mm.migrate(addr)`.",
    example: `${MACHINE}mm.touch(at, 4KiB, write: true)
let before = mm.page(at).phys
migrate(mm, at)
assert mm.page(at).phys != before`,
    raises: ["ENOENT", "ENOMEM", "EBUSY"],
    run: (_run, [mm, addr]) => migratePage(mm, addr),
  }),
];
