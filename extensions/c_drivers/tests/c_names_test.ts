/** Which names of rules/c-api.md the headers for drivers in C do not have, and why. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { readHeaders } from "@dmalab/cli";
import { C_CALLS } from "../calls.ts";
import { derivedHeaders } from "../header_text.ts";
import { BUILTINS } from "@dmalab/lang/builtins";
import { eventFields } from "@dmalab/runtime";
import { KERNEL_FUNCTIONS } from "@dmalab/runtime/vocabulary";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { ROOT } from "@dmalab/tests";

/** Missing names, by reason. Remove a name from here when the headers get it. */
const MISSING: Readonly<Record<string, string>> = {
  "one range over pages that lie apart: a list of them is cut at the device's segment limits":
    "dma_alloc_noncontiguous dma_free_noncontiguous dma_vmap_noncontiguous " +
    "dma_vunmap_noncontiguous",
  "a driver has no process whose memory it maps, nor faults of its pages":
    "dma_mmap_coherent dma_can_mmap dma_get_sgtable hmm_range_fault",
  "not asked for by a driver yet; the runtime has what it takes":
    "phys_vec dma_vec blk_rq_cur_bytes req_phys_gap_mask rq_integrity_vec blk_integrity_rq " +
    "blk_rq_map_integrity_sg",
  "configuration space is not read from C": "pci_read_config_byte",
  "the network's structures have no headers":
    "skb_headlen data_len skb_shinfo nr_frags skb_frag_size skb_frag_off skb_frag_page " +
    "skb_frag_dma_map page_pool_create page_pool_destroy page_pool_dev_alloc_pages " +
    "page_pool_get_dma_addr page_pool_put_full_page page_pool_recycle_direct",
  "folios are not modelled: a page belongs to none": "sg_set_folio page_folio",
  "there are no tag sets, in which a driver names what is called then": "blk_mq_complete_request",
};

/** Words in the tables that are not complete names: endings, and words between names. */
const NO_NAMES: ReadonlySet<string> = new Set(
  ("set inc dec add_return inc_return dec_and_test inc_not_zero old forms released clear dword " +
    "skb frags xchg le16 atomic64_").split(" "),
);

/** The names in the first columns; a mere ending, such as `_free`, is not a name. */
function namesOf(page: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, cell] of page.matchAll(/^\|([^|\n]+)\|/gm)) {
    if (/^(?:-|Names?$|Structure$)/.test(cell!)) continue;
    const bare = cell!.replaceAll(/\([^)]*\)|\{[^}]*\}/g, "");
    for (const [name] of bare.matchAll(/\b(?:__)?[A-Za-z]\w{2,}\b(?!…)/g)) {
      if (!NO_NAMES.has(name)) names.add(name);
    }
  }
  return names;
}

Deno.test("each name of rules/c-api.md is in the headers, or is missing for a reason", () => {
  const words = new Set<string>();
  for (const kernel of ["6.12.117", "7.2.12"] as const) {
    const behaviour = resolveKernel({ kernel, quirks: null });
    const derived = derivedHeaders({ kernel, behaviour, pageSizeBytes: 4096 });
    for (const text of Object.values({ ...readHeaders(), ...derived })) {
      for (const [word] of text.matchAll(/\w+/g)) words.add(word);
    }
  }
  const names = namesOf(Deno.readTextFileSync(join(ROOT, "docs/rules/c-api.md")));
  assert(names.size > 400, `${names.size}`);
  const missing = [...names].filter((name) => !words.has(name)).toSorted();
  const excused = Object.values(MISSING).flatMap((each) => each.split(" ")).toSorted();
  assertEquals(missing, excused);
});

/** Functions of C with the name of a builtin but with other arguments or results. */
const OTHERWISE =
  "alloc_pages dma_alloc_pages dma_free_pages kmalloc kvmalloc vmalloc spin_lock spin_unlock readb readw readl readq writeb writew " +
  "writel writeq";

Deno.test("what scripts and C both call is one row of the vocabulary, or another thing in C", () => {
  const rows = Object.keys(KERNEL_FUNCTIONS);
  const inC = new Set(C_CALLS.map(({ as, prototype }) => as ?? prototype.name));
  const both = [...BUILTINS.functions.keys()].filter((name) => inC.has(name));
  assert(both.length > 55, `${both.length}`);
  assertEquals(
    both.filter((name) => !rows.includes(name)).toSorted(),
    OTHERWISE.split(" ").toSorted(),
  );
  assertEquals(
    rows.filter((name) => !inC.has(name)),
    [],
    "rows without an entry in extensions/c_drivers/calls/",
  );
  assertEquals(
    rows.filter((name) => !BUILTINS.functions.has(name)).toSorted(),
    ["dma_pool_alloc", "dma_pool_free"],
    "rows without a builtin; blocks are allocated by a method of their pool",
  );
  // The parameters in the function's row have the same names in C, in the builtin and in the event.
  const link = C_CALLS.find(({ prototype }) => prototype.name === "dma_iova_link")!;
  const names = ["dev", "state", "phys", "offset", "size", "dir", "attrs"];
  assertEquals(link.prototype.parameters.map(({ name }) => name), names);
  assertEquals(BUILTINS.functions.get("dma_iova_link")!.parameters.map(({ name }) => name), names);
  assertEquals(
    Object.keys(eventFields("call.dma_iova_link")),
    names.filter((name) => name !== "state"),
  );
});
