/** A domain with a page table of the tree's own code. */
import { PAGE_STRUCT_BYTES, TREE_PAGE_MAP } from "@dmalab/c_drivers";
import { U64_MAX } from "./oracle/compare.ts";
import type { TableShape } from "./oracle/table_formats.ts";
import { addressOfWord, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { readTreeHeaders } from "@dmalab/cli";
import {
  Int,
  type TreeImports,
  type TreeModule,
  TreeStopped,
  type TreeValue,
} from "./tree_module.ts";

const GENERIC_TABLES = "drivers/iommu/generic_pt/fmt";
/** The golden data's names of the formats; their indices are the values of `enum lab_format`. */
const GENERIC_FORMATS: readonly string[] = ["vtdss", "amdv1", "x86_64"];
/** The values of `enum lab_flush`. */
const [FLUSH_ALL, FLUSH_WALK] = [1, 2];

export const GENERIC_SUBJECTS: readonly string[] = GENERIC_FORMATS.map((format) =>
  `${GENERIC_TABLES}/iommu_${format}.c`
);
export const ARM_SUBJECT = "drivers/iommu/io-pgtable-arm.c";
export const ARM_FILES: readonly string[] = ["drivers/iommu/io-pgtable.c"];

/** C sources of dmalab that are compiled with the tree's files. */
export function oracleTexts(...names: readonly string[]): readonly string[] {
  const own = readTreeHeaders();
  return names.map((name) => own[`oracle/${name}.c`]!);
}

/** Width of Arm physical addresses: 52 bits with granules of 64 KiB, else 48. */
function armPhysBits(pageSizes: number): number {
  return pageSizes % 2 ** 16 === 0 ? 52 : 48;
}

/** A domain of the tree's code. Counts the pages of its tables, and records its invalidations. */
export class TreeDomain {
  /** Number of table pages in use. */
  tables = 0;
  /** Number of table pages that can still be allocated. */
  tablesLeft = Infinity;
  warnings = 0;
  flushes: unknown[] = [];
  /** Calls that the IOMMU core makes to the Arm format, each as a list of its arguments. */
  calls: number[][] = [];

  constructor(readonly tree: () => TreeModule) {}

  /** Creates the domain. @returns The address of its `struct iommu_domain`. @throws {TreeStopped} */
  make({ address_bits, format, pgsize_bitmap }: TableShape): number {
    const generic = GENERIC_FORMATS.indexOf(format);
    if (generic < 0 && format !== "arm") throw new TreeStopped(`There is no format ${format}`);
    const bits = new Int(address_bits);
    const made = generic < 0
      ? this.tree().call("lab_arm_domain", bits, new Int(armPhysBits(pgsize_bitmap)), pgsize_bitmap)
      : this.tree().call("lab_generic_domain", new Int(generic), bits, pgsize_bitmap);
    if (made === 0) throw new TreeStopped(`The tree makes no ${format} table`);
    return made;
  }

  /**
   * The address of the domain's top table. Its low bits contain the number of levels; for Arm the
   * number of levels follows from the width of the addresses.
   */
  top(format: string): bigint {
    return format === "arm"
      ? BigInt(this.tree().call("lab_arm_top"))
      : BigInt(this.tree().call("lab_generic_top", new Int(GENERIC_FORMATS.indexOf(format))));
  }

  imports(): TreeImports {
    return {
      lab_flush: (what, first, last) => {
        // An empty range at address 0 has -1 as its last address.
        const isWrapped = Number(first) === 0 && BigInt(last) === -1n;
        const range = [numberOf(first), isWrapped ? U64_MAX : numberOf(last)];
        this.flushes.push(
          Number(what) === FLUSH_ALL
            ? ["flush_all"]
            : [Number(what) === FLUSH_WALK ? "walk" : "sync", ...range],
        );
      },
      lab_call: (iova, phys, ...rest) => {
        const given = BigInt(phys) === -1n ? [iova] : [iova, phys];
        this.calls.push([...given, ...rest].map(Number));
      },
      lab_virt_to_phys: (at) => at,
      lab_phys_to_virt: (at) => at,
      __folio_alloc_noprof: (_flags, order) => this.#takePage(Number(order)),
      __folio_put: (page) => {
        this.tables--;
        this.tree().memory.give(
          (Number(page) - TREE_PAGE_MAP) / PAGE_STRUCT_BYTES * PAGE_SIZE_BYTES,
        );
      },
      mod_node_page_state: () => {},
      ___ratelimit: () => 1,
      dev_driver_string: () => 0n,
      warn_slowpath_fmt: () => {
        this.warnings++;
      },
    };
  }

  /** Clears the records of earlier operations. */
  begin(): void {
    this.flushes = [];
    this.calls = [];
    this.warnings = 0;
  }

  #takePage(order: number): bigint {
    if (this.tablesLeft === 0) return 0n;
    this.tablesLeft--;
    this.tables++;
    const { layout, memory } = this.tree();
    const bytes = PAGE_SIZE_BYTES * 2 ** order;
    const page = TREE_PAGE_MAP + memory.take(bytes, bytes) / PAGE_SIZE_BYTES * PAGE_STRUCT_BYTES;
    memory.view.setInt32(page + layout.offsetOf("page._refcount"), 1, true);
    return BigInt(page);
  }
}

/** A size as a number; as text from 2^53 on, as in the golden data. */
export function sizeOf(value: TreeValue): number | string {
  const whole = BigInt.asUintN(64, BigInt(value));
  return whole <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(whole) : String(whole);
}

/** The model's number for an address; text for an address without such a number. */
export function numberOf(value: TreeValue): number | string {
  const whole = BigInt.asUintN(64, BigInt(value));
  return addressOfWord(whole) ?? String(whole);
}
