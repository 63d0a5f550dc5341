/**
 * The scripting side of each kind of device: its type and its functions. A kind that a program adds
 * is a record of the same form.
 */
import {
  type DeviceBase,
  type DeviceKind,
  type DeviceRegistry,
  type DeviceWord,
  ENDPOINT as ENDPOINT_KIND,
  type LabDevice,
  NVME as NVME_KIND,
  RDMA as RDMA_KIND,
  VFIO as VFIO_KIND,
} from "@dmalab/devices";
import type { SettingRows } from "@dmalab/runtime";
import type { FunctionSpec, HandleType } from "../values/spec.ts";
import { Handle } from "../values/value.ts";
import { NVME_BYTE_CALLS } from "./calls/nvme_bytes.ts";
import { VFIO_CALLS } from "./calls/vfio.ts";
import { COMMAND } from "./types/nvme/command.ts";
import { IO } from "./types/nvme/io.ts";
import { NVME } from "./types/nvme/nvme.ts";
import { QUEUE } from "./types/nvme/queue.ts";
import { ENDPOINT } from "./types/pci/endpoint.ts";
import { PORT } from "./types/pci/port.ts";
import { MR } from "./types/rdma/mr.ts";
import { RDMA } from "./types/rdma/rdma.ts";
import { PAGE_FAULT, RDMA_ACCESS } from "./types/rdma/rdma_access.ts";
import { DIRTY_TRACKER, VFIO, VFIO_BUFFER } from "./types/vfio/vfio.ts";

/** A kind of device with all its parts: its block, its events, its tables, its builtins. */
export interface ScriptedKind<
  R extends SettingRows = SettingRows,
  D extends DeviceBase = DeviceBase,
> extends DeviceKind<R, D> {
  /** The type of a device of this kind in a script, with its fields and methods. */
  readonly type: HandleType<D>;
  /** Other types that the fields, methods and functions of this kind return. */
  readonly types: readonly HandleType[];
  /** Functions for this kind of device. */
  readonly functions: readonly FunctionSpec[];
}

/**
 * A scripted kind with any type parameters. Only the author of a kind knows the types of its
 * settings and devices.
 */
// deno-lint-ignore no-explicit-any
export type AnyScriptedKind = ScriptedKind<any, any>;

/** A kind that is built in, and the page of docs/builtins/ that describes it. */
export interface BuiltInKind extends AnyScriptedKind {
  readonly kind: DeviceWord;
  readonly page: string;
}

function builtIn<R extends SettingRows, D extends LabDevice>(
  kind: DeviceKind<R, D>,
  builtins: Pick<ScriptedKind<R, D>, "type" | "types" | "functions"> & { readonly page: string },
): BuiltInKind {
  return { ...kind, ...builtins };
}

export const BUILT_IN_KINDS: readonly BuiltInKind[] = [
  builtIn(NVME_KIND, {
    page: "nvme",
    type: NVME,
    types: [QUEUE, IO, COMMAND],
    functions: NVME_BYTE_CALLS,
  }),
  builtIn(ENDPOINT_KIND, { page: "machine", type: ENDPOINT, types: [], functions: [] }),
  builtIn(VFIO_KIND, {
    page: "migration",
    type: VFIO,
    types: [VFIO_BUFFER, DIRTY_TRACKER],
    functions: VFIO_CALLS,
  }),
  builtIn(RDMA_KIND, {
    page: "processes",
    type: RDMA,
    types: [MR, RDMA_ACCESS, PAGE_FAULT],
    functions: [],
  }),
];

/**
 * The type of a block of this kind in a script: the type of a device, or of a port if no device has
 * this keyword.
 * @param registry The kinds that a machine can have.
 */
export function nodeType(word: string, registry: DeviceRegistry): HandleType {
  const kind: DeviceKind<never, never> | Partial<AnyScriptedKind> | undefined = registry.kind(word);
  if (kind === undefined) return PORT;
  if ("type" in kind) return kind.type;
  return BUILT_IN_KINDS.find((each) => each.kind === word)!.type;
}

export function deviceValue(device: LabDevice, registry: DeviceRegistry): Handle {
  return new Handle(nodeType(device.kind, registry), device);
}
