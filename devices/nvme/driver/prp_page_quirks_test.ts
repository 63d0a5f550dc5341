/**
 * PRP pages that are exactly full, with controllers and builders that treat the last entry wrongly.
 *
 * @see rules/nvme.md 2.3, rules/defects.md
 */
import { assertEquals } from "@std/assert";
import { KIB, MIB, type PhysAddr } from "@dmalab/runtime";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { DriverRig, vec } from "../_driver_rig.ts";

const BASE = 32 * MIB;

/**
 * Reads data that needs a list of this many entries, and returns whether every byte is in its
 * place.
 */
function readsRight(rig: DriverRig, entries: number): boolean {
  const piece = vec(BASE, (entries + 1) * 4 * KIB);
  rig.machine.memory.fill(piece.phys, piece.sizeBytes, 0);
  const { status } = rig.read([piece]);
  return status === "OK" && rig.holdsFreshData([piece]);
}

function rigWith(...quirks: QuirkName[]): DriverRig {
  return new DriverRig({ machine: { quirks: new Set(quirks) } });
}

/** Numbers of entries with which the read fails. */
function wrongOf(rig: DriverRig, lengths: readonly number[]): number[] {
  return lengths.filter((entries) => !readsRight(rig, entries));
}

/** Numbers of list entries, for reads of up to 4 MiB; the block layer splits larger reads. */
const EDGES = [2, 31, 32, 33, 510, 511, 512, 513, 514, 1022, 1023];

Deno.test("every length is right without a defect on either side (nvme.md 2.3)", () => {
  assertEquals(wrongOf(rigWith(), EDGES), []);
  assertEquals(wrongOf(rigWith("prp_pool_aligned_512"), EDGES), []);
});

Deno.test("controller_chains_last_prp: the data of the last page goes where the user's bytes point", () => {
  const rig = rigWith("controller_chains_last_prp");
  const piece = vec(BASE, 513 * 4 * KIB);
  // With the defect, the last data page is read as a list. The page's old content is then an entry
  // that points elsewhere.
  const last = (BASE + 512 * 4 * KIB) as PhysAddr;
  rig.machine.memory.writeU64(last, 0x600_0000);
  assertEquals(rig.read([piece]).status, "OK");
  assertEquals(rig.machine.memory.readU64(last), 0x600_0000);
  assertEquals(rig.holdsFreshData([vec(0x600_0000, 4 * KIB)], 512 * 8), true);
});

Deno.test("prp_full_page_chained: the page that the needless link points to gets the last page's data", () => {
  const rig = rigWith("prp_full_page_chained");
  assertEquals(wrongOf(rig, EDGES), [512, 1023]);
  const { request, iod } = rig.request([vec(BASE, 513 * 4 * KIB)]);
  rig.driver.prepare(iod, request);
  const [full, needless] = rig.driver.viewCommand(iod).prpLists;
  assertEquals([full!.entries.length, full!.entries[511]], [512, needless!.dma]);
  assertEquals(needless!.entries.map(Number), [BASE + 512 * 4 * KIB]);
  rig.driver.complete(iod, request);
});

Deno.test("prp_single_page: 2 MiB fit wherever they begin, 2 MiB and 4 KiB only on a page's start", () => {
  const fits = (sizeBytes: number, offset: number): boolean => {
    const rig = rigWith("prp_single_page");
    const piece = vec(BASE + offset, sizeBytes);
    return rig.read([piece]).status === "OK" && rig.holdsFreshData([piece]);
  };
  for (const offset of [0, 512, 4088]) assertEquals(fits(2 * MIB, offset), true);
  assertEquals(fits(2 * MIB + 4 * KIB, 0), true);
  assertEquals(fits(2 * MIB + 4 * KIB, 512), false);
});

Deno.test("prp_single_page: the entry too many lies in the memory after the page", () => {
  const rig = rigWith("prp_single_page");
  const { request, iod } = rig.request([vec(BASE + 512, 2 * MIB + 4 * KIB)]);
  rig.driver.prepare(iod, request);
  const list = iod.descriptors[0]!.phys;
  assertEquals(iod.nrDescriptors, 1);
  assertEquals(rig.machine.memory.readU64((list + 4 * KIB) as PhysAddr), BASE + 513 * 4 * KIB);
  rig.driver.complete(iod, request);
});
