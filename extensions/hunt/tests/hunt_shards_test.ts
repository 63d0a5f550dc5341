/** Hunts divided among many machines, tested from outside: shards, their files, and merging. */
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { openShardFile, readShardFile } from "../cli/shard_file.ts";
import { FileError } from "@dmalab/cli";
import { hasUnprintableText } from "@dmalab/lang/diagnostics";
import { dmalab, ROOT, runProgram } from "@dmalab/tests";
import { join } from "node:path";
import { parse as parseYaml } from "deno-std/yaml/parse.js";
import { HUNTS, inFolder, mergedIn, textsOf } from "./hunt_shards.ts";

for (const [name, hunt] of HUNTS) {
  Deno.test(`what three shards of ${name} found is merged to the output of one run`, () =>
    inFolder(async (folder) => {
      const words = hunt(folder);
      const one = await dmalab("hunt", ...words);
      for (const shard of [3, 1, 2]) {
        // The second run reads the records of the first one.
        for (let turn = 0; turn < 2; turn++) {
          const ran = await dmalab("hunt", ...words, "--shard", `${shard}/3`, "--out", folder);
          const has = Deno.readTextFileSync(`${folder}/shard-000${shard}.jsonl`).includes(
            '"cause"',
          );
          assertEquals([ran.code, ran.errors], [has ? 1 : 0, ""]);
          assertEquals(ran.output.includes(", nothing found"), !has);
        }
      }
      assertEquals(await mergedIn(folder), one);
      assertEquals([one.code, one.errors], [1, ""]);
    }));
}

Deno.test("a shard that was cut anywhere goes on there, and no seed counts twice", () =>
  inFolder(async (folder) => {
    const words = ["--mode", "off", "--cases", "5", "--seeds", "3", "--shard", "1/1"];
    const run = (out: string) => dmalab("hunt", ...words, "--out", out);
    assertEquals((await run(`${folder}/whole`)).code, 0);
    const [[name, text]] = textsOf(`${folder}/whole`) as [[string, string]];
    const [whole, torn] = ["whole", "torn"].map((each) => `${folder}/${each}/${name}`) as [
      string,
      string,
    ];
    Deno.mkdirSync(`${folder}/torn`);
    const head = JSON.parse(text.slice(0, text.indexOf("\n")));
    const headText = text.slice(0, text.indexOf("\n") + 1);
    for (let length = 0; length <= text.length; length++) {
      Deno.writeTextFileSync(torn, text.slice(0, length));
      const records = openShardFile(torn, head);
      const lines = text.slice(0, text.lastIndexOf("\n", length - 1) + 1);
      const kept = length === 0 || lines === "" ? headText : lines;
      assertEquals(Deno.readTextFileSync(torn), kept, `cut at ${length}`);
      assertEquals(records.length, kept.split("\n").length - 2, `cut at ${length}`);
    }
    for (const length of [9, headText.length + 30, text.length - 20]) {
      Deno.writeTextFileSync(torn, text.slice(0, length));
      const { code, errors } = await run(`${folder}/torn`);
      assertEquals([code, errors, Deno.readTextFileSync(torn)], [0, "", text]);
    }
    const twice = await dmalab("hunt", "merge", whole, torn);
    assertStringIncludes(twice.output, "| 3 of 3 seeds tried, 15 cases | nothing found\n");
    Deno.writeTextFileSync(torn, text.replace('"seed":1,"cases":5', '"seed":1,"cases":6'));
    const two = await dmalab("hunt", "merge", whole, torn);
    assertEquals(two.code, 2);
    assertStringIncludes(two.errors, "Seed 1 has two results");
  }));

Deno.test("a merge without all shards names those that are missing, and is no success", () =>
  inFolder(async (folder) => {
    const run = (shard: number) =>
      dmalab(
        ...["hunt", "--quirks", "none", "--cases", "5", "--seeds", "6"],
        ...["--shard", `${shard}/4`, "--out", folder],
      );
    for (const shard of [1, 3]) await run(shard);
    const [[name, text]] = textsOf(folder) as [[string, string]];
    Deno.writeTextFileSync(`${folder}/${name}`, text.slice(0, -20));
    const { code, output } = await mergedIn(folder);
    assertEquals(code, 3, output);
    assertEquals(output.split("\n"), [
      "# shard 1 of 4: 1 seed not tried",
      "# shard 2 of 4: no file",
      "# shard 4 of 4: no file",
      '# incomplete | dmalab hunt --quirks "none" --cases 5 --seed 1 --seeds 6 | 2 of 6 seeds tried, 10 cases | ' +
      "nothing found in what was tried",
      "",
    ]);
    for (const shard of [1, 2, 4]) await run(shard);
    const whole = await mergedIn(folder);
    assertEquals([whole.code, whole.output], [
      0,
      '# ok | dmalab hunt --quirks "none" --cases 5 --seed 1 --seeds 6 | 6 of 6 seeds tried, 30 cases | ' +
      "nothing found\n",
    ]);
  }));

Deno.test("a seed with fewer cases than the hunt has is no success", () =>
  inFolder(async (folder) => {
    const words = ["hunt", "--quirks", "none", "--cases", "5", "--seeds", "3", "--out", folder];
    assertEquals((await dmalab(...words)).code, 0);
    const [[name, text]] = textsOf(folder) as [[string, string]];
    Deno.writeTextFileSync(
      `${folder}/${name}`,
      text.replace('"seed":2,"cases":5', '"seed":2,"cases":0'),
    );
    const { code, output } = await mergedIn(folder);
    assertEquals([code, output], [
      3,
      "# shard 1 of 1: seed 2 tried 0 of 5 cases\n" +
      '# incomplete | dmalab hunt --quirks "none" --cases 5 --seed 1 --seeds 3 | 3 of 3 seeds tried, 10 cases | ' +
      "nothing found in what was tried\n",
    ]);
  }));

Deno.test("shards of two hunts are not merged, and a shard keeps the file of another hunt", () =>
  inFolder(async (folder) => {
    const run = (cases: string, shard: string) =>
      dmalab("hunt", "--mode", "off", "--cases", cases, "--shard", shard, "--out", folder);
    await run("5", "3/3");
    Deno.renameSync(`${folder}/shard-0003.jsonl`, `${folder}/old.jsonl`);
    await run("6", "3/3");
    const before = textsOf(folder);
    for (const [cases, shard] of [["5", "3/3"], ["6", "3/4"]] as const) {
      const kept = await run(cases, shard);
      assertEquals([kept.code, kept.output], [2, ""]);
      assertStringIncludes(kept.errors, "belongs to another hunt or shard");
    }
    assertEquals(textsOf(folder), before);
    const both = await mergedIn(folder);
    assertEquals([both.code, both.output], [2, ""]);
    assertStringIncludes(both.errors, "belong to different hunts");
  }));

Deno.test(
  "a file whose first line or records are wrong is no shard's",
  () =>
    inFolder((folder) => {
      const path = `${folder}/shard.jsonl`;
      const read = (...lines: unknown[]) => {
        Deno.writeTextFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
        return readShardFile(path);
      };
      const head = { hunt: "dmalab hunt", version: "1", seed: 1, seeds: 4, shards: 2, shard: 2 };
      const record = { seed: 4, cases: 5, findings: [] };
      assertEquals(read(head, record)?.records, [record]);
      const heads = [{ seeds: 1e15 }, { shard: 3 }, { shard: 0 }, { shards: 0.5 }, { hunt: null }];
      for (const wrong of [5, {}, ...heads.map((change) => ({ ...head, ...change }))]) {
        assertThrows(() => read(wrong), FileError, "it is not a shard file");
      }
      for (const wrong of [{ findings: [3] }, { cases: -5 }, { cases: 0.5 }, { seed: 3 }]) {
        assertThrows(
          () => read(head, { ...record, ...wrong }),
          FileError,
          ":2: this line is not a record of a seed",
        );
      }
      Deno.writeTextFileSync(path, "notes of mine, without an end of line");
      assertThrows(() => readShardFile(path), FileError, "it is not a shard file");
    }),
);

Deno.test("what a shard's file brings along is escaped where it is printed", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-shards-" });
  const head = { hunt: "\x1b[2J", version: "1", seed: 1, seeds: 1, shards: 1, shard: 1 };
  const findings = [{ cause: "red\x1b[31m", scenario: 'test "\u202e" { }\n' }];
  const lines = [head, { seed: 1, cases: 5, findings }];
  const path = `${folder}/shard.jsonl`;
  Deno.writeTextFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const { code, output } = await runProgram(["hunt", "merge", path], { folder }, "-R");
  assertEquals(code, 1);
  assertEquals(hasUnprintableText(output), false);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("shards that there are not, too many files, and a driver that cannot be tested are errors", () =>
  inFolder(async (folder) => {
    const drivers = Deno.readTextFileSync(`${folder}/lists.dma`);
    const full = drivers.replace("machine {", "machine {\n  swiotlb { at = 16MiB }");
    Deno.writeTextFileSync(`${folder}/lists.dma`, full);
    for (
      const [words, said] of [
        [["--shard", "3/2", "--out", folder], /^error: --shard takes a part such as 2\/4/],
        [["--seeds", "2", "--seconds", "5"], /^error: --seconds is for a hunt with one seed/],
        [["--shard", "2/3", "--seeds", "2"], /^error: --shard 2\/3 needs 3 seeds, not --seeds 2/],
        [["merge"], /^error: hunt merge needs the files of the shards/],
        [["a.dma", "b.dma"], /^error: hunt takes one scenario, not also "b.dma"/],
        [
          [`${folder}/lists.dma`, "--seeds", "2"],
          /^error: The driver ".+" cannot be tested: the hunt allocates buffers in the 256MiB /,
        ],
      ] as const
    ) {
      const { code, errors } = await dmalab("hunt", ...words);
      assertEquals(code, 2, errors);
      assertMatch(errors, said);
    }
  }));

/** Runs a job's file in its folder with a fake `dmalab` that records its arguments. */
async function runJob(
  folder: string,
  [command, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
  more = "",
) {
  const [log, program] = [`${folder}/log`, `${folder}/dmalab`];
  Deno.writeTextFileSync(log, "");
  Deno.writeTextFileSync(program, `#!/bin/sh\necho "$@" >>${log}\n${more}\n`, { mode: 0o755 });
  const PATH = `${folder}:${Deno.env.get("PATH")}`;
  const options = { args, cwd: folder, env: { ...env, PATH }, stderr: "null" } as const;
  const { code } = await new Deno.Command(command, options).output();
  return { code, lines: Deno.readTextFileSync(log).trimEnd().split("\n") };
}

const job = (name: string) => join(ROOT, "examples/jobs", name);
const SHARDS = Array.from({ length: 64 }, (_, index) => index + 1);
const lineOf = (shard: number, out: string) =>
  `hunt --seeds 500 --cases 2000 --shard ${shard}/64 --out ${out}`;

Deno.test("the job for Slurm starts each shard, a killed one again, and one that was ended not", () =>
  inFolder(async (folder) => {
    const text = Deno.readTextFileSync(job("slurm.sh"));
    assertEquals(text.match(/^#SBATCH --array=(.*)$/m)?.[1], "1-64");
    const run = (signal: string, times: number, shard = 7) =>
      runJob(
        folder,
        ["sh", job("slurm.sh")],
        { SLURM_ARRAY_TASK_ID: `${shard}` },
        `[ "$(wc -l <${folder}/log)" -gt ${times} ] || kill -${signal} $$`,
      );
    for (
      const [signal, times, lines, code] of [
        ["KILL", 2, 3, 0],
        ["KILL", 9, 5, 137],
        ["TERM", 9, 1, 143],
        ["0", 9, 1, 0],
      ] as const
    ) {
      const ran = await run(signal, times);
      assertEquals([ran.lines, ran.code], [Array(lines).fill(lineOf(7, "results")), code]);
    }
  }));

Deno.test("the job for Kubernetes is an Indexed Job that starts each shard once", () =>
  inFolder(async (folder) => {
    const { apiVersion, kind, spec } = parseYaml(
      Deno.readTextFileSync(job("kubernetes.yaml")),
      // deno-lint-ignore no-explicit-any
    ) as any;
    const { containers: [shard], restartPolicy, volumes } = spec.template.spec;
    assertEquals([apiVersion, kind, restartPolicy], ["batch/v1", "Job", "OnFailure"]);
    assertEquals([spec.completionMode, spec.completions], ["Indexed", SHARDS.length]);
    assertEquals(shard.volumeMounts[0].name, volumes[0].name);
    const words = shard.command.map((word: string) => word.replaceAll("$$", "$"));
    for (const index of [0, 63]) {
      const { lines } = await runJob(folder, words, { JOB_COMPLETION_INDEX: `${index}` });
      assertEquals(lines, [lineOf(index + 1, shard.volumeMounts[0].mountPath)]);
    }
  }));

const hasParallel = await new Deno.Command("sh", { args: ["-c", "command -v parallel"] }).output()
  .then(({ success }) => success);

Deno.test({
  name: "the job for GNU parallel starts each shard, and a killed one again",
  ignore: !hasParallel,
  fn: () =>
    inFolder(async (folder) => {
      // Shard 5 is killed at its first start.
      const more = `case "$*" in *" 5/64 "*) [ -e ${folder}/5 ] || { touch ${folder}/5; ` +
        "kill -KILL $$; };; esac";
      const { code, lines } = await runJob(folder, ["sh", job("parallel.sh")], {}, more);
      assertEquals(code, 0);
      const started = [...SHARDS, 5].map((shard) => lineOf(shard, "results"));
      assertEquals(lines.toSorted(), started.toSorted());
    }),
});

Deno.test("a shard of a scenario that was changed does not go on, and a hunt without a case is no success", () =>
  inFolder(async (folder) => {
    const scenario = `${folder}/m.dma`;
    const write = (kernel: string) =>
      Deno.writeTextFileSync(
        scenario,
        `machine { kernel = "${kernel}"\n pci { root_port rp0 { nvme ssd { } } } }\n`,
      );
    write("6.12");
    const words = [scenario, "--cases", "3", "--seeds", "2", "--out", `${folder}/out`];
    assertEquals((await dmalab("hunt", ...words)).code, 0);
    assertEquals((await dmalab("hunt", ...words)).code, 0);
    Deno.writeTextFileSync(scenario, `${Deno.readTextFileSync(scenario)}# changed\n`);
    const again = await dmalab("hunt", ...words);
    assertEquals(again.code, 2);
    assertStringIncludes(again.errors, "before its scenario or drivers were changed");
    const none = await dmalab("hunt", scenario, "--seconds", "0");
    assertEquals([none.code, none.output], [2, ""]);
    assertStringIncludes(none.errors, "stopped before its first case");
  }));
