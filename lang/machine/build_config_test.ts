import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import type { LabConfig } from "@dmalab/devices";
import { GIB, KIB, MIB } from "@dmalab/runtime";
import {
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  KERNELS,
  QUIRK_NAMES,
  quirksOf,
  resolveKernel,
} from "@dmalab/runtime/kernels";
import { BUILTINS } from "../builtins/mod.ts";
import type { ConfigModifier } from "../values/machine_variant.ts";
import { ConstantEvaluator } from "../compile/constant_value.ts";
import { memoryFiles } from "../syntax/load_files.ts";
import { DataFiles } from "../check/names/data_files.ts";
import { FileScope } from "../check/names/file_scope.ts";
import { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { SourceFile, spanText } from "../source.ts";
import { parse } from "../syntax/parse.ts";
import { configBuilder } from "./build_config.ts";
import { MACHINE_SCHEMA } from "./schema.ts";

interface Built {
  readonly config: LabConfig;
  /** `code text-of-the-span: message (hint)` of each diagnostic. */
  readonly messages: readonly string[];
}

/** Builds the configuration of a file's machine block, with the modifiers of its first test. */
function build(text: string): Built {
  const { file, diagnostics } = parse(new SourceFile("test.dma", text));
  assertEquals(diagnostics.map(({ message }) => message), []);
  const bag = new DiagnosticBag();
  const machine = file.items.find((item) => item.kind === "Machine") ?? null;
  const test = file.items.find((item) => item.kind === "Test");
  const modifiers: ConfigModifier[] = (test?.modifiers ?? []).flatMap(({ entries }) =>
    entries.map((entry) => ({ path: entry.path, value: entry.value, span: entry.span }))
  );
  const evaluator = new ConstantEvaluator(
    new FileScope(BUILTINS, new DataFiles(memoryFiles(), bag)),
    bag,
  );
  const config = configBuilder(MACHINE_SCHEMA)(
    machine,
    modifiers,
    (value) => evaluator.evaluate(value),
    bag,
  );
  return {
    config,
    messages: bag.sorted().map(({ code, span, message, hint }) =>
      `${code} ${spanText(span)}: ${message}${hint === undefined ? "" : ` (${hint})`}`
    ),
  };
}

function sound(text: string): LabConfig {
  const { config, messages } = build(text);
  assertEquals(messages, []);
  return config;
}

Deno.test("buildConfig() gives the defaults of language.md without a machine block", () => {
  const config = sound("");
  assertEquals(config.kernel, "7.2.12");
  assertEquals(config.cpus, 1);
  assertEquals(config.ramSizeBytes, 4 * GIB);
  assertEquals(config.iommu.mode, "off");
  assertObjectMatch(config.swiotlb, { sizeBytes: 64 * MIB, force: false, areas: null });
  assertEquals(config.pci, []);
  assertEquals([config.checker, config.faults, config.leaks], ["fail", "fail", "fail"]);
});

Deno.test("buildConfig() puts every key of the machine block in its place", () => {
  const config = sound(`machine {
    kernel = "7.2.6"
    cpus = 4
    seed = 9
    checker = off
    dma_debug = true
    ram { size = 8GiB }
    region low { at = 1MiB, size = 2MiB }
    region window { at = 0xe000_0000, size = 256MiB, type = mmio }
    iommu { mode = lazy, model = amd, address_bits = 40, caching_mode = true, forcedac = true
            iotlb_entries = 32, reserved = [0x1000..0x2000] }
    swiotlb { size = 32MiB, force = true, areas = 2 }
    latencies { iotlb_sync = 300ns, doorbell = 1us, iommu.map = 5ns, iova_free = 2ns }
  }`);
  assertEquals([config.kernel, config.cpus, config.seed], ["7.2.6", 4, 9]);
  assertEquals([config.checker, config.dmaDebug, config.ramSizeBytes], ["off", true, 8 * GIB]);
  assertEquals(config.regions.map(({ name, basePhys, type }) => [name, basePhys as number, type]), [
    ["low", MIB, "ram"],
    ["window", 0xe000_0000, "mmio"],
  ]);
  assertObjectMatch(config.iommu, {
    mode: "lazy",
    model: "amd",
    granuleBytes: 4 * KIB,
    addressBits: 40,
    cachingMode: true,
    forcedac: true,
    iotlbEntries: 32,
    reserved: [{ start: 0x1000, end: 0x2000 }],
  });
  const sizes = config.iommu.pageSizesBytes;
  assertEquals([sizes.length, sizes[0], sizes[1], sizes.at(-1)], [39, 4 * KIB, 8 * KIB, 2 ** 51]);
  assertEquals(sizes.includes(2 ** 39), false);
  assertObjectMatch(config.swiotlb, { sizeBytes: 32 * MIB, force: true, areas: 2 });
  assertEquals(config.latenciesNs, {
    iotlb_sync: 300,
    doorbell: 1000,
    "iommu.map": 5,
    "iova.free": 2,
  });
});

Deno.test("buildConfig() resolves quirks: the profile's, one more, one less, none at first", () => {
  const quirks = (source: string) => quirksOf(resolveKernel(sound(source)));
  assertEquals(quirks(""), KERNELS["7.2.12"].quirks);
  const more = quirks("machine { quirks = [gap_bit_lost_on_split] }");
  assert(more.has("gap_bit_lost_on_split") && more.has("metadata_uses_data_gap"));
  const less = quirks("machine { quirks = [not metadata_uses_data_gap] }");
  assert(!less.has("metadata_uses_data_gap") && less.has("mptr_first_vector_only"));
  const only = quirks("machine { quirks = [none, half_linked_on_error] }");
  assertEquals([...only], ["half_linked_on_error"]);
  assertEquals(quirks("machine { quirks = [none] }").size, 0);
});

Deno.test("releases have the quirks of defects.md: 7.2 and 7.2.6 have theirs, 6.12 the one of lists", () => {
  assertEquals([...KERNELS["6.12.117"].quirks], ["list_length_wraps"]);
  assertEquals([...KERNELS["7.3-rc7"].quirks.difference(KERNELS["7.3.4"].quirks)], [
    "list_length_wraps",
  ]);
  // v7.3.md 7.2. The change of the kernel that fixed `partial_destroy_on_link_failure` also made
  // `vfio_partial_destroy` harmless (v7.3.md 1.4).
  assertEquals(
    KERNELS["7.2.12"].quirks.difference(KERNELS["7.3-rc7"].quirks),
    new Set(["partial_destroy_on_link_failure", "vfio_partial_destroy"]),
  );
  assertEquals(KERNELS["7.3-rc7"].quirks.difference(KERNELS["7.2.12"].quirks).size, 0);
  assert(KERNELS["7.2.6"].quirks.has("gap_bit_lost_on_split"));
  assert(!KERNELS["7.2.12"].quirks.has("gap_bit_lost_on_split"));
  assert(KERNELS["7.2.12"].quirks.has("gap_of_next_piece_counts"));
  assertEquals(new Set(QUIRK_NAMES).size, QUIRK_NAMES.length);
});

Deno.test("buildConfig() takes a granule's usual page sizes when none are given", () => {
  const config = sound("machine { iommu { mode = strict, model = smmu, granule = 64KiB } }");
  assertEquals(config.iommu.pageSizesBytes, [64 * KIB, 512 * MIB]);
});

Deno.test("buildConfig() takes a plain int where a size or an address is wanted", () => {
  const config = sound("machine { region low { at = 1048576, size = 4096 } }");
  assertEquals(config.regions[0]?.basePhys as number, MIB);
});

for (
  const [what, text, expected] of [
    [
      "an unknown key, and names the one meant",
      "machine { cpu = 2 }",
      'E0501 cpu: There is no "cpu" in the machine (did you mean `cpus`?)',
    ],
    [
      "a key of another block, and says whose it is",
      "machine { granule = 4KiB }",
      'E0501 granule: There is no "granule" in the machine (it is a key of iommu)',
    ],
    [
      "an unknown kind of device",
      "machine { pci { root_port rp0 { nmve ssd { } } } }",
      'E0501 nmve: There is no "nmve" in root_port "rp0" (did you mean `nvme`?)',
    ],
    [
      "a value of the wrong kind",
      "machine { swiotlb { size = 10ms } }",
      "E0502 10ms: Cannot use a duration (10ms) as size of swiotlb (write a size such as 64KiB)",
    ],
    [
      "a size that is not a power of two, and names its neighbours",
      "machine { iommu { granule = 5KiB } }",
      "E0503 5KiB: Cannot use 5KiB as granule of iommu: it is not a power of two (the nearest " +
      "ones are 4KiB and 8KiB)",
    ],
    [
      "a number out of range",
      "machine { cpus = 1000 }",
      "E0503 1000: Cannot use 1_000 as cpus of the machine: it is too large (from 1 to 64)",
    ],
    [
      "a key given twice",
      "machine { cpus = 1, cpus = 2 }",
      'E0504 cpus: "cpus" is given twice',
    ],
    [
      "a block given twice",
      "machine { iommu { mode = strict } iommu { mode = lazy } }",
      'E0504 iommu: "iommu" is given twice',
    ],
    [
      "a device outside PCI",
      "machine { nvme ssd { queues = 1 } }",
      "E0505 nvme: The block `nvme` is not allowed in the machine (it belongs in pci, host_bridge, root_port, switch, port, bridge or device)",
    ],
    [
      "a region without a name",
      "machine { region { at = 1MiB, size = 1MiB } }",
      "E0506 region: This region has no name (write region NAME { … })",
    ],
    [
      "a name for what there is only one of",
      "machine { ram main { size = 1GiB } }",
      "E0506 main: The block `ram` has no name (write ram { … })",
    ],
    [
      "a name that is taken",
      "machine { pci { root_port ssd { nvme ssd { } } } }",
      'E0507 ssd: The name "ssd" is taken (choose another name)',
    ],
    [
      "a name that every machine has",
      "machine { region events { at = 1MiB, size = 1MiB } }",
      'E0507 events: The name "events" is taken (it is a built-in name of every machine)',
    ],
    [
      "a word that is none of the choices",
      "machine { iommu { mode = fail } }",
      "E0508 fail: Cannot use fail as mode of iommu (one of off, passthrough, strict, lazy)",
    ],
    [
      "a kernel that is no profile",
      'machine { kernel = "7.2.9" }',
      'E0508 "7.2.9": Cannot use "7.2.9" as kernel of the machine (nearest: "7.2.6" and "7.2.12"; one of ' +
      `${KERNEL_NAMES.map((name) => `"${name}"`).join(", ")}; short names: ${
        Object.entries(KERNEL_SHORT_NAMES).map(([short, full]) => `"${short}" is ${full}`).join(
          ", ",
        )
      })`,
    ],
    [
      "a service that is none, at its place in the list",
      "machine { pci { root_port rp0 { acs = [request_redirect, strict] } } }",
      'E0508 strict: Cannot use strict as acs of root_port "rp0" (one of source_validation, ' +
      "translation_blocking, request_redirect, completion_redirect, upstream_forwarding, " +
      "egress_control, direct_translated)",
    ],
    [
      "regions that overlap",
      "machine { region a { at = 1MiB, size = 2MiB } region b { at = 2MiB, size = 1MiB } }",
      'E0509 b: Region "b" (0x20_0000..0x30_0000) overlaps "a" (0x10_0000..0x30_0000)',
    ],
    [
      "a region without its place",
      "machine { region a { size = 1MiB } }",
      'E0510 a: The region "a" lacks `at`',
    ],
    [
      "a region whose place is refused, which is not missing",
      "machine { region a { at = -1MiB, size = 1MiB } }",
      'E0503 -1MiB: Cannot use -0x10_0000 as at of region "a": it is too small ' +
      "(from 0x0 to 0xf_ffff_ffff_ffff)",
    ],
    [
      "a reserved range below nothing",
      "machine { iommu { reserved = [-4096..4096] } }",
      "E0503 -4096..4096: Cannot use -0x1000 as a part of reserved of iommu: it is too small " +
      "(from 0x0 to 0xf_ffff_ffff_ffff)",
    ],
    [
      "a latency below nothing",
      "machine { latencies { iotlb_sync = -1ns } }",
      "E0503 -1ns: Cannot use -1ns as iotlb_sync of latencies: it is too small (from 0ns to 1000s)",
    ],
    [
      "a node's property that contradicts its coherence",
      `machine { pci { root_port rp0 { endpoint dev { properties = "dma-noncoherent" } } } }`,
      'E0511 "dma-noncoherent": "dev" has the property dma-noncoherent, and is coherent ' +
      "(coherence is the key `coherent`: write `coherent = false`)",
    ],
    [
      "the same the other way round",
      `machine { pci { root_port rp0 { endpoint dev { coherent = false, properties = "dma-coherent" } } } }`,
      'E0511 "dma-coherent": "dev" has the property dma-coherent, and is not coherent ' +
      "(coherence is the key `coherent`: write `coherent = true`)",
    ],
    [
      "page sizes without the granule",
      "machine { iommu { model = smmu, granule = 64KiB, page_sizes = [4KiB, 2MiB] } }",
      "E0511 [4KiB, 2MiB]: Cannot map granules of 64KiB with pages of 4KiB, 2MiB " +
      "(the smallest page size is the granule: [64KiB, 512MiB])",
    ],
    [
      "a granule that the model does not have",
      "machine { iommu { granule = 64KiB } }",
      "E0511 64KiB: The IOMMU model vtd has no granule of 64KiB (`model = smmu` has one)",
    ],
    [
      "a region outside the RAM",
      "machine { region far { at = 100GiB, size = 1MiB } }",
      'E0511 far: Region "far" (0x19_0000_0000..0x19_0010_0000) is not in RAM (RAM is at 0x0..0x1_0000_0000; `type = mmio` makes it an MMIO window)',
    ],
    [
      "an empty range",
      "machine { iommu { reserved = [0x2000..0x1000] } }",
      "E0503 0x2000..0x1000: The range 8192..4096 of reserved of iommu is empty",
    ],
    [
      "bounce buffers where there is no RAM",
      "machine { swiotlb { at = 8GiB } }",
      "E0511 8GiB: Cannot place 67108864 bytes of bounce buffers at 0x2_0000_0000: that is not all RAM",
    ],
    [
      "an answer of a device-TLB without its word",
      "machine { pci { root_port rp0 { endpoint nic { ats_answers = 50us } } } }",
      'E0502 50us: Cannot use this as ats_answers of endpoint "nic" (write at_once, late(50us) or never)',
    ],
    [
      "an unknown answer of a device-TLB",
      "machine { pci { root_port rp0 { endpoint nic { ats_answers = soon(50us) } } } }",
      'E0502 soon(50us): Cannot use this as ats_answers of endpoint "nic" (write at_once, late(50us) or never)',
    ],
    [
      "an answer that is late by nothing",
      "machine { pci { root_port rp0 { endpoint nic { ats_answers = late(0ns) } } } }",
      'E0503 0ns: Cannot use 0ns as the time of ats_answers of endpoint "nic": it is too small (from 1ns to 1000s)',
    ],
    [
      "an answer that is late by a size",
      "machine { pci { root_port rp0 { endpoint nic { ats_answers = late(4KiB) } } } }",
      'E0502 4KiB: Cannot use a size (4KiB) as the time of ats_answers of endpoint "nic" (write a duration such as 300ns)',
    ],
    [
      "a device-TLB without entries",
      "machine { pci { root_port rp0 { endpoint nic { ats_entries = 0 } } } }",
      'E0503 0: Cannot use 0 as ats_entries of endpoint "nic": it is too small (from 1 to 65_536)',
    ],
    [
      "a bus range that is no record",
      "machine { pci { root_port rp0 { endpoint nic { ranges = [0x1000..0x2000] } } } }",
      'E0502 0x1000..0x2000: Cannot use a range (4096..8192) as part of ranges of endpoint "nic" ' +
      "(write a list of records such as [{ cpu: 0x8000_0000, dma: 0, size: 1GiB }])",
    ],
    [
      "a bus range that lacks a part",
      "machine { pci { root_port rp0 { endpoint nic { ranges = [{ cpu: 0, size: 1GiB }] } } } }",
      'E0502 { cpu: 0, size: 1GiB }: A part of ranges of endpoint "nic" lacks `dma` ' +
      "(write a list of records such as [{ cpu: 0x8000_0000, dma: 0, size: 1GiB }])",
    ],
    [
      "a bus range with a part that it does not have",
      "machine { pci { root_port rp0 { endpoint nic { ranges = [{ cpu: 0, to: 0, size: 1GiB }] } } } }",
      'E0502 { cpu: 0, to: 0, size: 1GiB }: A part of ranges of endpoint "nic" has no key `to` ' +
      "(write a list of records such as [{ cpu: 0x8000_0000, dma: 0, size: 1GiB }])",
    ],
    [
      "a bus range inside a page",
      "machine { pci { root_port rp0 { endpoint nic { ranges = [{ cpu: 0x800, dma: 0, size: 4KiB }] } } } }",
      'E0503 { cpu: 0x800, dma: 0, size: 4KiB }: A part of ranges of endpoint "nic" cannot start at 0x800 ' +
      "(parts start at a page, and end below 2^52)",
    ],
    [
      "a device that does not come up",
      "machine { pci { root_port rp0 { nvme ssd { dma_mask_bits = 1 } } } }",
      'E0511 ssd: "ssd" does not come up: Cannot allocate queue 0 of ssd: ENOMEM ' +
      "(give the machine more RAM or the device a wider mask)",
    ],
    [
      "a disk of an encrypted guest behind an IOMMU on 7.3",
      'machine {\n kernel = "7.3.4"\n memory_encryption = true\n iommu { mode = strict }\n' +
      " pci { root_port rp0 { nvme dev { } } }\n}",
      'E0511 dev: "dev" does not come up: Cannot allocate queue 0 of dev: ENOMEM ' +
      "(7.3.4 has no coherent memory for an encrypted guest behind an IOMMU, v7.3.3.9: " +
      "choose `iommu.mode = off` or `passthrough`, or `memory_encryption = false`)",
    ],
    [
      "a migration device of one",
      'machine {\n kernel = "7.3.4"\n memory_encryption = true\n iommu { mode = strict }\n' +
      " pci { root_port rp0 { vfio dev { } } }\n}",
      'E0511 dev: "dev" does not come up: dev has no page for commands: ENOMEM ' +
      "(7.3.4 has no coherent memory for an encrypted guest behind an IOMMU, v7.3.3.9: " +
      "choose `iommu.mode = off` or `passthrough`, or `memory_encryption = false`)",
    ],
    [
      "a disk of one on 7.2",
      'machine {\n kernel = "7.2.13"\n memory_encryption = true\n iommu { mode = strict }\n' +
      " pci { root_port rp0 { nvme dev { } } }\n}",
      'E0511 dev: "dev" does not come up: The controller answers nothing that names a namespace: ENODEV ' +
      "(behind an IOMMU devices cannot read what an encrypted guest keeps private, dma.1.5: " +
      "choose `iommu.mode = off` or `passthrough`, or `memory_encryption = false`)",
    ],
    [
      "a topology that cannot be",
      "machine { pci { root_port rp0 { switch sw0 { } nvme ssd { } } } }",
      'E0511 rp0: Root port "rp0" has a switch and something else on one link ' +
      "(put all of it into the switch)",
    ],
    [
      "a path of a modifier that names no block",
      'machine { pci { root_port rp0 { nvme ssd { } } } }\ntest "x" with { sdd.mdts = none } { }',
      'E0512 sdd: No block of the machine is called "sdd" (did you mean `ssd`?)',
    ],
    [
      "a path of a modifier that names no key",
      'test "x" with { iommu.modus = strict } { }',
      'E0512 modus: There is no "modus" in iommu (did you mean `mode` or `model`?)',
    ],
    [
      "a defect that has no switch",
      "machine { quirks = [gap_bit_lost_on_splt] }",
      'E0513 gap_bit_lost_on_splt: There is no defect switch "gap_bit_lost_on_splt" ' +
      "(did you mean `gap_bit_lost_on_split`?)",
    ],
  ] as const
) {
  Deno.test(`buildConfig() refuses ${what}`, () => {
    assertEquals(build(text).messages, [expected]);
  });
}

Deno.test("buildConfig() returns a whole configuration even when every key is wrong", () => {
  const { config, messages } = build('machine { kernel = 1, cpus = "two", iommu { mode = 3 } }');
  assertEquals(messages.length, 3);
  assertEquals([config.kernel, config.cpus, config.iommu.mode], ["7.2.12", 1, "off"]);
});

Deno.test("every row of the machine schema has a doc, and every child block exists", () => {
  for (const spec of MACHINE_SCHEMA.blocks.values()) {
    assert(spec.doc.endsWith("."), spec.keyword);
    for (const child of spec.children) MACHINE_SCHEMA.block(child);
    for (const row of spec.settings) assert(row.doc.endsWith("."), `${spec.keyword}.${row.key}`);
    const keys = spec.settings.map(({ key }) => key);
    assertEquals(new Set(keys).size, keys.length, spec.keyword);
  }
});
