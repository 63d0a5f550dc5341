/**
 * Fills in a command but for its data pointer.
 *
 * @see rules/nvme.md 5.2, byte offsets
 */
import { BIO_FLAG } from "@dmalab/runtime/block";
import { InvariantError } from "@dmalab/runtime";
import { setU64 } from "./fields.ts";
import type { Iod } from "./iod.ts";
import type { NvmeRequest } from "./nvme_request.ts";
import { CONTROL, DSM_DEALLOCATE, DSM_PREFETCH, NVM_OPCODE, PSDT, SQE } from "../protocol.ts";

const { CDW10, CDW11, CDW12, CDW13, CDW14, CDW15, COMMAND_ID, FLAGS, MPTR, NSID, OPCODE } = SQE;
const { READ, WRITE } = NVM_OPCODE;
const { PRP } = PSDT;
const { FUA, READ_AHEAD } = BIO_FLAG;

/** Bytes of one range of a dataset management command. */
export const DSM_RANGE_BYTES = 16;

/** Writes opcode, id, namespace and the operation's own fields into the tag's command. */
export function setUpCommand(iod: Iod, request: NvmeRequest): void {
  const { sqe, view } = iod;
  switch (request.op) {
    case "read":
    case "write":
      setUpReadWrite(iod, request);
      break;
    case "flush":
      sqe.fill(0);
      sqe[OPCODE] = NVM_OPCODE.FLUSH;
      view.setUint32(NSID, request.nsid, true);
      break;
    case "write_zeroes":
      sqe.fill(0);
      sqe[OPCODE] = NVM_OPCODE.WRITE_ZEROES;
      setUpBlocks(view, request);
      break;
    case "discard":
      sqe.fill(0);
      sqe[OPCODE] = NVM_OPCODE.DATASET_MANAGEMENT;
      view.setUint32(NSID, request.nsid, true);
      view.setUint32(CDW10, request.bios.length - 1, true);
      view.setUint32(CDW11, DSM_DEALLOCATE, true);
      break;
    case "drv_in":
    case "drv_out":
      if (request.template === null) throw new InvariantError("A passthrough command has no bytes");
      sqe.set(request.template);
      break;
  }
  view.setUint16(COMMAND_ID, request.cid ?? 0, true);
}

/** A read or write leaves the data pointer of the tag's last command where it is. */
function setUpReadWrite(iod: Iod, request: NvmeRequest): void {
  const { sqe, view } = iod;
  sqe[OPCODE] = request.op === "read" ? READ : WRITE;
  sqe[FLAGS] = PRP;
  view.setUint32(8, 0, true);
  view.setUint32(12, 0, true);
  setU64(view, MPTR, 0);
  setUpBlocks(view, request);
  const flags = request.bios[0]!.flags;
  let control = 0;
  let hint = 0;
  if ((flags & FUA) !== 0) control |= CONTROL.FORCE_UNIT_ACCESS;
  if ((flags & READ_AHEAD) !== 0) {
    control |= CONTROL.LIMITED_RETRY;
    hint = DSM_PREFETCH;
  }
  view.setUint16(CDW12 + 2, control, true);
  view.setUint32(CDW13, hint, true);
  view.setUint32(CDW14, 0, true);
  view.setUint32(CDW15, 0, true);
}

function setUpBlocks(view: DataView, request: NvmeRequest): void {
  const blocks = request.bytes / request.limits.logicalBlockSizeBytes;
  view.setUint32(NSID, request.nsid, true);
  setU64(view, CDW10, request.lba);
  view.setUint32(CDW12, blocks - 1, true);
}
