/** Submitting several bios at once, as a task does that holds its requests back. */
import type { NvmeRequest } from "../../../devices/nvme/driver/command/nvme_request.ts";
import { type Bio, BIO_FLAG } from "../../../runtime/block/bio.ts";
import { Plug } from "../../../runtime/block/plug.ts";
import type { Run } from "../../values/run.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BIO, type BioTarget } from "../things/bio.ts";
import { IO } from "../things/nvme/io.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

/** A bio that may be joined to others; one with a peer's memory may not (block.md 1.4). */
function joinable(run: Run, target: BioTarget): Bio {
  const bio = target.toBio();
  const first = bio.vecs[0];
  if (first !== undefined && run.lab.topology.providerOf(first.phys) !== null) {
    bio.flags |= BIO_FLAG.NOMERGE;
  }
  return bio;
}

export const PLUGGED_BIO_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "submit_bios",
    parameters: [param.thing("bio", BIO, "What bio() gave; several in their order.")],
    variadic: true,
    result: [IO],
    doc: "Submits bios that are held back until the last one is there, so that each can join the " +
      "request before it. Gives an io for each; ios of one request share it.",
    example: `${TRANSLATED_MACHINE}let a = bio(read, lba: 0, into: alloc_pages(1))
let b = bio(read, lba: 8, into: alloc_pages(1))
let ios = submit_bios(a, b)
wait ios
assert ios.map(io => io.requests[0].bytes) == [8KiB, 8KiB]`,
    run(run, bios: readonly BioTarget[]) {
      const plug = new Plug<NvmeRequest>();
      const ios = bios.map((bio) => bio.device.disk.submitBio(joinable(run, bio), 0, plug));
      plug.flush();
      return ios;
    },
  }),
];
