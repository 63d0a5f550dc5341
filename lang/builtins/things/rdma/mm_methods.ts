/** What a script can do with the address space of a process. */
import {
  alignDown,
  alignUp,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type VirtAddr,
} from "../../../../runtime/address.ts";
import { KernelError } from "../../../../runtime/errno.ts";
import type { HostBuffer } from "../../../../runtime/memory/host_buffer.ts";
import {
  type AddressSpace,
  HUGE_ORDER,
  type MappedPage,
} from "../../../../runtime/mm/address_space.ts";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import { BytesValue, type Value } from "../../../values/value.ts";
import { phys, raiseErrno, record, toSize, toThing, toVirt, virt } from "../../arguments.ts";
import { PROCESS, SIZE, VIRT } from "../../calls/parameters.ts";
import type { MethodSpec } from "../../../values/spec.ts";
import { BUFFER } from "../buffer.ts";

/** What a page of a process is charged. */
const PAGE_CHARGE_BYTES = 128;

/** Whole pages that hold some bytes. */
export function pagesOf(
  addr: Value | undefined,
  length: Value | undefined,
): { readonly start: VirtAddr; readonly end: VirtAddr } {
  const first = toVirt(addr, "addr");
  const sizeBytes = toSize(length, "size");
  if (sizeBytes === 0) throw new ScriptError("E0919", "Cannot use 0 bytes of an address space");
  return {
    start: alignDown(first, PAGE_SIZE_BYTES) as VirtAddr,
    end: alignUp(first + sizeBytes, PAGE_SIZE_BYTES) as VirtAddr,
  };
}

/** Does something with each page of a range, bringing it in first. */
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
      `The process cannot ${write ? "write" : "read"} at 0x${hex(at)}`,
    );
    act(mm.pageAt(at)!, offset, count, done);
    done += count;
  }
}

/** Moves the page at an address. */
export function migratePage(mm: AddressSpace, addr: Value | undefined): Value {
  const where = toVirt(addr, "addr");
  return raiseErrno(mm.migrate(where), `The page at 0x${hex(where)} cannot be moved`);
}

function hex(address: number): string {
  return address.toString(16);
}

function pageRecord(page: MappedPage | null): Value {
  if (page === null) return null;
  const { frame, order, phys: at, writable } = page;
  return record({
    phys: phys(at),
    writable,
    order,
    dirty: frame.dirty,
    broken: frame.broken,
  });
}

export const MM_METHODS: readonly MethodSpec<AddressSpace>[] = [
  {
    name: "mmap",
    parameters: [
      { ...SIZE, doc: "How many bytes; whole pages are taken." },
      { name: "at", kind: "virt", optional: true, named: true, doc: "Where. Default: any place." },
      {
        name: "writable",
        kind: "bool",
        optional: true,
        named: true,
        doc: "The process may write there, the default.",
      },
      {
        name: "huge",
        kind: "bool",
        optional: true,
        named: true,
        doc: "Pages come 2 MiB at a time.",
      },
      {
        name: "pages",
        kind: "@buffer",
        optional: true,
        named: true,
        doc:
          "Memory to be there at once: shared memory, or memory of a peer. It stays the script's.",
      },
    ],
    result: "virt",
    doc: "Gives the process some memory. No page is there before somebody touches it, unless " +
      "`pages` says which.",
    example: `let mm = address_space()\nlet at = mm.mmap(16KiB, at: 0x7f00_0000_0000)\n` +
      `assert mm.page(at) == none`,
    raises: ["EEXIST"],
    run(run, mm, [length, at, writable, huge, pages]) {
      const sizeBytes = toSize(length, "size");
      const order = huge === true ? HUGE_ORDER : 0;
      const unit = PAGE_SIZE_BYTES * 2 ** order;
      const start = at === undefined ? null : toVirt(at, "at");
      if (sizeBytes === 0 || start !== null && start % unit !== 0) {
        throw new ScriptError(
          "E0919",
          `Cannot map ${formatSize(sizeBytes)} at 0x${hex(start ?? 0)}`,
          `an area has at least one byte, and begins on a multiple of ${formatSize(unit)}`,
        );
      }
      const given = pages === undefined ? null : wholePages(toThing(pages, BUFFER, "pages"), order);
      if (given !== null && given.length * PAGE_SIZE_BYTES !== sizeBytes) {
        throw new ScriptError(
          "E0919",
          `${formatCount(given.length, "page")} of memory do not make ${formatSize(sizeBytes)}`,
        );
      }
      run.chargeMemory(PAGE_CHARGE_BYTES * (1 + (given?.length ?? 0)));
      const mapped = mm.map({
        start,
        sizeBytes,
        writable: writable !== false,
        order,
        pages: given,
      });
      raiseErrno(mapped, `The process has something at 0x${hex(start ?? 0)} already`);
      return virt(mapped as VirtAddr);
    },
  },
  {
    name: "munmap",
    parameters: [VIRT, SIZE],
    result: "nothing",
    doc: "Takes memory away from the process. Who shares it with a device is told before.",
    example: `${PROCESS}mm.touch(at, 16KiB)\nmm.munmap(at, 4KiB)\nassert mm.pages == 3`,
    run(_run, mm, [addr, length]) {
      const { end, start } = pagesOf(addr, length);
      return raiseErrno(mm.unmap(start, end), "The range cannot be unmapped now");
    },
  },
  {
    name: "discard",
    parameters: [VIRT, SIZE, {
      name: "blockable",
      kind: "bool",
      optional: true,
      named: true,
      doc: "Whoever is told may wait for a lock, the default.",
    }],
    result: "nothing",
    doc: "Pages go, the area stays: the next touch brings fresh ones.",
    example: `${PROCESS}mm.touch(at, 8KiB)\nmm.discard(at, 4KiB)\n` +
      `assert mm.page(at) == none and mm.pages == 1`,
    raises: ["EAGAIN"],
    run(_run, mm, [addr, length, blockable]) {
      const { end, start } = pagesOf(addr, length);
      return raiseErrno(
        mm.discard(start, end, blockable !== false),
        "Somebody would have to wait before the pages can go",
      );
    },
  },
  {
    name: "protect",
    parameters: [VIRT, SIZE, {
      name: "writable",
      kind: "bool",
      doc: "Whether the process may write there.",
    }],
    result: "nothing",
    doc: "Says whether the process may write. Who shares the memory with a device is told before.",
    example: `${PROCESS}mm.touch(at, 4KiB, write: true)\nmm.protect(at, 4KiB, false)\n` +
      `assert not mm.page(at).writable`,
    run(_run, mm, [addr, length, writable]) {
      const { end, start } = pagesOf(addr, length);
      return raiseErrno(
        mm.protect(start, end, writable === true),
        "The range cannot be changed now",
      );
    },
  },
  {
    name: "migrate",
    parameters: [VIRT],
    result: "nothing",
    doc: "Moves the page at an address to other memory with what it holds, as compaction does.",
    example: `${PROCESS}mm.write(at, bytes"01 02")\nlet before = mm.page(at).phys\n` +
      `mm.migrate(at)\nassert mm.page(at).phys != before and mm.read(at, 2B) == bytes"01 02"`,
    raises: ["ENOENT", "ENOMEM"],
    run: (_run, mm, [addr]) => migratePage(mm, addr),
  },
  {
    name: "poison",
    parameters: [VIRT],
    result: "nothing",
    doc: "The memory behind an address breaks: whoever touches it gets EFAULT.",
    example: `${PROCESS}mm.touch(at, 4KiB)\nmm.poison(at)\nmm.read(at, 1B) fails EFAULT`,
    raises: ["ENOENT"],
    run(_run, mm, [addr]) {
      const page = mm.pageAt(toVirt(addr, "addr"));
      if (page === null) throw new KernelError("ENOENT", "There is no page that could break");
      page.frame.broken = true;
      return null;
    },
  },
  {
    name: "touch",
    parameters: [VIRT, SIZE, {
      name: "write",
      kind: "bool",
      optional: true,
      named: true,
      doc: "As for a write; default: as for a read.",
    }],
    result: "nothing",
    doc: "The process touches its memory, so that the pages are there. One that was only read is " +
      "read-only until somebody writes it.",
    example: `${PROCESS}mm.touch(at, 8KiB)\nassert mm.pages == 2 and not mm.page(at).writable`,
    raises: ["EFAULT", "EPERM", "ENOMEM"],
    run(run, mm, [addr, length, write]) {
      const sizeBytes = toSize(length, "size");
      run.chargeMemory(PAGE_CHARGE_BYTES * Math.ceil(sizeBytes / PAGE_SIZE_BYTES));
      eachPage(mm, toVirt(addr, "addr"), sizeBytes, write === true, () => {});
      return null;
    },
  },
  {
    name: "read",
    parameters: [VIRT, SIZE],
    result: "bytes",
    doc: "The process reads its memory.",
    example: `${PROCESS}assert mm.read(at, 2B) == bytes"00 00"`,
    raises: ["EFAULT", "ENOMEM"],
    run(run, mm, [addr, length]) {
      const sizeBytes = toSize(length, "size");
      run.chargeMemory(2 * sizeBytes);
      const bytes = new Uint8Array(sizeBytes);
      const { hostMemory } = run.lab.machine;
      eachPage(mm, toVirt(addr, "addr"), sizeBytes, false, (page, offset, count, done) => {
        hostMemory.read(page.phys + offset as PhysAddr, bytes, done, count);
      });
      return new BytesValue(bytes);
    },
  },
  {
    name: "write",
    parameters: [VIRT, { name: "bytes", kind: "bytes", doc: "What it writes." }],
    result: "nothing",
    doc: "The process writes its memory.",
    example: `${PROCESS}mm.write(at + 4095B, bytes"01 02")\nassert mm.pages == 2`,
    raises: ["EFAULT", "EPERM", "ENOMEM"],
    run(run, mm, [addr, content]) {
      const { bytes } = content as BytesValue;
      run.chargeMemory(PAGE_CHARGE_BYTES * Math.ceil(bytes.length / PAGE_SIZE_BYTES + 1));
      const { hostMemory } = run.lab.machine;
      eachPage(mm, toVirt(addr, "addr"), bytes.length, true, (page, offset, count, done) => {
        hostMemory.write(page.phys + offset as PhysAddr, bytes, done, count);
        page.frame.dirty = true;
      });
      return null;
    },
  },
  {
    name: "page",
    parameters: [VIRT],
    result: "any",
    doc:
      "What the process's page table has there, { phys, writable, order, dirty, broken }, or none.",
    example: `${PROCESS}mm.touch(at, 4KiB)\nassert mm.page(at).order == 0`,
    run: (_run, mm, [addr]) => pageRecord(mm.pageAt(toVirt(addr, "addr"))),
  },
  {
    name: "exit",
    parameters: [],
    result: "nothing",
    doc: "The process ends: all of its memory goes.",
    example: `${PROCESS}mm.touch(at, 4KiB)\nmm.exit()\nassert not mm.alive and mm.pages == 0`,
    run(_run, mm) {
      mm.exit();
      return null;
    },
  },
];

/** The pages of a buffer that is made of whole ones. */
function wholePages(buffer: HostBuffer, order: number): readonly PhysAddr[] {
  const whole = buffer.segments.every(({ phys: at, sizeBytes }) =>
    at % PAGE_SIZE_BYTES === 0 && sizeBytes % PAGE_SIZE_BYTES === 0
  );
  if (whole && order === 0) return buffer.pages;
  throw new ScriptError(
    "E0919",
    order === 0
      ? "A process is given whole pages: this buffer has parts of some"
      : "Pages that are given are pages of 4 KiB: leave `huge` out",
  );
}
