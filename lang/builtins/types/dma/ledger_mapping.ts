/** Converts a mapping of the ledger to a mapping of the language. */
import type { LedgerEntry } from "../../ledger.ts";
import type { Mapping } from "./mapping.ts";

/** The facts about a mapping that its events contain, without its attributes. */
export function ledgerMapping(entry: LedgerEntry): Mapping {
  const branch = entry.created.why?.inputs.branch;
  return {
    device: entry.device,
    phys: entry.phys,
    addr: entry.dma,
    sizeBytes: entry.sizeBytes,
    dir: entry.dir,
    path: entry.path,
    attrs: [],
    branch: typeof branch === "string" ? branch : null,
    site: entry.created.site,
  };
}
