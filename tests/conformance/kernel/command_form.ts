/** Tells a command in the words of the captured data. */
import type { NvmeCommandView, SglDescriptor } from "@dmalab/devices/nvme";
import type { Json } from "../difference.ts";

/** The 64 bytes, what they say, and the lists they lead to. */
export function capturedCommand(command: NvmeCommandView): Json {
  const view = new DataView(
    command.bytes.buffer,
    command.bytes.byteOffset,
    command.bytes.byteLength,
  );
  const head = {
    opcode: command.opcode,
    cid: command.cid,
    nsid: view.getUint32(4, true),
    mptr: command.mptr,
    sqe: command.bytes.toHex(),
    // Bits 7:6 of the flags byte choose between PRPs and SGLs.
    psdt: command.bytes[1]! >>> 6,
    ...(command.metadataSgl.length === 0 ? {} : { meta_sgl: command.metadataSgl.map(descriptor) }),
  };
  if (command.format === "prp") {
    const lists = command.prpLists.map(({ dma, entries }) => ({ dma, entries: [...entries] }));
    return {
      ...head,
      prp1: command.prp1,
      prp2: command.prp2,
      ...(lists.length === 0 ? {} : { prp_lists: lists }),
    };
  }
  const list = command.sglList.map(descriptor);
  return {
    ...head,
    sgl1: descriptor(command.sglOfCommand),
    ...(list.length === 0 ? {} : { sgl_list: list }),
  };
}

function descriptor({ type, address, sizeBytes }: SglDescriptor): Json {
  return { addr: address, len: sizeBytes, type };
}
