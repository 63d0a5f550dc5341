/**
 * Compares the tables of a recording with the machine's own data at the end of each activity.
 * tests/examples_test.ts does this for every run of every example, tests/checks_test.ts for
 * random machines.
 */
import { assert, assertEquals, AssertionError } from "@std/assert";
import { LAB_TABLES } from "@dmalab/devices";
import { BUILTINS } from "@dmalab/lang/builtins";
import { SourceFile } from "@dmalab/lang";
import { memoryFiles, type SourceLoader } from "@dmalab/lang/syntax";
import { loadProgram } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/program";
import { type AnyTableSpec, HELD_TABLES, MAPPINGS } from "@dmalab/runtime/recording";
import { DISK_TABLES, Watch } from "./recording/watched_machine.ts";
import { openScenario, scenariosBelow } from "./examples.ts";

/**
 * A scenario that keeps buffers of migrations while other work is done. The examples do a migration
 * without interruption.
 */
const KEPT_BUFFERS = `machine {
  iommu { mode = strict }
  pci {
    root_port rp0 { vfio vf { state = 64KiB } }
    root_port rp1 { nvme ssd { } }
  }
}
let page = alloc_pages(1)
let kept = vf.alloc_buffer(20, from_device, contiguous: false)
wait ssd.submit(read, lba: 0, into: page)
vf.put_buffer(kept)
wait ssd.submit(read, lba: 0, into: page)
let again = vf.get_buffer(16, from_device, contiguous: false)
wait ssd.submit(read, lba: 0, into: page)
vf.free_buffer(again)
wait ssd.submit(read, lba: 0, into: page)
`;

/** @param mode Mode of the IOMMU; null for the example's own. */
function watchExample(path: string, watch: Watch, mode: "off" | null = null): void {
  const { entry, loader } = openScenario(path);
  watchScript(entry, loader, watch, mode);
}

/** Runs a script and watches all its machines. @throws {AssertionError} At the first row that differs. */
function watchScript(
  entry: SourceFile,
  loader: SourceLoader,
  watch: Watch,
  mode: "off" | null = null,
): void {
  const registry: typeof BUILTINS = {
    ...BUILTINS,
    buildMachine: (config, options) => {
      const asked = mode === null ? config : { ...config, iommu: { ...config.iommu, mode } };
      const machine = BUILTINS.buildMachine(asked, options);
      watch.attach(machine.lab);
      return machine;
    },
  };
  runProgram(loadProgram(entry, loader, registry).program!);
  for (const watched of watch.watched) watch.end(watched);
}

Deno.test("tables of a recording are true while buffers of a migration are kept", () => {
  const watch = new Watch();
  watchKept(watch);
  const { recording: { tables } } = watch.watched[0]!;
  const made = ["migration_buffers", "migration_mappings", "migration_keys"]
    .map((name) => tables.get(name)!.count);
  assertEquals(made, [3, 1, 1]);
});

function watchKept(watch: Watch): void {
  watchScript(new SourceFile("kept.dma", KEPT_BUFFERS), memoryFiles({}), watch);
}

/** Examples that together make every change of every table. */
const TELLING = [
  "start/02-hello-map",
  "api/04-two-step-unwind",
  "block/01-bio-to-segments",
  "start/03-directions",
  "iova/04-lazy-window",
  "swiotlb/04-cvm-bounce",
  "swiotlb/05-growing",
  "nvme/06-doorbells-interrupts",
  "nvme/07-disk-gone",
  "processes/01-hmm-odp",
  "processes/04-what-a-process-does",
];

for (const [size, paths] of [["", TELLING], [" (long)", null]] as const) {
  Deno.test(`live_mappings and the rows of mappings agree at each event of examples${size}`, () => {
    let counts = 0;
    const examples = paths?.map((path) => `examples/${path}.dma`) ?? scenariosBelow("examples");
    for (const path of examples) {
      for (const mode of [null, "off"] as const) {
        const watch = new Watch([MAPPINGS]);
        watchExample(path, watch, mode);
        counts += watch.counts;
      }
    }
    assert(counts > 50 * examples.length, `${counts}`);
  });
}

/**
 * A change that cannot be compared with the machine's data. For a device without translation, the
 * machine does not store which mappings need no unmap. `runtime_tables_test.ts` tests this change.
 */
const KEPT_NOWHERE = "mappings nvme.unmap";

/**
 * Further tables for which a machine keeps no list: `resource_tracker_test.ts`,
 * `vfio_tables_test.ts` and `container_tables_test.ts` test these tables.
 */
const NO_LISTS = new Set([
  ...["incidents", "migration_pages", "vfio_areas"],
  ...HELD_TABLES.map(({ name }) => name),
]);

for (const spec of LAB_TABLES.filter(({ name }) => !NO_LISTS.has(name))) {
  for (const [index, name] of Object.keys(spec.changes).entries()) {
    if (`${spec.name} ${name}` === KEPT_NOWHERE) continue;
    const size = index === 0 ? "" : " (long)";
    Deno.test(`table ${spec.name} that leaves ${name} out is caught${size}`, () => {
      const changes = { ...spec.changes, [name]: () => {} };
      const kept = DISK_TABLES.includes(spec.name)
        ? LAB_TABLES.filter(({ name }) => DISK_TABLES.includes(name))
        : [spec];
      const specs = kept.map((each) => each === spec ? { ...spec, changes } : each);
      const runs = [
        watchKept,
        ...TELLING.map((name) => (watch: Watch) => watchExample(`examples/${name}.dma`, watch)),
      ];
      assert(runs.some((run) => differs(run, specs)), "nothing differs");
    });
  }
}

function differs(run: (watch: Watch) => void, specs: readonly AnyTableSpec[]): boolean {
  try {
    run(new Watch(specs));
    return false;
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
}
