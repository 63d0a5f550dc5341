import { assertEquals, assertMatch } from "@std/assert";
import { archiveReport, archiveText } from "./archive_rows.ts";

const listed = (
  ...packages: readonly (readonly [name: string, version: string, depends?: string])[]
) =>
  packages.map(([name, version, depends = "linux-base"]) =>
    `Package: ${name}\nVersion: ${version}\nDepends: ${depends}\nDescription: x\n`
  ).join("\n");

const LISTED = listed(
  ["linux-image-6.1.0-56-amd64", "6.1.192-2"],
  ["linux-image-6.12.117+deb13-amd64-unsigned", "6.12.117-1"],
  ["linux-image-6.12.95+deb12-rt-amd64-unsigned", "6.12.95-1"],
  ["linux-binary-7.0.13+deb13-amd64", "7.0.13-1"],
  ["linux-image-7.0.13+deb13-amd64", "7.0.13-1", "linux-binary-7.0.13+deb13-amd64 (= 7.0.13-1)"],
  ["linux-binary-7.3-amd64", "7.3~rc7-1~exp1"],
  ["linux-modules-7.3-amd64", "7.3~rc7-1~exp1"],
  ["linux-binary-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1"],
  ["linux-modules-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1"],
  ["linux-binary-99.1.2+deb13-amd64", "99.1.2-1"],
  ["linux-modules-99.1.2+deb13-amd64", "99.1.2-1"],
  ["linux-image-99.2-amd64", "99.2~rc3-1~exp1"],
);

Deno.test("the archive's kernels are named for each modelled release", () => {
  const { newer, rows } = archiveReport(LISTED);
  const row = (name: string) => rows.find(({ profile }) => profile === name)!;
  assertEquals(row("6.12.117").kernel?.packages, ["linux-image-6.12.117+deb13-amd64-unsigned"]);
  assertEquals(row("7.3.4").kernel?.packages, [
    "linux-binary-7.3.4+deb13-amd64",
    "linux-modules-7.3.4+deb13-amd64",
  ]);
  assertEquals([row("7.3.4").isExact, row("7.0.13").kernel], [true, null]);
  assertEquals(row("7.0.13").withoutModules, ["linux-binary-7.0.13+deb13-amd64"]);
  assertEquals(row("7.3-rc7").kernel?.release, "7.3-rc7");
  assertEquals(newer.map(({ release }) => release), ["99.1.2", "99.2-rc3"]);
});

Deno.test("modules of another build do not make a kernel whole", () => {
  const { rows } = archiveReport(listed(
    ["linux-binary-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1"],
    ["linux-modules-7.3.4+deb13-amd64", "7.3.4-2"],
  ));
  assertEquals(rows.filter(({ kernel }) => kernel !== null), []);
});

Deno.test("the text says what cannot be checked", () => {
  const text = archiveText(archiveReport(LISTED));
  assertMatch(text, /^7\.0\.13 +no kernel of the series; without modules: linux-binary-7\.0\.13/m);
  assertMatch(text, /^newer than the newest modelled release: 99\.1\.2, 99\.2-rc3$/m);
  assertMatch(archiveText(archiveReport("")), /^nothing is newer/m);
});
