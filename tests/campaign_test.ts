/** Campaigns from outside: plans, shards and what is merged. */
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { type CampaignPlan, triesOf } from "../cli/campaign/plan.ts";
import { readShardFile } from "../cli/campaign/shard_file.ts";
import { FileError } from "../cli/files/file_error.ts";
import { hasUnprintableText } from "../lang/diagnostics/display_width.ts";
import { PLAN, textsOf, withPlan } from "./campaign/plan.ts";
import { dmalab } from "./dmalab_program.ts";

const SMALL = {
  ...PLAN,
  tries: [{ ...PLAN.tries[0]!, modes: ["strict"], seeds: [1, 3], cases: 80 }],
};

async function merged(folder: string, results: string) {
  const files = textsOf(`${folder}/${results}`).map(([name]) => `${folder}/${results}/${name}`);
  const out = `${folder}/found-${results}`;
  const ran = await dmalab("campaign", "merge", ...files, "--out", out);
  return { ...ran, texts: textsOf(out) };
}

Deno.test("a mistake in a plan is named with its code, its place and what is meant", async () => {
  const broken = (change: (text: string) => string) =>
    withPlan(PLAN, async (_, plan) => {
      Deno.writeTextFileSync(plan, change(Deno.readTextFileSync(plan)));
      const { code, errors } = await dmalab("campaign", plan);
      assertEquals(code, 2, errors);
      return errors;
    });
  const unknown = await broken((text) => text.replace('"seeds"', '"seed"'));
  assertMatch(unknown, /^error\[E1201\]: unknown key `seed`\n +--> .*night\.json:11:15\n/);
  assertStringIncludes(unknown, "hint: did you mean `seeds`?");
  for (
    const [from, to, message] of [
      ['"7.3.4"', '"7.33"', 'unknown item of `releases`: "7.33"'],
      ['"strict"', '"strictly"', 'unknown item of `modes`: "strictly"'],
      ['"lazy"', '"strict"', '"strict" is listed twice'],
      ["150", "0", "`cases` must be an integer from 1 to"],
      ['"shards": 3', '"shards": 201', "`shards` must be an integer from 1 to 200"],
      ['"night"', '"Night of the shards"', "`name` must have 1 to 40 lower-case letters"],
      ['"driver"', '"drvier"', "must have exactly one of `hunt`, `driver` and `suite`"],
      ['"tries": [', '"tries": [,', "a value is missing here"],
    ] as const
  ) {
    assertStringIncludes(await broken((text) => text.replace(from, to)), message);
  }
  const missing = await broken((text) => text.replace("lists.dma", "none.dma"));
  assertStringIncludes(missing, "none.dma");
});

Deno.test("a plan makes the jobs of every engine, which start each shard once", async () => {
  await withPlan(PLAN, async (folder, plan) => {
    const { code, output } = await dmalab("campaign", plan, "--out", `${folder}/jobs`);
    assertEquals(code, 0);
    assertStringIncludes(output, "night: 14 tries in 3 shards");
    const texts = new Map(textsOf(`${folder}/jobs`));
    assertStringIncludes(texts.get("slurm.sh")!, "#SBATCH --array=0-2\n");
    assertStringIncludes(texts.get("kubernetes.yaml")!, "completions: 3\n");
    assertStringIncludes(texts.get("github.yml")!, "index: [1, 2, 3]\n");
    assertStringIncludes(texts.get("gitlab.yml")!, "parallel: 3\n");
    assertStringIncludes(texts.get("parallel.sh")!, "seq 3 | parallel");
  });
});

Deno.test("a shard whose last line is torn goes on there, and no try counts twice", async () => {
  await withPlan(SMALL, async (folder, plan) => {
    const run = (out: string, shard: number) =>
      dmalab("campaign", "run", plan, "--out", `${folder}/${out}`, "--shard", `${shard}/3`);
    for (const shard of [1, 2, 3]) assertEquals((await run("whole", shard)).code, 0);
    const whole = await merged(folder, "whole");
    assertEquals(whole.code, 1);
    assertStringIncludes(whole.output, "tried 3 of 3 tries");
    Deno.mkdirSync(`${folder}/torn`);
    for (const [name, text] of textsOf(`${folder}/whole`)) {
      Deno.writeTextFileSync(`${folder}/torn/${name}`, text.slice(0, -20));
    }
    const partly = await merged(folder, "torn");
    assertStringIncludes(partly.output, "tried 0 of 3 tries, 0 cases; not yet tried: 3");
    assertEquals(partly.code, 3);
    assertStringIncludes(partly.output, "\n- shard 2 of 3: 1 try without a record\n");
    for (const shard of [1, 2, 3]) await run("torn", shard);
    Deno.copyFileSync(`${folder}/whole/shard-0002.jsonl`, `${folder}/torn/shard-0002-again.jsonl`);
    assertEquals((await merged(folder, "torn")).texts, whole.texts);
  });
});

Deno.test("a merge without all shards names those that are missing, and is no success", () =>
  withPlan(
    { ...SMALL, shards: 4, tries: [{ suite: ["look.dma"], seeds: [1, 6] }] },
    async (folder, plan) => {
      for (const shard of [1, 3]) {
        await dmalab("campaign", "run", plan, "--out", `${folder}/r`, "--shard", `${shard}/4`);
      }
      const { code, output } = await merged(folder, "r");
      assertEquals(code, 3, output);
      assertEquals(output.match(/^- shard .*$/gm), [
        "- shard 2 of 4: no file",
        "- shard 4 of 4: no file",
      ]);
      assertStringIncludes(output, "\nNo defect found in what was tried.\n");
      for (const shard of [2, 4]) {
        await dmalab("campaign", "run", plan, "--out", `${folder}/r`, "--shard", `${shard}/4`);
      }
      const whole = await merged(folder, "r");
      assertEquals(
        [whole.code, /not finished|shard/i.test(whole.output)],
        [0, false],
        whole.output,
      );
      assertStringIncludes(whole.output, "\nNo defect found.\n");
    },
  ));

Deno.test("a killed shard is started again by the script for Slurm, and one that was ended is not", () =>
  withPlan(PLAN, async (folder, plan) => {
    await dmalab("campaign", plan, "--out", `${folder}/jobs`);
    const runs = async (signal: string, times: number) => {
      const [count, command] = [`${folder}/count`, `${folder}/command`];
      Deno.writeTextFileSync(count, "");
      const kill = `[ "$(wc -c <${count})" -gt ${times} ] || kill -${signal} $$`;
      Deno.writeTextFileSync(command, `#!/bin/sh\nprintf x >>${count}\n${kill}\n`, { mode: 0o755 });
      const options = { args: [`${folder}/jobs/slurm.sh`], env: { DMALAB: command } };
      const { code } = await new Deno.Command("sh", { ...options, stderr: "null" }).output();
      return [Deno.readTextFileSync(count).length, code];
    };
    assertEquals(await runs("KILL", 2), [3, 0]);
    assertEquals(await runs("KILL", 9), [5, 137]);
    assertEquals(await runs("TERM", 9), [1, 143]);
    assertEquals(await runs("0", 9), [1, 0]);
  }));

Deno.test("shards of two plans are not merged, and a shard keeps the file of another plan", async () => {
  await withPlan(SMALL, async (folder, plan) => {
    const run = (...words: string[]) =>
      dmalab("campaign", "run", plan, "--out", `${folder}/r`, ...words);
    await run("--shard", "3/3");
    Deno.copyFileSync(`${folder}/r/shard-0003.jsonl`, `${folder}/old.jsonl`);
    Deno.writeTextFileSync(plan, JSON.stringify({ ...SMALL, name: "day" }));
    const kept = await run("--shard", "3/3");
    assertEquals([kept.code, kept.output], [2, ""]);
    assertStringIncludes(kept.errors, "belongs to another plan or shard");
    Deno.removeSync(`${folder}/r/shard-0003.jsonl`);
    await run("--shard", "3/3");
    const both = await dmalab(
      "campaign",
      "merge",
      `${folder}/r/shard-0003.jsonl`,
      `${folder}/old.jsonl`,
    );
    assertEquals(both.code, 2);
    assertStringIncludes(both.errors, "belong to different plans");
    const other = await run("--shard", "1/4");
    assertStringIncludes(other.errors, "--shard must be I/3: the plan has 3 shards");
    const none = await run();
    assertStringIncludes(none.errors, "no shard number");
  });
});

Deno.test("a file whose first line or records are wrong is no shard's", () =>
  withPlan(SMALL, (folder) => {
    const lists = { files: [], releases: [], modes: [], seeds: [1, 1] };
    const tries = [{ kind: "hunt", ...lists, cases: 5, quirks: null }];
    const campaign = { name: "night", shards: 1, tries };
    const path = `${folder}/shard.jsonl`;
    const read = (...lines: unknown[]) => {
      Deno.writeTextFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      return readShardFile(path);
    };
    const record = { key: "hunt, 5 cases, seed 1", cases: 5, findings: [] };
    assertEquals(read({ campaign, shard: 1 }, record)?.records, [record]);
    const endless = { ...campaign, tries: [{ ...tries[0], seeds: [1, 1e15] }] };
    for (const wrong of [5, {}, { ...campaign, tries: [{}] }, endless]) {
      assertThrows(
        () => read({ campaign: wrong, shard: 1 }),
        FileError,
        "it is not a shard file",
      );
    }
    for (const wrong of [{ findings: [3] }, { cases: -5 }, { cases: 0.5 }]) {
      assertThrows(
        () => read({ campaign, shard: 1 }, { ...record, ...wrong }),
        FileError,
        ":2: this line is not a record of a try",
      );
    }
  }));

Deno.test("what a shard's file brings along is escaped where merge writes it", () =>
  withPlan(SMALL, async (folder) => {
    const lists = { files: ["\x1b[2J"], releases: [], modes: [], seeds: [1, 1] };
    const tries = [{ kind: "suite", ...lists, cases: 5, quirks: null }];
    const campaign = { name: "night", shards: 1, tries };
    const { key } = [...triesOf(campaign as unknown as CampaignPlan)][0]!;
    const findings = [{ cause: "red\x1b[31m", scenario: 'test "\u202e" { }\n' }];
    const lines = [{ campaign, shard: 1 }, { key, cases: 5, findings }];
    Deno.mkdirSync(`${folder}/r`);
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    Deno.writeTextFileSync(`${folder}/r/shard.jsonl`, text);
    const { texts } = await merged(folder, "r");
    assertEquals(texts.map(([, written]) => hasUnprintableText(written)), [false, false]);
  }));

Deno.test("a plan's name that scripts would take apart, and a driver that cannot be tested, are errors", () =>
  withPlan(SMALL, async (folder, plan) => {
    const spaced = `${folder}/my night.json`;
    Deno.copyFileSync(plan, spaced);
    const named = await dmalab("campaign", spaced);
    assertEquals([named.code, named.output], [2, ""]);
    assertStringIncludes(named.errors, 'Jobs cannot name "my night.json"');
    const drivers = Deno.readTextFileSync(`${folder}/lists.dma`);
    const full = drivers.replace("machine {", "machine {\n  swiotlb { at = 16MiB }");
    Deno.writeTextFileSync(`${folder}/lists.dma`, full);
    const ran = await dmalab("campaign", "run", plan, "--out", `${folder}/r`, "--shard", "1/3");
    assertEquals(ran.code, 2);
    assertMatch(
      ran.errors,
      /^error: The driver ".+" cannot be tested: the hunt allocates buffers in the 256MiB /,
    );
  }));

Deno.test("options of another action are refused", async () => {
  for (
    const [line, said] of [
      ["campaign night.json --shard 1/2", "`--shard` is for `campaign run`"],
      [
        "tree compile linux a.c --seed 3",
        "`--cases` and `--seed` are for `tree compare` and `tree diff`",
      ],
    ] as const
  ) {
    const { code, errors } = await dmalab(...line.split(" "));
    assertEquals([code, errors], [2, `error: ${said}\n`]);
  }
});
