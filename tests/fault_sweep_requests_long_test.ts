/** The sweeps over requests for the releases and buffers that the short suite leaves out. */
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import {
  SHAPES,
  testOwnDefects,
  testWithoutDefects,
  WITNESS,
  WITNESS_SHAPES,
} from "./sweeps/request_sweeps.ts";

for (const kernel of KERNEL_NAMES) if (kernel !== WITNESS) testWithoutDefects(kernel);
testWithoutDefects(WITNESS, Object.keys(SHAPES).filter((name) => !WITNESS_SHAPES.includes(name)));
testOwnDefects("7.2.12");
