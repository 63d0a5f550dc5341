/**
 * A run is replayed according to its settings. Each key of the settings has a rule; a key without a
 * rule is reported by name.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CaptureConfig, unknownSetting } from "./conformance/kernel/capture_config.ts";
import {
  beginningOf,
  type CapturedRun,
  compareDescription,
  readEnvironments,
  readRun,
  replayRun,
  runDiffers,
} from "./conformance/kernel/captured_run.ts";
import { resultBehindTheEnd } from "./conformance/submission/submission_replay.ts";
import type { CapturedCall } from "./conformance/submission/submission_data.ts";

/** Settings to change; an undefined one is removed. */
type Settings = { readonly [K in keyof CaptureConfig]?: CaptureConfig[K] | undefined };

const ENVIRONMENTS = await readEnvironments();

/** The description of a run with some settings changed. */
function withSettings(name: string, settings: Settings) {
  const environment = ENVIRONMENTS[name]!;
  const config = Object.fromEntries(
    Object.entries({ ...environment.config, ...settings }).filter(([, value]) =>
      value !== undefined
    ),
  ) as CaptureConfig;
  return { ...environment, config };
}

function describedAt(name: string, settings: Settings): string | undefined {
  return compareDescription(withSettings(name, settings))?.path;
}

Deno.test("strict or lazy is worked out from what was asked for, and compared (dma.md 1.3)", () => {
  assertEquals(describedAt("v7.2-lazy", {}), undefined);
  assertEquals(describedAt("v7.2-lazy", { lazy_requested: false }), "config.mode");
  assertEquals(describedAt("v7.2-lazy", { caching_mode: true }), "config.mode");
  assertEquals(describedAt("v7.2-lazy", { untrusted: true }), "config.mode");
  assertEquals(describedAt("v7.2-lazy", { mode: "dma-strict" }), "config.mode");
  assertEquals(describedAt("v7.2-lazy-cm", { caching_mode: false }), "config.mode");
  assertEquals(describedAt("v7.2-strict-cmoff", { lazy_requested: true }), "config.mode");
  // An AMD IOMMU that caches absent entries, as each recorded one did, also stays strict if lazy
  // mode was requested.
  assertEquals(describedAt("v7.2-amd-strict", { lazy_requested: true }), undefined);
  assertEquals(
    describedAt("v7.2-amd-strict", { lazy_requested: true, caching_mode: false }),
    "config.mode",
  );
  assertEquals(describedAt("v7.2-pt", { untrusted: true }), "config.mode");
  assertEquals(describedAt("v7.2-none", { mode: "passthrough" }), "config.mode");
});

Deno.test("the limits follow from the settings (nvme.md 1.1, block.md 1.1 and 1.5)", () => {
  const limitAt = (name: string, settings: Settings) =>
    describedAt(name, settings)?.replace("limits.", "");
  assertEquals(limitAt("v7.2-none", { mdts: 3 }), "max_hw_sectors_kb");
  assertEquals(limitAt("v7.2-none-mdts3", { mdts: undefined }), "max_hw_sectors_kb");
  assertEquals(limitAt("v7.2-none", { logical_block_size: 4096 }), "logical_block_size");
  assertEquals(limitAt("v7.2-none", { device_sgl: false }), "virt_boundary_mask");
  assertEquals(limitAt("v7.2-none", { metadata_sgl: true }), "max_integrity_segments");
  assertEquals(limitAt("v7.2-none", { max_sectors_kb_set: 32 }), "max_sectors_kb");
  assertEquals(limitAt("v7.2-none", { swiotlb_force: true }), "max_hw_sectors_kb");
  assertEquals(limitAt("v7.2-strict", { swiotlb_force: true }), undefined);
  assertEquals(limitAt("v7.2-none", { nomerges: 1 }), "nomerges");
  assertEquals(limitAt("v7.2-none", { scheduler: "mq-deadline" }), "nr_requests");
});

Deno.test("settings that no limit shows are seen in the requests", async () => {
  const differs = async (name: string, settings: Settings) => {
    const run = beginningOf(await readRun(name), 80);
    assertEquals(runDiffers(run), false, name);
    const environment = withSettings(name, settings);
    // The settings in the case agree with the run's, so that only the requests can differ.
    const regular = run.regular.map((each) => ({ ...each, config: environment.config }));
    const { cases: { firstDifference } } = replayRun({ ...run, regular, environment });
    return firstDifference?.difference.path.split(/[.[]/)[0];
  };
  assertEquals(await differs("v7.2-strict-cmoff", { caching_mode: true }), "map");
  assertEquals(await differs("v7.2-strict", { caching_mode: false }), "map");
  assertEquals(await differs("v7.2-strict", { forcedac: true }), "map");
  assertEquals(await differs("v7.2-strict", { flushes_recorded: false }), "map");
  assertEquals(await differs("v7.2-amd-strict", { flushes_recorded: undefined }), "map");
  assertEquals(await differs("v7.2-none-sglt4096", { sgl_threshold: 0 }), "map");
  assertEquals(await differs("v7.2-strict-ms8-msgl", { metadata_bytes: 64 }), "map");
  assertEquals(await differs("v7.2-none", { logical_block_size: 4096 }), "limits");
  assertEquals(await differs("v7.2-strict-untrusted", { untrusted: undefined }), "map");
  assertEquals(await differs("v7.2-strict", { address_bits: 48 }), undefined);
});

Deno.test("the width of addresses shows where those below 4 GiB are not tried first (dma.md 4)", async () => {
  const run = beginningOf(await readRun("v7.2-strict"), 1);
  const limitOf = (settings: Settings) => {
    const environment = withSettings("v7.2-strict", settings);
    return replayRun({ ...run, environment }).history!.firstDifference?.difference;
  };
  assertEquals(limitOf({ forcedac: true, address_bits: 39 })?.got, 2 ** 39 / 4096 - 1);
  assertEquals(limitOf({ forcedac: true, address_bits: 48 })?.got, 2 ** 48 / 4096 - 1);
});

Deno.test("metadata behind each block in the data's own buffer is data to the driver (nvme.md 5.2)", async () => {
  const { regular, ...run } = await readRun("v7.2-none-ms8");
  const environment = withSettings("v7.2-none-ms8", { metadata_extended: true });
  const users = regular.filter(({ request }) => request.user_command).slice(0, 3);
  assert(users.length > 0);
  const { outcomes } = replayRun({ ...run, environment, regular: users });
  assertEquals([...outcomes.values()].map(({ status }) => status), users.map(() => 0));
});

Deno.test("a disk with metadata among its data is of no size to all but a user's own commands (nvme.md 5.2)", () => {
  const call = (how: string, op: string) => resultBehindTheEnd({ how, op } as CapturedCall);
  assertEquals(call("preadv", "read"), { result: 0, errno: 0 });
  assertEquals(call("preadv", "write"), { result: -1, errno: 28 });
  assertEquals(call("aio", "write"), { result: -28, errno: 28 });
  assertEquals(call("ioctl", "discard"), { result: -1, errno: 22 });
});

Deno.test("a setting or a value without a rule makes every case differ, with its name", async () => {
  const run = beginningOf(await readRun("v7.2-strict"), 5);
  for (
    const [settings, path] of [
      [{ zoned: true }, "config.zoned"],
      [{ scheduler: "bfq" }, "config.scheduler"],
      [{ nomerges: 3 }, "config.nomerges"],
      [{ iommu: "arm" }, "config.iommu"],
      [{ p2p_topology: "somewhere" }, "config.p2p_topology"],
    ] as unknown as [Settings, string][]
  ) {
    const environment = withSettings("v7.2-strict", settings);
    assertEquals(unknownSetting(environment.config)?.path, path);
    const { cases, history } = replayRun({ ...run, environment });
    assertEquals([cases.agree, cases.total], [0, run.regular.length]);
    assertEquals([history!.agree, history!.total], [0, run.history!.events.length]);
    assertEquals(cases.firstDifference?.difference.path, path);
    assertEquals(compareDescription(environment)?.path, path);
  }
});

Deno.test("every key that the data's README lists is known, with each of its values", () => {
  const text = Deno.readTextFileSync("tests/golden/kernel/README.md");
  const section = text.slice(text.indexOf("## Configuration keys"), text.indexOf("## Case fields"));
  const rows = [...section.matchAll(/^\| (`[^|]*`) \| ([^|]*) \|/gm)];
  const keys = rows.flatMap(([, names]) => [...names!.matchAll(/`(\w+)`/g)].map(([, key]) => key!));
  assert(keys.length >= 25, `${keys.length} keys`);
  const valuesOf: Readonly<Record<string, readonly unknown[]>> = {
    "bool": [true, false],
    "true": [true],
    "false": [false],
    "bits": [39, 48, 57],
    "bytes": [512, 4096],
    "count": [1, 2],
    "exponent": [0, 3, 7],
    "bytes per logical block": [8, 64],
    "KiB": [32, 8192],
    "0, 1, 2": [0, 1, 2],
    "text, number": [],
  };
  for (const [, names, words] of rows) {
    const quoted = [...words!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);
    // In a text such as "true in `v7.3.4-x86-*`", the words after "in" are names of captures.
    const [plain] = words!.trim().split(" in `");
    const values = valuesOf[plain!] ?? (quoted.length > 0 ? quoted : undefined);
    assert(values !== undefined, `${names}: ${words}`);
    for (const [, key] of names!.matchAll(/`(\w+)`/g)) {
      for (const value of values) {
        const config = { [key!]: value } as unknown as CaptureConfig;
        assertEquals(unknownSetting(config), null, `${key} = ${value}`);
      }
    }
  }
});

Deno.test("a case that the model breaks on differs, and the others go on", async () => {
  const whole = await readRun("v7.2-none-nosgl");
  const run = { ...whole, regular: whole.regular.slice(0, 20) };
  const broken = { ...run.regular[7]!, request: { ...run.regular[7]!.request, bios: null } };
  const regular = run.regular.with(7, broken as unknown as CapturedRun["regular"][number]);
  const { cases } = replayRun({ ...run, regular });
  assertEquals(cases.firstDifference?.caseName, broken.id);
  assertMatch(String(cases.firstDifference?.difference.got), /null/);
  assertEquals([cases.agree, cases.total], [19, 20]);
});

Deno.test("without its history a run agrees when IOVAs and bounce slots are given", async () => {
  for (const name of ["v7.2-lazy-fast", "v7.2-swiotlb-sglt0", "v6.12-strict-untrusted"]) {
    const run = await readRun(name);
    const { cases, history } = replayRun({ ...run, history: null });
    assertEquals([cases.agree, history], [run.regular.length, null], name);
  }
});
