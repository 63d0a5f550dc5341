/** The table of incidents: faults, reports and warnings. They never end. */
import { optional, TEXT, word } from "../../vocabulary/fields.ts";
import type { HistoryTableSpec } from "../history_table_spec.ts";

const FIELDS = {
  kind: word("kind of incident", {
    fault: "A device's access was not translated.",
    report: "The checker found a driver's mistake, or a hazard.",
    warning: "The kernel printed a warning.",
  }),
  device: optional(TEXT),
  text: TEXT,
};

export const INCIDENTS: HistoryTableSpec<typeof FIELDS, "incidents"> = {
  name: "incidents",
  doc: "A fault, a report or a warning was raised.",
  fields: FIELDS,
  key: ["kind", "device"],
  isBag: true,
  changes: {
    "iommu.fault": (rows, { seq, device, fields: { reason } }) => {
      rows.begin(seq, { kind: "fault", device, text: reason });
    },
    "dma.report": (rows, { seq, device, fields: { text } }) => {
      rows.begin(seq, { kind: "report", device, text });
    },
    "kernel.warn": (rows, { seq, device, fields: { text } }) => {
      rows.begin(seq, { kind: "warning", device, text });
    },
  },
};
