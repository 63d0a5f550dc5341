/** The table of bounce buffers: which slots hold whose bytes. */
import { INT, PHYS, SIZE } from "../../vocabulary/fields.ts";
import type { HistoryTableSpec } from "../history_table_spec.ts";

const FIELDS = { slot: INT, slots: INT, orig_phys: PHYS, tlb_phys: PHYS, size_bytes: SIZE };

export const SWIOTLB: HistoryTableSpec<typeof FIELDS, "swiotlb"> = {
  name: "swiotlb",
  doc: "Slots of the bounce-buffer pool hold a copy of a buffer.",
  fields: FIELDS,
  key: ["slot"],
  size: "size_bytes",
  address: "tlb_phys",
  changes: {
    "swiotlb.map": (rows, { seq, fields: { orig_phys, size_bytes, slot, slots, tlb_phys } }) => {
      rows.begin(seq, { slot, slots, orig_phys, tlb_phys, size_bytes });
    },
    "swiotlb.unmap": (rows, { seq, fields: { slot } }) => {
      rows.end(seq, [slot]);
    },
  },
  leak: {
    kind: "bounce_slots",
    at: ({ slot, slots }) => [slot, slots],
    text: (slots, slot) =>
      slots === 1
        ? `bounce slot ${slot} not freed`
        : `${slots} bounce slots from ${slot} on not freed`,
  },
  read: ({ swiotlb }, add) => {
    swiotlb.forEachBuffer(({ origPhys, sizeBytes, slot, slots, tlbPhys }) => {
      add({ slot, slots, orig_phys: origPhys, tlb_phys: tlbPhys, size_bytes: sizeBytes });
    });
  },
};
