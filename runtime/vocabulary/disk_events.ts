/** Events of the block layer, and of NVMe: its driver on the host and its controller. */
import type { EventTable } from "./event_table.ts";
import { BOOL, DMA, INT, optional, PHYS, SIZE, told, word } from "./fields.ts";
import { DIRECTION, PATH, STATUS } from "./shared_words.ts";

const DOORBELL = word("doorbell", {
  sq_tail: "New commands in a submission queue.",
  cq_head: "Entries of a completion queue were taken.",
});

const BLOCK_EVENTS = {
  "block.split": {
    when: "a bio was cut",
    fields: {
      at_sectors: INT,
      rule: word("why a bio was cut", {
        max_sectors: "More than the queue takes by default.",
        chunk_sectors: "It would cross a chunk of the disk.",
        max_segments: "More segments than one request carries.",
        virt_boundary: "A gap between two segments that a PRP list cannot describe.",
        max_discard_sectors: "More than one discard covers.",
        max_write_zeroes_sectors: "More than one write of zeroes covers.",
      }),
      limit: INT,
    },
  },
  "block.merge": {
    when: "a bio joined a request, or was kept out",
    fields: {
      rule: word("how a bio joined a request, or what kept it out", {
        back: "It follows the request.",
        front: "It precedes the request.",
        discard: "Both are discards, which need not touch.",
        integrity: "Only one of them has metadata, or both together have too much.",
        integrity_gap: "A gap between their metadata.",
        gap: "A gap between their data that a PRP list cannot describe.",
        sectors: "Together they would be too long.",
        segments: "Together they would have too many segments.",
        ranges: "Together they would have too many ranges to discard.",
      }),
      joined: BOOL,
    },
  },
  "block.segment": {
    when: "the DMA iterator produced a segment",
    fields: { phys: PHYS, size_bytes: SIZE, dma: DMA, path: PATH },
  },
  "block.status": {
    when: "an iterator, a request or a bio ended with a status",
    fields: {
      status: STATUS,
      ended: word("what ended with a status", {
        iterator: "No segment of the request is left, or the next one cannot be mapped.",
        request: "Whoever submitted it is told.",
        bio: "It was refused before there was a request.",
      }),
    },
  },
} satisfies EventTable;

export const NVME_EVENTS = {
  "nvme.choose": {
    when: "the data pointer format was chosen",
    fields: {
      format: word("data pointer format", {
        prp: "Physical region pages: a list of page addresses.",
        sgl: "A scatter gather list: addresses with lengths.",
        simple_prp: "One segment, described by PRP1 and PRP2 alone.",
        simple_sgl: "One segment, described by one SGL descriptor in the command.",
      }),
    },
  },
  "nvme.metadata": {
    when: "it was chosen how the command leads to its metadata",
    fields: {
      format: word("metadata format", {
        pointer: "MPTR is where the metadata lies.",
        sgl: "MPTR leads to a list of descriptors.",
      }),
    },
  },
  "nvme.prp": {
    when: "a PRP entry was written",
    fields: {
      index: told(INT, "-1 and -2 are PRP1 and PRP2 of the command"),
      entry: DMA,
      list_page: told(optional(INT), "none in the command"),
    },
  },
  "nvme.sgl": {
    when: "an SGL descriptor was written",
    fields: {
      type: word("SGL descriptor type", {
        data_block: "A piece of data.",
        segment: "A list of descriptors that goes on in another one.",
        last_segment: "The last list of descriptors.",
      }),
      address: DMA,
      length_bytes: SIZE,
    },
  },
  "nvme.submit": {
    when: "a command was put into a submission queue",
    fields: { queue: INT, slot: INT, cid: INT, opcode: INT },
  },
  "nvme.doorbell": {
    when: "the host rang a doorbell",
    fields: { queue: INT, value: INT, which: DOORBELL },
  },
  "nvme.shadow_doorbell": {
    when: "the host left a doorbell's value in memory",
    fields: {
      queue: INT,
      value: INT,
      which: DOORBELL,
      rung: told(BOOL, "the register is written as well"),
    },
  },
  "nvme.fetch": {
    when: "the controller fetched a command",
    fields: { queue: INT, cid: INT },
  },
  "nvme.walk": {
    when: "the controller read one PRP entry or SGL descriptor from host memory",
    fields: { entry: INT, dma: DMA },
  },
  "nvme.data": {
    when: "the controller moved data",
    fields: { dma: DMA, size_bytes: SIZE, dir: DIRECTION },
  },
  "nvme.host_memory": {
    when: "the controller looked a block up in memory that the host has lent it",
    fields: { dma: DMA, hit: told(BOOL, "it was there") },
  },
  "nvme.complete": {
    when: "the controller posted a completion",
    fields: {
      queue: told(INT, "the submission queue that the command came from"),
      cid: INT,
      status: INT,
    },
  },
  "nvme.unmap": {
    when: "the driver ended a request's data mapping (behaviour/nvme.md 2.6)",
    fields: {
      rule: word("unmap rule", {
        single: "One segment was unmapped.",
        bus: "Bus addresses were never mapped.",
        iova: "One IOVA range was destroyed.",
        nothing: "The device needs no unmap.",
        from_sgl: "Addresses were read back from the SGL.",
        saved: "Addresses had been saved at the mapping.",
        scatterlist: "The whole scatterlist was unmapped by one call (6.12).",
        from_prp: "Addresses were rebuilt from the PRP list (a defect).",
      }),
    },
  },
  "nvme.timeout": {
    when: "a command had no answer in time, and what the driver did about it",
    fields: {
      queue: INT,
      cid: INT,
      action: word("what a driver does about a command without answer", {
        found: "It was answered, only the interrupt was lost.",
        abort: "The controller is asked to abort it.",
        reset: "The controller is reset.",
        patience: "No further Abort may be outstanding: it is given as much time again.",
      }),
    },
  },
  "nvme.cancel": {
    when: "the driver ended a command that its controller will not answer any more",
    fields: { queue: INT, cid: INT },
  },
  "nvme.state": {
    when: "a controller came to be something else for its driver",
    fields: {
      state: word("what a controller is for its driver", {
        live: "It takes commands.",
        resetting: "It is stopped and brought up again; requests wait.",
        dead: "It could not be brought up again: requests end at once.",
        removed: "It has been pulled: requests end at once.",
      }),
      reason: word("why a controller came to be something else", {
        up: "It has been brought up.",
        asked: "Somebody asked for it.",
        timeout: "A command had no answer, not even after an Abort.",
        failed: "It says that it has failed (CSTS.CFS).",
        no_answer: "It did not come up again.",
        pulled: "It is not there any more.",
      }),
    },
  },
} satisfies EventTable;

export const DISK_EVENTS = {
  ...BLOCK_EVENTS,
  ...NVME_EVENTS,
  "irq": {
    when: "a completion interrupt was raised",
    fields: { vector: INT, cpu: INT },
  },
} satisfies EventTable;
