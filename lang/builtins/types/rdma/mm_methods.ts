/** The methods of a process's address space. */
import type { PlainOf } from "../../describe/form.ts";
import {
  type AddressSpace,
  alignDown,
  alignUp,
  type Bytes,
  ERRNO,
  type HostBuffer,
  HUGE_ORDER,
  KernelError,
  type MappedPage,
  type MemoryRegionConfig,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type VirtAddr,
} from "@dmalab/runtime";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import { raiseErrno } from "../../arguments.ts";
import { PROCESS } from "../../calls/example_machines.ts";
import { SIZE, VIRT } from "../../calls/parameters.ts";
import type { MethodSpec } from "../../../values/spec.ts";
import { BUFFER } from "../buffer.ts";
import { REGION } from "../region.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { named, param } from "../../describe/parameters.ts";

const PAGE_CHARGE_BYTES = 128;

/** The range of whole pages that contains some bytes. */
export function pagesOf(
  first: VirtAddr,
  sizeBytes: number,
): { readonly start: VirtAddr; readonly end: VirtAddr } {
  if (sizeBytes === 0) throw new ValueError("Cannot use 0 bytes of an address space");
  return {
    start: alignDown(first, PAGE_SIZE_BYTES) as VirtAddr,
    end: alignUp(first + sizeBytes, PAGE_SIZE_BYTES) as VirtAddr,
  };
}

/** Does something with each page of a range, after faulting the page in. */
function eachPage(
  mm: AddressSpace,
  first: number,
  sizeBytes: number,
  write: boolean,
  act: (page: MappedPage, offset: number, count: number, done: number) => void,
): void {
  let done = 0;
  while (done < sizeBytes) {
    const at = first + done;
    const offset = at % PAGE_SIZE_BYTES;
    const count = Math.min(sizeBytes - done, PAGE_SIZE_BYTES - offset);
    raiseErrno(
      mm.faultIn(at, write),
      `The process cannot ${write ? "write" : "read"} at ${formatAddress(at)}`,
    );
    act(mm.pageAt(at)!, offset, count, done);
    done += count;
  }
}

export function migratePage(mm: AddressSpace, where: VirtAddr): void {
  raiseErrno(mm.migrate(where), `The page at ${formatAddress(where)} cannot be moved`);
}

const PAGE = {
  phys: "phys",
  writable: "bool",
  order: "int",
  dirty: "bool",
  broken: "bool",
} as const;

function plainPage(page: MappedPage | null): PlainOf<typeof PAGE> {
  if (page === null) return null;
  const { frame: { broken, dirty }, order, phys, writable } = page;
  return { phys, writable, order, dirty, broken };
}

const method = methodsOf<AddressSpace>();

export const MM_METHODS: readonly MethodSpec<AddressSpace>[] = [
  method({
    name: "mmap",
    parameters: [
      { ...SIZE, doc: "How many bytes; whole pages are allocated." },
      named(param.virt("at", "The address. Default: any free one."), null),
      named(param.bool("writable", "The process may write there, the default."), true),
      named(param.bool("huge", "Use pages of 2 MiB."), false),
      named(
        param.bool(
          "shared",
          "Shared memory or a shared file mapping: its pages survive a discard.",
        ),
        false,
      ),
      named(
        param.handle(
          "pages",
          BUFFER,
          "Pages to map at once: shared memory, or memory of a peer. The script still owns them.",
        ),
      ),
      named(
        param.handle(
          "bar",
          REGION,
          "A device's BAR, such as gpu.bar: the first pages of it, as vfio-pci maps it into a process.",
        ),
      ),
    ],
    result: "virt",
    doc: "Maps memory into the process. No page is present before it is accessed, unless `pages` " +
      "passes some. Private pages that were only read share the zero page; the first write " +
      "allocates a page.",
    example: `let mm = address_space()\nlet at = mm.mmap(16KiB, at: 0x7f00_0000_0000)\n` +
      `assert mm.page(at) == none`,
    raises: ["EEXIST"],
    run(context, mm, [sizeBytes, start, writable, huge, shared, pages, bar]) {
      const order = huge ? HUGE_ORDER : 0;
      const unit = PAGE_SIZE_BYTES * 2 ** order;
      if (sizeBytes === 0 || start !== null && start % unit !== 0) {
        throw new ValueError(
          `Cannot map ${formatSize(sizeBytes)} at ${formatAddress(start ?? 0)}`,
          `an area has at least one byte, and begins on a multiple of ${formatSize(unit)}`,
        );
      }
      if (bar !== undefined) {
        checkBar(bar, sizeBytes, huge || shared || pages !== undefined);
        context.chargeMemory(PAGE_CHARGE_BYTES * sizeBytes / PAGE_SIZE_BYTES);
      }
      const given = bar !== undefined
        ? pagesOfBar(bar, sizeBytes)
        : pages === undefined
        ? null
        : wholePages(pages, order);
      if (given !== null && given.length * PAGE_SIZE_BYTES !== sizeBytes) {
        throw new ValueError(
          `${formatCount(given.length, "page")} of memory do not make ${formatSize(sizeBytes)}`,
        );
      }
      context.chargeMemory(PAGE_CHARGE_BYTES * (1 + (given?.length ?? 0)));
      const kind = bar !== undefined ? "bar" : shared ? "shared" : "anonymous";
      const mapped = mm.map({ start, sizeBytes, writable, order, kind, pages: given });
      raiseErrno(mapped, `The process already has an area at ${formatAddress(start ?? 0)}`);
      return mapped;
    },
  }),
  method({
    name: "munmap",
    parameters: [VIRT, SIZE],
    doc: "Unmaps memory of the process. MMU notifiers run first.",
    example: `${PROCESS}mm.touch(at, 16KiB)\nmm.munmap(at, 4KiB)\nassert mm.pages == 3`,
    run(_run, mm, [addr, size]) {
      const { end, start } = pagesOf(addr, size);
      raiseErrno(mm.unmap(start, end), "The range cannot be unmapped now");
    },
  }),
  method({
    name: "discard",
    parameters: [
      VIRT,
      SIZE,
      named(param.bool("blockable", "MMU notifiers may sleep, the default."), true),
    ],
    doc: "Drops the pages and keeps the area: the next access faults in new pages.",
    example: `${PROCESS}mm.touch(at, 8KiB)\nmm.discard(at, 4KiB)\n` +
      `assert mm.page(at) == none and mm.pages == 1`,
    raises: ["EAGAIN", "EINVAL"],
    run(_run, mm, [addr, size, blockable]) {
      const { end, start } = pagesOf(addr, size);
      const error = mm.discard(start, end, blockable);
      raiseErrno(
        error,
        error === -ERRNO.EINVAL
          ? "The process has locked pages there"
          : "An MMU notifier would have to sleep before the pages can go",
      );
    },
  }),
  method({
    name: "free",
    parameters: [VIRT, SIZE],
    doc: "Marks the contents as not needed: MMU notifiers run, and the pages stay until they are " +
      "paged out, which frees them, or written again.",
    example: `${PROCESS}mm.touch(at, 4KiB, write: true)\nmm.free(at, 4KiB)\n` +
      `assert mm.pages == 1\nmm.page_out(at, 4KiB)\nassert mm.pages == 0`,
    run(_run, mm, [addr, size]) {
      const { end, start } = pagesOf(addr, size);
      raiseErrno(mm.free(start, end), "The range cannot be changed now");
    },
  }),
  method({
    name: "page_out",
    parameters: [VIRT, SIZE],
    doc: "Writes private pages out, one by one; the next access reads them into other pages.",
    example: `${PROCESS}mm.write(at, bytes"01 02")\nmm.page_out(at, 4KiB)\n` +
      `assert mm.page(at) == none and mm.read(at, 2B) == bytes"01 02"`,
    run(context, mm, [addr, size]) {
      const { end, start } = pagesOf(addr, size);
      context.chargeMemory(Math.min(end - start, mm.presentPages * PAGE_SIZE_BYTES));
      raiseErrno(mm.pageOut(start, end), "The range cannot be paged out now");
    },
  }),
  method({
    name: "fork",
    doc:
      "Forks a child that shares all private memory copy-on-write and exits at once: the pages " +
      "are read-only until the next write.",
    example: `${PROCESS}mm.touch(at, 4KiB, write: true)\nmm.fork()\n` +
      `assert not mm.page(at).writable`,
    run(_run, mm) {
      raiseErrno(mm.fork(), "The process cannot fork now");
    },
  }),
  method({
    name: "remap",
    parameters: [VIRT, SIZE],
    result: "virt",
    doc: "Moves memory of one area, with its pages, to another address, and returns that address.",
    example: `${PROCESS}mm.write(at, bytes"01 02")\nlet there = mm.remap(at, 4KiB)\n` +
      `assert mm.read(there, 2B) == bytes"01 02"\nmm.read(at, 2B) fails EFAULT`,
    raises: ["EFAULT"],
    run(_run, mm, [addr, size]) {
      const { end, start } = pagesOf(addr, size);
      const moved = mm.remap(start, end);
      raiseErrno(moved, `Not all from ${formatAddress(start)} on is one area`);
      return moved as VirtAddr;
    },
  }),
  method({
    name: "protect",
    parameters: [
      VIRT,
      SIZE,
      param.bool("writable", "Whether the process may write there."),
      named(
        param.bool("readable", "The process may access it, the default; false: no access at all."),
        true,
      ),
    ],
    doc: "Sets whether the process may write. MMU notifiers run first.",
    example: `${PROCESS}mm.touch(at, 4KiB, write: true)\nmm.protect(at, 4KiB, false)\n` +
      `assert not mm.page(at).writable`,
    run(_run, mm, [addr, size, writable, readable]) {
      const { end, start } = pagesOf(addr, size);
      const access = !readable ? "none" : writable ? "write" : "read";
      raiseErrno(mm.protect(start, end, access), "The range cannot be changed now");
    },
  }),
  method({
    name: "migrate",
    parameters: [VIRT],
    doc: "Migrates the page at an address, with its content, to another page, as compaction does.",
    example: `${PROCESS}mm.write(at, bytes"01 02")\nlet before = mm.page(at).phys\n` +
      `mm.migrate(at)\nassert mm.page(at).phys != before and mm.read(at, 2B) == bytes"01 02"`,
    raises: ["ENOENT", "ENOMEM", "EBUSY"],
    run: (_run, mm, [addr]) => migratePage(mm, addr),
  }),
  method({
    name: "poison",
    parameters: [VIRT],
    doc: "Poisons the memory at an address: every access fails with EFAULT.",
    example: `${PROCESS}mm.touch(at, 4KiB)\nmm.poison(at)\nmm.read(at, 1B) fails EFAULT`,
    raises: ["ENOENT"],
    run(_run, mm, [addr]) {
      const page = mm.pageAt(addr);
      if (page === null) throw new KernelError("ENOENT", "There is no page to poison");
      page.frame.broken = true;
    },
  }),
  method({
    name: "touch",
    parameters: [
      VIRT,
      SIZE,
      named(param.bool("write", "As for a write; default: as for a read."), false),
    ],
    doc:
      "The process accesses its memory, so that the pages are present. A page that was only read " +
      "is read-only until it is written.",
    example: `${PROCESS}mm.touch(at, 8KiB)\nassert mm.pages == 2 and not mm.page(at).writable`,
    raises: ["EFAULT", "EPERM", "ENOMEM"],
    run(context, mm, [addr, sizeBytes, write]) {
      context.chargeMemory(PAGE_CHARGE_BYTES * Math.ceil(sizeBytes / PAGE_SIZE_BYTES));
      eachPage(mm, addr, sizeBytes, write, () => {});
    },
  }),
  method({
    name: "read",
    parameters: [VIRT, SIZE],
    result: "bytes",
    doc: "The process reads its memory.",
    example: `${PROCESS}assert mm.read(at, 2B) == bytes"00 00"`,
    raises: ["EFAULT", "ENOMEM"],
    run(context, mm, [addr, sizeBytes]) {
      context.chargeMemory(2 * sizeBytes);
      const bytes = new Uint8Array(sizeBytes);
      const { hostMemory } = context.lab.machine;
      eachPage(mm, addr, sizeBytes, false, (page, offset, count, done) => {
        hostMemory.read(page.phys + offset as PhysAddr, bytes, done, count);
      });
      return bytes;
    },
  }),
  method({
    name: "write",
    parameters: [VIRT, param.bytes("bytes", "What it writes.")],
    doc: "The process writes its memory.",
    example: `${PROCESS}mm.write(at + 4095B, bytes"01 02")\nassert mm.pages == 2`,
    raises: ["EFAULT", "EPERM", "ENOMEM"],
    run(context, mm, [addr, bytes]) {
      context.chargeMemory(PAGE_CHARGE_BYTES * Math.ceil(bytes.length / PAGE_SIZE_BYTES + 1));
      const { hostMemory } = context.lab.machine;
      eachPage(mm, addr, bytes.length, true, (page, offset, count, done) => {
        hostMemory.write(page.phys + offset as PhysAddr, bytes, done, count);
        page.frame.dirty = true;
      });
    },
  }),
  method({
    name: "page",
    pure: true,
    parameters: [VIRT],
    result: PAGE,
    doc:
      "The entry of the process's page table, { phys, writable, order, dirty, broken }, or none.",
    example: `${PROCESS}mm.touch(at, 4KiB)\nassert mm.page(at).order == 0`,
    run: (_run, mm, [addr]) => plainPage(mm.pageAt(addr)),
  }),
  method({
    name: "mlock",
    parameters: [VIRT, SIZE],
    doc:
      "Faults pages in and keeps them in memory; they count as locked. EPERM if nothing may be " +
      "locked, ENOMEM over the limit or at a hole, before which the pages are locked.",
    example: `${PROCESS}mm.mlock(at, 16KiB)\nassert mm.locked == 16KiB and mm.pages == 4\n` +
      `mm.munlock(at, 16KiB)`,
    raises: ["EPERM", "ENOMEM"],
    run(context, mm, [addr, size]) {
      const { end, start } = pagesOf(addr, size);
      context.chargeMemory(PAGE_CHARGE_BYTES * (end - start) / PAGE_SIZE_BYTES);
      raiseErrno(mm.locks.lock(start, end), "The process cannot lock the pages");
    },
  }),
  method({
    name: "munlock",
    parameters: [VIRT, SIZE],
    doc: "Ends what mlock() began. ENOMEM at a hole, before which the pages are unlocked.",
    example: `${PROCESS}mm.mlock(at, 16KiB)\nmm.munlock(at, 8KiB)\nassert mm.locked == 8KiB`,
    raises: ["ENOMEM"],
    run(_run, mm, [addr, size]) {
      const { end, start } = pagesOf(addr, size);
      raiseErrno(mm.locks.unlock(start, end), "Not all of the pages are the process's");
    },
  }),
  method({
    name: "set_memlock",
    parameters: [{ ...SIZE, doc: "The new soft limit." }],
    doc: "Sets how much memory the process may lock (setrlimit with RLIMIT_MEMLOCK). What it has " +
      "locked already stays locked.",
    example: `let mm = address_space()\nmm.set_memlock(64MiB)\nassert mm.memlock == 64MiB`,
    run(_run, mm, [sizeBytes]) {
      mm.memlockBytes = sizeBytes;
    },
  }),
  method({
    name: "exit",
    doc: "The process exits: all of its memory is freed, and its containers of VFIO are closed.",
    example: `${PROCESS}mm.touch(at, 4KiB)\nmm.exit()\nassert not mm.alive and mm.pages == 0`,
    run: (_run, mm) => mm.exit(),
  }),
];

/** Raises for a part of memory that no process can map as a BAR. */
function checkBar(bar: MemoryRegionConfig, sizeBytes: Bytes, hasOthers: boolean): void {
  if (hasOthers) {
    throw new ValueError("A BAR is mapped alone", "leave `pages`, `huge` and `shared` out");
  }
  if (bar.type !== "mmio") {
    throw new ValueError(
      `Region ${bar.name} is no BAR`,
      "write the BAR of a device, such as gpu.bar",
    );
  }
  if (sizeBytes <= bar.sizeBytes && sizeBytes % PAGE_SIZE_BYTES === 0) return;
  throw new ValueError(
    `Cannot map ${formatSize(sizeBytes)} of a BAR of ${formatSize(bar.sizeBytes)}`,
    "map whole pages, at most all of the BAR",
  );
}

function pagesOfBar({ basePhys }: MemoryRegionConfig, sizeBytes: Bytes): readonly PhysAddr[] {
  return Array.from(
    { length: sizeBytes / PAGE_SIZE_BYTES },
    (_, index) => basePhys + index * PAGE_SIZE_BYTES as PhysAddr,
  );
}

function wholePages(buffer: HostBuffer, order: number): readonly PhysAddr[] {
  const whole = buffer.segments.every(({ phys: at, sizeBytes }) =>
    at % PAGE_SIZE_BYTES === 0 && sizeBytes % PAGE_SIZE_BYTES === 0
  );
  if (whole && order === 0) return buffer.pages;
  throw new ValueError(
    order === 0
      ? "A process maps whole pages, but this buffer covers parts of some"
      : "The given pages have 4 KiB: leave `huge` out",
  );
}
