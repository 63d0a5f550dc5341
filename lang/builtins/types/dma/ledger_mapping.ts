/** A mapping of the ledger as scripts see mappings. */
import type { LedgerEntry } from "../../ledger.ts";
import type { Mapping } from "./mapping.ts";

/** What the events tell of a mapping; its attributes are not among it. */
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
