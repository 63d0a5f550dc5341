import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError, type SourceLoader } from "@dmalab/lang/syntax";
import { givenMachine } from "./given_machine.ts";
import { hunt } from "./hunt.ts";
import { runScenarioText } from "./scenario_check.ts";
import { quirksOf, resolveKernel } from "@dmalab/runtime/kernels";

const LAB = `machine {
  kernel = "7.2.6"
  cpus = 2
  iommu { mode = strict }
  pci { root_port rp0 { switch sw {
    nvme fast { queues = 2, sgl = true, mdts = 128KiB, depth = 8 }
    endpoint cmb { bar = 32MiB, p2pmem = 32MiB }
  } } }
}
`;

function loaderOf(text: string): SourceLoader {
  return {
    load: (path) =>
      path === "lab.dma"
        ? new SourceFile(path, text)
        : new LoadError("not_found", `There is no file "${path}"`),
  };
}

function configOf(text: string) {
  const { program } = loadProgram(new SourceFile("lab.dma", text), loaderOf(text));
  assert(program !== null);
  return program.machine.config;
}

function given(text: string) {
  return givenMachine(configOf(text), "lab.dma");
}

Deno.test("the machine of a file is taken as its disk and its peers are", () => {
  const machine = given(LAB);
  assert(typeof machine !== "string", String(machine));
  const { depth, mdtsBytes, mode, peer, sgl } = machine;
  assertEquals([mode, sgl, mdtsBytes, depth, peer], ["strict", true, 131072, 8, "same_switch"]);
  assertEquals([machine.given!.disk, machine.given!.peer], ["fast", "cmb"]);
});

Deno.test("without a disk, or without room, a sentence says why there is nothing to hunt on", () => {
  const nothing = given("machine { }\n");
  assertEquals(nothing, 'The machine of "lab.dma" has no disk: put an nvme block into it');
  const small = given("machine { ram { size = 256MiB }; pci { root_port rp { nvme d { } } } }\n");
  assertEquals(
    small,
    'The hunt needs 448 MiB of unused RAM at 16 MiB: the machine of "lab.dma" has no RAM there, or ' +
      "uses it",
  );
});

Deno.test("a finding on the machine of a file uses the file, and fails beside it", () => {
  const machine = given(LAB);
  assert(typeof machine !== "string");
  const quirks = quirksOf(resolveKernel(configOf(LAB)));
  const result = hunt({
    release: { kernel: "7.2.6", quirks },
    seed: 1,
    cases: 60,
    where: { machine, loader: loaderOf(LAB) },
    mayGoOn: () => true,
  });
  const [finding] = result.findings;
  assertEquals(finding!.switches, ["gap_bit_lost_on_split"]);
  assertStringIncludes(finding!.scenario, 'use "lab.dma"\n');
  assertStringIncludes(finding!.scenario, "fast.submit(read");
  assertEquals(runScenarioText(finding!.scenario, loaderOf(LAB)).end, "failed");
  assertEquals(runScenarioText(finding!.scenario).end, "wrong");
});
