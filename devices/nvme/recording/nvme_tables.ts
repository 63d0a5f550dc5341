/** The tables of NVMe disks: contents of queues, lists and doorbells. */
import type {
  AnyTableSpec,
  HistoryTable,
  HistoryTableSpec,
  TableEvent,
} from "@dmalab/runtime/recording";
import {
  type AllHold,
  DISK_EVENTS,
  DMA,
  type FieldTable,
  INT,
  optional,
  SIZE,
  STATUS,
  TEXT,
  word,
} from "@dmalab/runtime/vocabulary";
import { CTRL_PAGE_BYTES } from "../driver/protocol.ts";

const QUEUE_SLOT_FIELDS = {
  device: TEXT,
  queue: INT,
  slot: INT,
  cid: INT,
  opcode: INT,
  request: optional(INT),
};

const QUEUE_SLOTS: HistoryTableSpec<typeof QUEUE_SLOT_FIELDS, "queue_slots"> = {
  name: "queue_slots",
  doc: "A command in a slot of a submission queue, completed or not.",
  fields: QUEUE_SLOT_FIELDS,
  key: ["device", "queue", "slot"],
  changes: {
    "nvme.submit": (rows, { seq, device, request, fields }) => {
      rows.begin(seq, { device: device!, request, ...fields });
    },
  },
};

const COMMAND_FIELDS = {
  device: TEXT,
  queue: INT,
  cid: INT,
  request: optional(INT),
  state: word("how far a command is", {
    put: "It is in the submission queue.",
    fetched: "The controller has read it.",
    completed: "The controller has posted its completion.",
  }),
};

function comesTo(state: AllHold<typeof COMMAND_FIELDS>["state"]) {
  return (
    rows: HistoryTable<typeof COMMAND_FIELDS>,
    { seq, device, request, fields: { cid, queue } }: TableEvent<
      "nvme.submit" | "nvme.fetch" | "nvme.complete"
    >,
  ): void => rows.begin(seq, { device: device!, queue, cid, request, state });
}

const COMMANDS: HistoryTableSpec<typeof COMMAND_FIELDS, "commands"> = {
  name: "commands",
  doc: "A command was sent under an identifier, and so far it came.",
  fields: COMMAND_FIELDS,
  key: ["device", "queue", "cid"],
  changes: {
    "nvme.submit": comesTo("put"),
    "nvme.fetch": comesTo("fetched"),
    "nvme.complete": comesTo("completed"),
    "nvme.cancel": (rows, { seq, device, fields: { cid, queue } }) => {
      rows.end(seq, [device!, queue, cid]);
    },
  },
};

const DOORBELL_FIELDS = {
  device: TEXT,
  queue: INT,
  which: DISK_EVENTS["nvme.doorbell"].fields.which,
  value: INT,
};

const DOORBELLS: HistoryTableSpec<typeof DOORBELL_FIELDS, "doorbells"> = {
  name: "doorbells",
  doc: "The host has written this value to a doorbell last, in a register or in memory.",
  fields: DOORBELL_FIELDS,
  key: ["device", "queue", "which"],
  changes: {
    "nvme.doorbell": (rows, { seq, device, fields: { queue, value, which } }) => {
      rows.begin(seq, { device: device!, queue, which, value });
    },
    "nvme.shadow_doorbell": (rows, { seq, device, fields: { queue, value, which } }) => {
      rows.begin(seq, { device: device!, queue, value, which });
    },
    // When a controller leaves the state "live", it is not used for a while. Afterwards its
    // doorbells start anew, so their rows end now.
    "nvme.state": (rows, { seq, device, fields: { state } }) => {
      if (state !== "live") rows.endAll(seq, [device!]);
    },
  },
};

/** Ends the rows of a request: its data is not described any more. */
function endOf<F extends FieldTable>(rows: HistoryTable<F>, seq: number, request: number | null) {
  if (request !== null) rows.endAll(seq, [request]);
}

const PRP_FIELDS = {
  request: INT,
  holder: word("location of a PRP entry", {
    prp1: "In the command, as PRP1.",
    prp2: "In the command, as PRP2.",
    list: "In a page of the PRP list.",
  }),
  list_page: optional(INT),
  index: optional(INT),
  entry: DMA,
};

const PRP_ENTRIES: HistoryTableSpec<typeof PRP_FIELDS, "prp_entries"> = {
  name: "prp_entries",
  doc: "A request's data is described by this entry, in the command or in a page of its PRP list.",
  fields: PRP_FIELDS,
  key: ["request"],
  place: ({ holder, index, list_page }) =>
    holder === "list" ? list_page! * CTRL_PAGE_BYTES + index! : holder === "prp1" ? -1 : -2,
  changes: {
    // Written out without a spread: there are many such events, and a spread copies property by
    // property.
    "nvme.prp": (rows, { seq, request, fields: { entry, index, list_page } }) => {
      if (request === null) return;
      // The event counts PRP1 and PRP2 as -1 and -2.
      if (index >= 0) rows.begin(seq, { request, holder: "list", list_page, index, entry });
      else {
        const holder = index === -1 ? "prp1" : "prp2";
        rows.begin(seq, { request, holder, list_page: null, index: null, entry });
      }
    },
    "nvme.unmap": (rows, { seq, request }) => endOf(rows, seq, request),
  },
};

const SGL_FIELDS = {
  request: INT,
  type: DISK_EVENTS["nvme.sgl"].fields.type,
  address: DMA,
  length_bytes: SIZE,
};

const SGL_ENTRIES: HistoryTableSpec<typeof SGL_FIELDS, "sgl_entries"> = {
  name: "sgl_entries",
  doc: "A request's data or metadata is described by this descriptor.",
  fields: SGL_FIELDS,
  key: ["request", "address"],
  isBag: true,
  size: "length_bytes",
  changes: {
    "nvme.sgl": (rows, { seq, request, fields }) => {
      if (request !== null) rows.begin(seq, { request, ...fields });
    },
    "nvme.unmap": (rows, { seq, request }) => endOf(rows, seq, request),
  },
};

const REQUEST_FIELDS = {
  request: INT,
  device: TEXT,
  phase: word("how far a request is", {
    sent: "Its command is in a submission queue.",
    fetched: "The controller has read its command.",
    completed: "The controller has posted its completion.",
    ended: "Its submitter has been notified.",
  }),
  status: optional(STATUS),
};

/** Notes that a request reaches a phase; an event without a request has no row. */
function reach(phase: AllHold<typeof REQUEST_FIELDS>["phase"]) {
  return (
    rows: HistoryTable<typeof REQUEST_FIELDS>,
    { seq, device, request }: TableEvent,
  ): void => {
    if (request !== null) rows.begin(seq, { request, device: device!, phase, status: null });
  };
}

const REQUESTS: HistoryTableSpec<typeof REQUEST_FIELDS, "requests"> = {
  name: "requests",
  doc: "A request was sent to a disk, and so far it came. It stays as it ended.",
  fields: REQUEST_FIELDS,
  key: ["request"],
  changes: {
    "nvme.submit": reach("sent"),
    "nvme.fetch": reach("fetched"),
    "nvme.complete": reach("completed"),
    "block.status": (rows, { seq, device, request, fields: { ended, status } }) => {
      if (ended === "request" && request !== null && device !== null) {
        rows.begin(seq, { request, device, phase: "ended", status });
      }
    },
  },
};

export const NVME_TABLES = [
  REQUESTS,
  QUEUE_SLOTS,
  COMMANDS,
  DOORBELLS,
  PRP_ENTRIES,
  SGL_ENTRIES,
] as const satisfies readonly AnyTableSpec[];
