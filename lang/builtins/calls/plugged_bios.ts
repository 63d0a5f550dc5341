/** Submitting several bios at once, as a task does that holds its requests back. */
import type { NvmeRequest } from "@dmalab/devices/nvme";
import { Plug } from "@dmalab/runtime/block";
import type { FunctionSpec } from "../../values/spec.ts";
import { BIO, type BioTarget } from "../types/bio.ts";
import { IO } from "../types/nvme/io.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

export const PLUGGED_BIO_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "submit_bios",
    parameters: [param.handle("bio", BIO, "Bios made by bio(), in order.")],
    variadic: true,
    result: [IO],
    doc:
      "Submits bios under a plug, so that each can merge into the request before it. Returns an " +
      "io for each; ios of one request share it.",
    example: `${TRANSLATED_MACHINE}let a = bio(read, lba: 0, into: alloc_pages(1))
let b = bio(read, lba: 8, into: alloc_pages(1))
let ios = submit_bios(a, b)
wait ios
assert ios.map(io => io.requests[0].bytes) == [8KiB, 8KiB]`,
    run(_run, bios: readonly BioTarget[]) {
      const plug = new Plug<NvmeRequest>();
      const ios = bios.map((bio) => bio.device.disk.submitBio(bio.toBio(), 0, plug));
      plug.flush();
      return ios;
    },
  }),
];
