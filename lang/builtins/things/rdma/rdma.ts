/** RDMA devices. */
import type { RdmaDevice } from "../../../../devices/rdma/rdma_device.ts";
import { errnoName, KernelError } from "../../../../runtime/errno.ts";
import { formatCount } from "../../../text/numbers.ts";
import { ScriptError } from "../../../values/script_error.ts";
import { list, toSize, toThing, toVirt } from "../../arguments.ts";
import type { ParameterSpec, TypeSpec } from "../../../values/spec.ts";
import { DEVICE, deviceLines } from "../device.ts";
import { RDMA_PROCESS } from "../../calls/example_machines.ts";
import { MM } from "./mm.ts";
import { mrValue } from "./mr.ts";

/** What a page of a region is charged. */
const PAGE_CHARGE_BYTES = 32;
/** More than that is a slip of the pen: lists and tables have an entry for each page. */
const MOST_BYTES = 4 * 2 ** 30;

const PROCESS: ParameterSpec = { name: "mm", kind: "@mm", doc: "What address_space() gave." };

const WRITABLE: ParameterSpec = {
  name: "writable",
  kind: "bool",
  optional: true,
  named: true,
  doc: "The device may write it, the default.",
};

const ODP: ParameterSpec = {
  name: "odp",
  kind: "bool",
  optional: true,
  named: true,
  doc: "Pages come on demand, the default; regions that hold their pages are not made here.",
};

const HUGE: ParameterSpec = {
  name: "huge",
  kind: "bool",
  optional: true,
  named: true,
  doc: "An entry of the device's table stands for 2 MiB.",
};

export const RDMA: TypeSpec<RdmaDevice> = {
  name: "rdma",
  doc: "An RDMA device whose memory regions are paged on demand.",
  extends: DEVICE,
  fields: [
    {
      name: "software",
      kind: "bool",
      doc: "It is nothing but software: the CPU moves its bytes, and nothing is mapped.",
      get: (device) => device.adapter.software,
    },
    {
      name: "regions",
      kind: "list",
      doc: "What is registered with it.",
      get: (device) => {
        const { adapter } = device;
        return list(adapter.regions.map((region) => mrValue(adapter, region)));
      },
    },
  ],
  methods: [
    {
      name: "reg_mr",
      parameters: [
        PROCESS,
        { name: "addr", kind: "virt", doc: "Its first byte, as the process sees it." },
        { name: "size", kind: "size", doc: "How many bytes." },
        ODP,
        WRITABLE,
        HUGE,
      ],
      result: "@mr",
      doc:
        "Registers memory of a process. Nothing of it needs to be there; a range of IO addresses " +
        "is reserved for all of it.",
      example: `${RDMA_PROCESS}let mr = nic.reg_mr(mm, at, 16KiB)
assert mr.entries == 4 and mr.map.mode == iova and mm.pages == 0
mr.dereg()`,
      raises: ["EINVAL", "EOVERFLOW", "EOPNOTSUPP", "ENOMEM", "EFAULT"],
      run(run, device, [process, addr, length, odp, writable, huge]) {
        const { adapter } = device;
        const mm = toThing(process, MM, "mm");
        if (!mm.alive) throw new ScriptError("E0919", "The process is gone");
        const sizeBytes = toSize(length, "size");
        const virt = toVirt(addr, "addr");
        if (sizeBytes > MOST_BYTES && virt + sizeBytes < 2 ** 52) {
          throw new ScriptError("E0919", `Cannot register ${sizeBytes} bytes: the most is 4GiB`);
        }
        if (sizeBytes <= MOST_BYTES) run.chargeMemory(PAGE_CHARGE_BYTES * sizeBytes / 4096);
        const region = adapter.register({
          mm,
          virt,
          sizeBytes,
          onDemand: odp !== false,
          writable: writable !== false,
          huge: huge === true,
        });
        if (typeof region !== "number") return mrValue(adapter, region);
        throw new KernelError(errnoName(region), `${device.name} gets no such region`);
      },
    },
    {
      name: "reg_implicit_mr",
      parameters: [PROCESS, ODP, WRITABLE, HUGE],
      result: "@mr",
      doc: "Registers everything that a process has and will have: a region without pages, which " +
        "makes a child for each 2 MiB that the device comes to.",
      example: `${RDMA_PROCESS}let all = nic.reg_implicit_mr(mm)
all.read(at, 4KiB)
assert all.children.length == 1 and all.children[0].npages == 1
all.dereg()`,
      raises: ["EINVAL"],
      run(_run, device, [process, odp, writable, huge]) {
        const { adapter } = device;
        const region = adapter.registerImplicit({
          mm: toThing(process, MM, "mm"),
          onDemand: odp !== false,
          writable: writable !== false,
          huge: huge === true,
        });
        if (typeof region !== "number") return mrValue(adapter, region);
        throw new KernelError(errnoName(region), `${device.name} gets no such region`);
      },
    },
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
