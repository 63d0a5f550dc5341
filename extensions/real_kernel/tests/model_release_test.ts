import { assertEquals } from "@std/assert";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { nearestRelease } from "../compare/model_release.ts";

Deno.test("a kernel is compared with the nearest modelled release of its series", () => {
  assertEquals(nearestRelease("6.12.117+deb13-amd64"), { profile: "6.12.117", isSameSeries: true });
  assertEquals(nearestRelease("6.12.9"), { profile: "6.12.117", isSameSeries: true });
  // 7.2.6 is as near, but a capture of 7.2.9 agrees with 7.2.12.
  assertEquals(nearestRelease("7.2.9+deb13-amd64"), { profile: "7.2.12", isSameSeries: true });
  assertEquals(nearestRelease("7.2.7-custom"), { profile: "7.2.6", isSameSeries: true });
  assertEquals(nearestRelease("7.3.4"), { profile: "7.3.4", isSameSeries: true });
});

Deno.test("a series that is not modelled gets the newest release before it, or the oldest", () => {
  assertEquals(nearestRelease("8.0.1"), { profile: KERNEL_NAMES.at(-1)!, isSameSeries: false });
  assertEquals(nearestRelease("4.19.1"), { profile: KERNEL_NAMES[0]!, isSameSeries: false });
  assertEquals(nearestRelease("next-20261120"), null);
});
