/** RDMA devices. */
import type { RdmaDevice } from "@dmalab/devices";
import { formatCount } from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import type { HandleType } from "../../../values/spec.ts";
import { DEVICE, deviceLines } from "../device.ts";
import { RDMA_PROCESS } from "../../calls/example_machines.ts";
import { MM } from "./mm.ts";
import { MR } from "./mr.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { named, param } from "../../describe/parameters.ts";
import { failure } from "../../arguments.ts";

const PAGE_CHARGE_BYTES = 32;
/**
 * Largest size of a region; a larger size is assumed to be a typing error. The limit exists because
 * lists and tables have an entry for each page.
 */
const MAX_BYTES = 4 * 2 ** 30;

const PROCESS = param.handle("mm", MM, "The result of address_space().");

const WRITABLE = named(param.bool("writable", "The device may write it, the default."), true);

const ODP = named(
  param.bool(
    "odp",
    "On-demand paging, the default. Regions with pinned pages are not supported.",
  ),
  true,
);

const HUGE = named(param.bool("huge", "One entry of the device's table covers 2 MiB."), false);

const method = methodsOf<RdmaDevice>();

export const RDMA: HandleType<RdmaDevice> = {
  name: "rdma",
  doc: "An RDMA device whose memory regions are paged on demand.",
  extends: DEVICE,
  fields: fieldsOf<RdmaDevice>((f) => ({
    software: f.bool(
      "It is a software device: the CPU copies its data, and nothing is DMA-mapped.",
      (device) => device.adapter.software,
    ),
    regions: f.list(
      MR,
      "Its memory regions.",
      ({ adapter }) => adapter.regions.map((region) => ({ adapter, region })),
    ),
  })),
  methods: [
    method({
      name: "reg_mr",
      parameters: [
        PROCESS,
        param.virt("addr", "Address of its first byte in the process."),
        param.size("size", "How many bytes."),
        ODP,
        WRITABLE,
        HUGE,
      ],
      result: MR,
      doc: "Registers memory of a process. Its pages need not be present; an IOVA range is " +
        "allocated for all of it.",
      example: `${RDMA_PROCESS}let mr = nic.reg_mr(mm, at, 16KiB)
assert mr.entries == 4 and mr.map.mode == iova and mm.pages == 0
mr.dereg()`,
      raises: ["EINVAL", "EOVERFLOW", "EOPNOTSUPP", "ENOMEM", "EFAULT"],
      run(context, { adapter, name }, [mm, virt, sizeBytes, onDemand, writable, huge]) {
        if (!mm.alive) throw new ValueError("The process is gone");
        if (sizeBytes > MAX_BYTES && virt + sizeBytes < 2 ** 52) {
          throw new ValueError(`Cannot register ${sizeBytes} bytes: the maximum is 4GiB`);
        }
        if (sizeBytes <= MAX_BYTES) context.chargeMemory(PAGE_CHARGE_BYTES * sizeBytes / 4096);
        const region = adapter.register({ mm, virt, sizeBytes, onDemand, writable, huge });
        if (typeof region !== "number") return { adapter, region };
        throw failure(region, `${name} cannot register this region`);
      },
    }),
    method({
      name: "reg_implicit_mr",
      parameters: [PROCESS, ODP, WRITABLE, HUGE],
      result: MR,
      doc:
        "Registers the whole address space of a process: an implicit region without pages, which " +
        "creates a child region for each 2 MiB that the device accesses.",
      example: `${RDMA_PROCESS}let all = nic.reg_implicit_mr(mm)
all.read(at, 4KiB)
assert all.children.length == 1 and all.children[0].npages == 1
all.dereg()`,
      raises: ["EINVAL"],
      run(_run, { adapter, name }, [mm, onDemand, writable, huge]) {
        const region = adapter.registerImplicit({ mm, onDemand, writable, huge });
        if (typeof region !== "number") return { adapter, region };
        throw failure(region, `${name} cannot register this region`);
      },
    }),
  ],
  format: (device) => `rdma ${device.name}`,
  show: (device) => {
    const { adapter } = device;
    return deviceLines(device, [
      ["moves bytes by", adapter.software ? "the CPU" : "DMA"],
      ["regions", formatCount(adapter.regions.length, "region")],
    ]);
  },
};
