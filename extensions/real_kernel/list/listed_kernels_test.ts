import { assertEquals, assertStringIncludes } from "@std/assert";
import { listText } from "./kernel_list.ts";
import { kernelsIn } from "./listed_kernels.ts";

const listed = (
  ...packages: readonly (readonly [name: string, version: string, depends?: string])[]
) =>
  packages.map(([name, version, depends = "linux-base"]) =>
    `Package: ${name}\nVersion: ${version}\nDepends: ${depends}\nDescription: x\n`
  ).join("\n");

const LISTED = listed(
  ["linux-binary-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1"],
  ["linux-modules-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1"],
  ["linux-image-7.3.4+deb13-amd64", "7.3.4-1", "linux-binary-7.3.4+deb13-amd64 (= 7.3.4-1)"],
  ["linux-image-6.12.113+deb13-rt-amd64-unsigned", "6.12.113-1"],
  ["linux-image-6.12.113+deb13-cloud-amd64-unsigned", "6.12.113-1"],
  ["linux-image-6.12.117+deb13-arm64", "6.12.117-1"],
  ["linux-image-6.16.12+deb13-amd64", "6.16.12-1"],
  ["linux-binary-7.0.13+deb13-amd64", "7.0.13-1"],
);

Deno.test("kernels have their configuration and packages, the oldest first", () => {
  const { kernels, withoutModules } = kernelsIn(LISTED);
  assertEquals(
    kernels.map(({ architecture, flavour, packages, release }) =>
      [release, architecture, flavour, packages.length] as const
    ),
    [
      ["6.12.113", "amd64", "rt", 1],
      ["6.12.117", "arm64", "", 1],
      ["6.16.12", "amd64", "", 1],
      ["7.3.4", "amd64", "", 2],
    ],
  );
  assertEquals(withoutModules.map(({ name }) => name), ["linux-binary-7.0.13+deb13-amd64"]);
});

Deno.test("the list says what each kernel is compared with, and how to get the newest", () => {
  assertEquals(
    listText(kernelsIn(LISTED)),
    `release   for       compared with             packages
────────  ────────  ────────────────────────  ──────────────────────────────────────────────────────────────
7.3.4     amd64     7.3.4                     linux-binary-7.3.4+deb13-amd64 linux-modules-7.3.4+deb13-amd64
6.16.12   amd64     6.12.117, another series  linux-image-6.16.12+deb13-amd64
6.12.117  arm64     6.12.117                  linux-image-6.12.117+deb13-arm64
6.12.113  amd64 rt  6.12.117                  linux-image-6.12.113+deb13-rt-amd64-unsigned

1 image without modules in the lists, which cannot be used: linux-binary-7.0.13+deb13-amd64

next: apt-get download linux-binary-7.3.4+deb13-amd64 linux-modules-7.3.4+deb13-amd64
      dmalab kernel compare --kernel linux-binary-7.3.4+deb13-amd64_*.deb --modules linux-modules-7.3.4+deb13-amd64_*.deb
`,
  );
});

Deno.test("a list without a kernel that has its modules has none", () => {
  assertEquals(kernelsIn("").kernels, []);
  assertStringIncludes(JSON.stringify(kernelsIn(LISTED).withoutModules), "7.0.13");
});
