/** Compares memory as devices see it. */
import { viewOf } from "@dmalab/runtime/dma";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { Value } from "../../values/value.ts";
import { isHandle, wrongType } from "../arguments.ts";
import { sameViews, type Views } from "../same_views.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { DEVICE } from "../types/device.ts";
import { IOVA_STATE } from "../types/dma/iova_state.ts";
import { MAPPING } from "../types/dma/mapping.ts";
import { OUTCOME } from "../types/outcome.ts";
import { SCATTERLIST } from "../types/dma/scatterlist.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

const SEEN = ["@outcome", "@device", "@mapping", "@iova_state", "@scatterlist"] as const;

/**
 * The views of memory that belong to the value of an argument: those of all devices of an outcome,
 * or the view of a single device. For a single device, its name is left out, so that the views of
 * two devices can be compared.
 */
function seenThrough(
  value: Value,
  what: string,
  context: ExecutionContext,
): Views {
  if (isHandle(value, OUTCOME)) return value.target.views;
  const { devices, machine } = context.lab;
  if (isHandle(value, DEVICE)) return new Map([["", viewOf(machine, value.target.dma)]]);
  if (isHandle(value, MAPPING)) {
    const { addr, device, sizeBytes } = value.target;
    const owner = devices.get(device);
    const view = owner === undefined ? [] : viewOf(machine, owner.dma, addr, addr + sizeBytes);
    return new Map([["", view]]);
  }
  if (isHandle(value, IOVA_STATE)) {
    const { device, state: { addr, sizeBytes } } = value.target;
    return new Map([["", device === null ? [] : viewOf(machine, device, addr, addr + sizeBytes)]]);
  }
  if (isHandle(value, SCATTERLIST)) {
    const { device, list } = value.target;
    const lines = device === null
      ? []
      : list.mapped().flatMap(({ dma, sizeBytes }) =>
        viewOf(machine, device, dma, dma + sizeBytes)
      );
    return new Map([["", lines]]);
  }
  throw wrongType(value, what, "an outcome, a device, or something that is mapped");
}

export const VIEW_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "same_view",
    pure: true,
    parameters: [
      param.of(
        "a",
        SEEN,
        "An outcome of `fork` or `compare`, a device, a mapping, a range, or a scatterlist.",
        (value) => value,
      ),
      param.of("b", SEEN, "What it is compared with.", (value) => value),
    ],
    result: "bool",
    doc:
      "True if a device sees the same bytes at the same addresses with the same access rights. " +
      "Outcomes are compared for every device.",
    example: `${TRANSLATED_MACHINE}let page = buffer(size: 4KiB, fill: counting)\n` +
      `let both = fork {\n` +
      `  dma_map_phys(ssd, page, 4KiB, to_device)\n` +
      `} and {\n` +
      `  let state = iova_state()\n` +
      `  assert dma_iova_try_alloc(ssd, state, page, 4KiB)\n` +
      `  dma_iova_link(ssd, state, page, 0B, 4KiB, to_device)\n` +
      `  dma_iova_sync(ssd, state, 0B, 4KiB)\n` +
      `}\n` +
      `assert same_view(both.first, both.second)`,
    run: (context, [a, b]) =>
      sameViews(seenThrough(a, "a", context), seenThrough(b, "b", context), context),
  }),
];
