import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { action, command, commandOfActions } from "./command.ts";
import { parseCommandLine } from "./command_line.ts";
import { MemoryScreen } from "./memory_screen.ts";

const BAKE = command({
  name: "bake",
  brief: "Bake a cake.",
  description: "Bakes one cake for each tin, in the order given.",
  argument: { placeholder: "TIN", doc: "the tins", completes: () => ["square"], count: "some" },
  options: {
    trace: { kind: "flag", doc: "say what happens" },
    heat: { kind: "integer", placeholder: "DEGREES", doc: "how hot" },
    name: { kind: "text", placeholder: "TEXT", doc: "whose cake", also: "-n" },
    icing: { kind: "form", placeholder: "KIND", forms: ["white", "dark"], doc: "and its icing" },
    with: { kind: "texts", placeholder: "FRUIT", doc: "what is in it" },
    limit: {
      kind: "numbers",
      placeholder: "NAME=VALUE",
      keys: { minutes: "in the oven", "sugar-grams": "in the dough" },
      doc: "at most",
    },
  },
  examples: [{ line: "bake round --heat 180", doc: "a common cake" }],
  may: {},
  run: () => Promise.resolve(0),
});
const EAT = command({
  name: "eat",
  brief: "Eat a cake.",
  description: "Eats it.",
  argument: null,
  options: {},
  examples: [{ line: "eat", doc: "all of it" }],
  may: {},
  run: () => Promise.resolve(0),
});
const LOOK = command({
  name: "look",
  brief: "Look into the oven.",
  description: "Looks.",
  argument: { placeholder: "SHELF", doc: "which", completes: "folders", count: "maybe" },
  options: {},
  examples: [],
  may: {},
  run: () => Promise.resolve(0),
});
const CUP = { placeholder: "CUP", doc: "which", completes: "nothing", count: "some" } as const;
const DRINK = commandOfActions({
  name: "drink",
  brief: "Drink something.",
  description: "Drinks.",
  may: {},
  actions: [
    action({
      name: "tea",
      brief: "Drink tea.",
      description: "Drinks tea.",
      argument: CUP,
      options: { milk: { kind: "flag", doc: "with milk" } },
      examples: [{ line: "drink tea mug --milk", doc: "white" }],
      run: () => Promise.resolve(0),
    }),
    action({
      name: "water",
      brief: "Drink water.",
      description: "Drinks water.",
      argument: CUP,
      options: { ice: { kind: "integer", placeholder: "CUBES", doc: "how cold" } },
      examples: [],
      run: () => Promise.resolve(0),
    }),
  ],
});
const PROGRAM = {
  name: "kitchen",
  version: "1.2.3",
  brief: "A kitchen",
  commands: {
    bake: () => Promise.resolve(BAKE),
    eat: () => Promise.resolve(EAT),
    look: () => Promise.resolve(LOOK),
    drink: () => Promise.resolve(DRINK),
  },
};

/** Values of the options that were not given. */
const REST = { name: null, icing: null, with: [], limit: {} };

async function parse(line: string) {
  const screen = new MemoryScreen();
  const parsed = await parseCommandLine(PROGRAM, line === "" ? [] : line.split(" "), screen);
  return { parsed, screen };
}

/** The error that a line causes; it must exit with 2 and write nothing else. */
async function problem(line: string): Promise<string> {
  const { parsed, screen } = await parse(line);
  assertEquals(parsed, 2, line);
  assertEquals(screen.output, "");
  return screen.errors;
}

Deno.test("parseCommandLine() finds the command, its words and its options", async () => {
  const { parsed } = await parse("bake round --heat 180 --trace long");
  assert(typeof parsed !== "number");
  assertEquals(parsed.command.name, "bake");
  assertEquals(parsed.words, ["round", "long"]);
  assertEquals(parsed.options, { trace: true, heat: 180, ...REST });
});

Deno.test("parseCommandLine() takes hexadecimal numbers and options with =", async () => {
  const { parsed } = await parse("bake round --heat=0xB4 --name=ann");
  assert(typeof parsed !== "number");
  assertEquals(parsed.options, { trace: false, heat: 180, ...REST, name: "ann" });
});

Deno.test("parseCommandLine() takes numbers by their names, each once", async () => {
  const { parsed } = await parse("bake a --limit minutes=5 --limit=sugar-grams=0x1_00");
  assert(typeof parsed !== "number");
  assertEquals(parsed.options["limit"], { minutes: 5, "sugar-grams": 256 });
  const names = "minutes, sugar-grams";
  const expected: readonly (readonly [words: string, error: string])[] = [
    ["minute=5", `--limit has no "minute"; expected one of: ${names}; did you mean "minutes"?`],
    ["toString=5", `--limit has no "toString"; expected one of: ${names}`],
    ["=5", `--limit has no ""; expected one of: ${names}`],
    ["minutes", "--limit takes NAME=VALUE, such as minutes=1000"],
    ["minutes=", '--limit minutes: "" is not a whole number such as 12 or 0x1f'],
    ["minutes=5s", '--limit minutes: "5s" is not a whole number such as 12 or 0x1f'],
    ["minutes=0", "--limit minutes: it takes at least 1, not 0"],
    ["minutes=5 --limit minutes=6", "--limit minutes can be given only once"],
  ];
  for (const [words, error] of expected) {
    assertEquals(await problem(`bake a --limit ${words}`), `error: ${error}\n`);
  }
  assertEquals(await problem("bake a --limit"), "error: --limit needs a NAME=VALUE: at most\n");
});

Deno.test("parseCommandLine() takes forms with and without a value, short names, and what is repeatable", async () => {
  const read = async (line: string) => {
    const { parsed, screen } = await parse(`bake ${line}`);
    assert(typeof parsed !== "number", screen.errors);
    return [parsed.words, parsed.options];
  };
  const none = { trace: false, heat: null, ...REST };
  assertEquals(await read("a --icing dark"), [["a"], { ...none, icing: "dark" }]);
  assertEquals(await read("--icing a"), [["a"], { ...none, icing: "white" }]);
  assertEquals(await read("--icing=dark a"), [["a"], { ...none, icing: "dark" }]);
  assertEquals(await read("a -n ann --with=x --with y"), [["a"], {
    ...none,
    name: "ann",
    with: ["x", "y"],
  }]);
  assertEquals(await read("--with=--trace - -- --heat"), [["-", "--heat"], {
    ...none,
    with: ["--trace"],
  }]);
  for (
    const [line, said] of [
      ["a --icing=pink", '--icing takes white or dark, not "pink"'],
      ["a --heat 1 --heat 2", "--heat can be given only once"],
      ["a --name --trace", "--name needs a TEXT: whose cake"],
      ["a --trace=1", '--trace takes no value, but was given "1"'],
    ] as const
  ) {
    assertEquals(await problem(`bake ${line}`), `error: ${said}\n`);
  }
});

Deno.test("parseCommandLine() says which command may have been meant", async () => {
  assertEquals(
    await problem("bkae x"),
    'error: There is no command "bkae"; did you mean "bake"?\n',
  );
  assertEquals(
    await problem("frobnicate"),
    'error: There is no command "frobnicate"; "kitchen --help" lists them\n',
  );
});

Deno.test("parseCommandLine() says which option may have been meant", async () => {
  assertEquals(
    await problem("bake round --traec"),
    'error: bake has no option "--traec"; did you mean "--trace"?\n',
  );
  assertEquals(
    await problem("bake --heet=3 round"),
    'error: bake has no option "--heet"; did you mean "--heat"?\n',
  );
  assertEquals(
    await problem("--versoin"),
    'error: kitchen has no option "--versoin"; did you mean "--version"?\n',
  );
});

Deno.test("parseCommandLine() says what a command needs, and what it does not take", async () => {
  assertEquals(await problem("bake"), "error: bake needs a TIN: the tins\n");
  assertEquals(await problem("eat cake"), 'error: eat takes no "cake"\n');
  assertStringIncludes(await problem("bake round --heat hot"), '"hot" is not a whole number');
  assertStringIncludes(await problem("bake round --name"), "--name");
});

Deno.test("parseCommandLine() takes a word that may be left out", async () => {
  for (const [line, words] of [["look", []], ["look upper", ["upper"]]] as const) {
    const { parsed } = await parse(line);
    assert(typeof parsed !== "number");
    assertEquals(parsed.words, words);
  }
  assertEquals(await problem("look one two"), 'error: look takes no "two"\n');
});

Deno.test("parseCommandLine() lists commands and examples for --help and for no words at all", async () => {
  const { parsed, screen } = await parse("--help");
  assertEquals(parsed, 0);
  for (const text of ["bake", "Bake a cake.", "eat", "completions", "--version", "Examples:"]) {
    assertStringIncludes(screen.output, text);
  }
  const bare = await parse("");
  assertEquals(bare.parsed, 0);
  assertEquals(bare.screen.output, screen.output);
});

Deno.test("parseCommandLine() explains a command with its options and examples", async () => {
  const { parsed, screen } = await parse("bake --help");
  assertEquals(parsed, 0);
  for (
    const text of [
      "kitchen bake",
      "Bakes one cake for each tin",
      "--heat DEGREES",
      "how hot",
      "Examples:",
      "kitchen bake round --heat 180",
    ]
  ) {
    assertStringIncludes(screen.output, text);
  }
});

Deno.test("parseCommandLine() prints the version", async () => {
  const { parsed, screen } = await parse("--version");
  assertEquals(parsed, 0);
  assertEquals(screen.output, "kitchen 1.2.3\n");
});

Deno.test("parseCommandLine() writes completions for bash, zsh and fish, and answers them", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { parsed, screen } = await parse(`completions ${shell}`);
    assertEquals(parsed, 0);
    assert(screen.output.length > 200, shell);
    assertStringIncludes(screen.output, "kitchen");
  }
  const { screen } = await parse("completions bash bake s");
  assertStringIncludes(screen.output, "square");
  const names = await parse("completions fish b");
  assertStringIncludes(names.screen.output, "bake");
  const answer = async (line: string) =>
    (await parse(`completions bash ${line}`)).screen.output.trimEnd().split("\n").map((each) =>
      each.replace(/\t.*/, "")
    );
  assertEquals(await answer("bake --h"), ["--heat", "--help"]);
  assertEquals(await answer("bake --heat 3 --he"), ["--help"]);
  assertEquals(await answer("bake --icing = d"), ["dark"]);
  assertEquals(await answer("bake --icing=d"), ["--icing=dark"]);
  assertEquals(await answer("bake --limit s"), ["sugar-grams="]);
  assertEquals(await answer("bake --limit=m"), ["--limit=minutes="]);
  assertEquals(await answer("bake --limit minutes = 5"), [""]);
  assertEquals(await answer("bake --limit minutes=5 --li"), ["--limit"]);
  assertEquals(await answer("look x"), [":folders"]);
  assertEquals(await answer("bake --heat 3"), [""]);
  assertEquals(
    await problem("completions toString"),
    'error: There are no completions for a shell "toString"; there are bash, zsh, fish\n',
  );
});

Deno.test("an action has its options, help and completions, and no others", async () => {
  const { parsed } = await parse("drink water glass --ice 3");
  assert(typeof parsed !== "number");
  assertEquals([parsed.command.name, parsed.words, parsed.options], [
    "drink water",
    ["glass"],
    { ice: 3 },
  ]);
  const expected: readonly (readonly [line: string, error: string])[] = [
    ["drink", "drink needs an action before anything else: tea, water"],
    ["drink --milk tea", "drink needs an action before anything else: tea, water"],
    [
      "drink tae mug",
      'unknown drink action "tae"; expected one of: tea, water; did you mean "tea"?',
    ],
    ["drink tea mug --ice 3", 'drink tea has no option "--ice"; "drink water" has it'],
    ["drink tea mug --mild", 'drink tea has no option "--mild"; did you mean "--milk"?'],
    ["drink tea", "drink tea needs a CUP: which"],
  ];
  for (const [line, error] of expected) {
    assertEquals(await problem(line), `error: ${error}\n`, line);
  }
  const whole = (await parse("drink --help")).screen.output;
  assertStringIncludes(whole, "  tea    Drink tea.\n  water  Drink water.\n");
  assertStringIncludes(whole, "kitchen drink tea mug --milk");
  const own = (await parse("drink tea --help")).screen.output;
  assertStringIncludes(own, "Usage: kitchen drink tea [--milk] CUP...");
  assertEquals(own.includes("--ice"), false);
  const words = async (line: string) =>
    (await parse(`completions bash ${line}`)).screen.output.split("\n").map((each) =>
      each.split("\t")[0]
    ).filter((word) => word !== "");
  assertEquals(await words("drink t"), ["tea"]);
  assertEquals(await words("drink water --"), ["--ice", "--help"]);
});
