/** Random requests on every release. */
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { testLongRequests, testOwnDefects } from "./requests_property.ts";

for (const kernel of KERNEL_NAMES) {
  testLongRequests(kernel, 60);
  testOwnDefects(kernel, 160);
}
