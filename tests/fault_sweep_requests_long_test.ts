/** The sweeps over requests on the releases that the short suite leaves out. */
import { KERNEL_NAMES } from "../runtime/kernels/kernels.ts";
import { testOwnDefects, testWithoutDefects } from "./sweeps/request_sweeps.ts";

for (const kernel of KERNEL_NAMES) if (kernel !== "7.2.6") testWithoutDefects(kernel);
testOwnDefects("7.2.12");
