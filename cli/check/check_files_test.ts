import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryScreen } from "../memory_screen.ts";
import { checkFiles } from "./check_files.ts";

const FILES = ["tests/bad/check-members.dma", "tests/bad/lexical-c-habits.dma", "no/such.dma"];

interface Location {
  readonly physicalLocation: {
    readonly artifactLocation: { readonly uri: string };
    readonly region: Readonly<Record<string, number>>;
  };
}

interface Sarif {
  readonly version: string;
  readonly runs: readonly [{
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly invocations: readonly [{
      readonly executionSuccessful: boolean;
      readonly toolExecutionNotifications: readonly { message: { text: string } }[];
    }];
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations: readonly [Location];
    }[];
  }];
}

async function written(format: "json" | "sarif") {
  const screen = new MemoryScreen();
  const code = await checkFiles(FILES, format, screen);
  return { code, errors: screen.errors, value: JSON.parse(screen.output) };
}

Deno.test("SARIF names each result's rule, its place and its level (SARIF 2.1.0, 3.27)", async () => {
  const { code, value, errors } = await written("sarif");
  assertEquals([code, errors], [2, ""]);
  const { version, runs: [run] } = value as Sarif;
  assertEquals(version, "2.1.0");
  const rules = run.tool.driver.rules.map(({ id }) => id);
  assertEquals(new Set(rules).size, rules.length);
  assert(run.results.length >= 8);
  for (const { ruleId, ruleIndex, level, message, locations } of run.results) {
    assertEquals(rules[ruleIndex], ruleId);
    assert(["error", "warning"].includes(level));
    assert(message.text.length > 10);
    const { artifactLocation, region } = locations[0].physicalLocation;
    assert(/^tests\/bad\/[\w-]+\.dma$/.test(artifactLocation.uri), artifactLocation.uri);
    assert(region["startLine"]! >= 1 && region["startColumn"]! >= 1);
    assert(region["endLine"]! >= region["startLine"]!);
    assert(
      region["endLine"]! > region["startLine"]! || region["endColumn"]! >= region["startColumn"]!,
    );
  }
  const [invocation] = run.invocations;
  assertEquals(invocation.executionSuccessful, false);
  assertStringIncludes(
    invocation.toolExecutionNotifications[0]!.message.text,
    'Cannot read "no/such.dma"',
  );
});

Deno.test("JSON has the same problems with their hints, counted", async () => {
  const { value } = await written("json");
  const { runs: [run] } = (await written("sarif")).value as Sarif;
  assertEquals(value.problems.length, run.results.length);
  assertEquals(value.files, 3);
  assertEquals(value.errors, value.problems.length + 1);
  const [first] = value.problems;
  assertEquals(first.region.file, "tests/bad/check-members.dma");
  assertEquals(first.hint, "did you mean `size`?");
});

Deno.test("a file that several files use is complained about once", async () => {
  const screen = new MemoryScreen();
  await checkFiles([FILES[0]!, FILES[0]!], "json", screen);
  const twice = JSON.parse(screen.output).problems.length;
  const single = new MemoryScreen();
  await checkFiles([FILES[0]!], "json", single);
  assertEquals(twice, JSON.parse(single.output).problems.length);
});

Deno.test("a Markdown page is no scenario: the error names the command that runs its blocks", async () => {
  const screen = new MemoryScreen();
  assertEquals(await checkFiles(["docs/tutorial.md"], "json", screen), 2);
  assertStringIncludes(
    screen.output,
    "is a Markdown page, not a scenario: `dmalab run docs/tutorial.md` runs its blocks",
  );
});
