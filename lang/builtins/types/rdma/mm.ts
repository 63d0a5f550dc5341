/** The parts of a process's address space that concern the devices which share it. */
import { type AddressSpace, type MappedPage, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { tableLines } from "../../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../../text/numbers.ts";
import { shownParts } from "../../../text/repeats.ts";
import type { HandleType } from "../../../values/spec.ts";
import { MM_METHODS } from "./mm_methods.ts";
import { fieldsOf } from "../../describe/fields.ts";

/** Largest number of pages that a picture examines; further ones are only counted. */
const PICTURED_PAGES = 4096;

/** The pages of all areas as rows; repetitions of similar pages are only counted. */
function pageRows(mm: AddressSpace): string[][] {
  const pages: (readonly [number, MappedPage | null])[] = [];
  for (const { end, start } of mm.areas) {
    for (let at = start as number; at < end && pages.length < PICTURED_PAGES;) {
      const page = mm.pageAt(at);
      pages.push([at, page]);
      at += PAGE_SIZE_BYTES * 2 ** (page?.order ?? 0);
    }
  }
  const same = (a: number, b: number) => {
    const [, left] = pages[a]!;
    const [, right] = pages[b]!;
    return left?.writable === right?.writable && left?.order === right?.order &&
      left?.frame.dirty === right?.frame.dirty && left?.frame.broken === right?.frame.broken;
  };
  return shownParts(pages.length, same).flatMap(({ end, hiddenTimes, start }) => [
    ...pages.slice(start, end).map(([at, page]) => [
      formatAddress(at),
      page === null ? "absent" : formatAddress(page.phys),
      page === null ? "" : page.writable ? "read, write" : "read",
      page === null ? "" : formatSize(PAGE_SIZE_BYTES * 2 ** page.order),
      page === null ? "" : page.frame.broken ? "broken" : page.frame.dirty ? "dirty" : "",
    ]),
    ...hiddenTimes > 0 ? [["…", `${hiddenTimes * (end - start)} more`, "", "", ""]] : [],
  ]);
}

function formatMm(mm: AddressSpace): string {
  if (!mm.alive) return "address space of a process that is gone";
  return `address space of ${formatCount(mm.areas.length, "area")}, ${
    formatCount(mm.presentPages, "page")
  } present`;
}

export const MM: HandleType<AddressSpace> = {
  name: "mm",
  doc: "The address space of a process: which pages it has, and its MMU notifiers.",
  fields: fieldsOf<AddressSpace>((f) => ({
    alive: f.bool("The process has not exited.", (mm) => mm.alive),
    pages: f.int("How many pages of 4 KiB are present.", (mm) => mm.presentPages),
    areas: f.list(
      { start: "virt", size: "size", writable: "bool" },
      "Its areas: a list of { start, size, writable }, in the order of addresses.",
      (mm) =>
        mm.areas.map(({ access, end, start }) => ({
          start,
          size: end - start,
          writable: access === "write",
        })),
    ),
    locked: f.size(
      "Memory that counts as locked (VmLck): pages of mlock(), and pages that the process mapped " +
        "for devices by VFIO, each as often as it mapped them.",
      (mm) => mm.lockedPages * PAGE_SIZE_BYTES,
    ),
    memlock: f.size("How much it may lock: RLIMIT_MEMLOCK.", (mm) => mm.memlockBytes),
    pinned: f.int(
      "How many pages are pinned: they are not moved, paged out or freed. A huge page is one.",
      (mm) => mm.pinnedFrames,
    ),
    notifiers: f.int("How many MMU notifiers are registered.", (mm) => mm.notifiers.count),
  })),
  methods: MM_METHODS,
  format: formatMm,
  show: (mm) => [
    formatMm(mm),
    ...mm.areas.length === 0 ? [] : tableLines(
      ["address", "memory", "may", "mapped as", ""],
      pageRows(mm),
    ),
  ],
};
