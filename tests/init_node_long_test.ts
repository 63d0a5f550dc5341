/** The folder that `dmalab init` makes: what npm and `node --test` start, with Node 20 alone. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Rooms } from "./init_rooms.ts";

Deno.test("a folder of dmalab init works with Node alone", async (t) => {
  const rooms = new Rooms();
  try {
    rooms.makeLab();
    await t.step(
      "node --test and npm test run the scenarios, strict",
      () => rooms.tryRunner("node20"),
    );

    await t.step("in a project it refuses, and with --add keeps what is there", () => {
      Deno.mkdirSync(rooms.at("project"));
      const own = '{\n\t"name": "theirs",\n\t"scripts": {\n\t\t"test": "echo theirs"\n\t}\n}\n';
      Deno.writeTextFileSync(rooms.at("project/package.json"), own);
      Deno.writeTextFileSync(rooms.at("project/.gitignore"), "*.log");
      const refused = rooms.sh("node20", "project", rooms.init);
      assertEquals(refused.code, 2);
      assertMatch(refused.output, /has package\.json and \.gitignore already; nothing was written/);
      assertStringIncludes(refused.output, "--add");
      assertEquals([...Deno.readDirSync(rooms.at("project"))].length, 2);

      const added = rooms.sh("node20", "project", `${rooms.init} --add`);
      assertEquals(added.code, 0, added.output);
      const text = Deno.readTextFileSync(rooms.at("project/package.json"));
      const { exports, imports, name, scripts } = JSON.parse(text);
      assertEquals([name, scripts.test, exports], ["theirs", "echo theirs", undefined]);
      assertEquals(Object.keys(imports), ["#dmalab", "#dmalab/recording", "#dmalab/test"]);
      assertStringIncludes(text, '\n\t"imports"');
      assertMatch(
        Deno.readTextFileSync(rooms.at("project/.gitignore")),
        /^\*\.log\nnode_modules\/\n/,
      );
      assert(![...Deno.readDirSync(rooms.at("project"))].some(({ name }) => name === "deno.json"));
      assertMatch(rooms.sh("node20", "project", "node --test").output, /^# pass 2$/m);
      assertMatch(rooms.sh("node22", "project", "npm run dmalab test").output, /^ok \| 1 passed/m);

      rooms.clone("project", "project-clone");
      const again = rooms.sh("node20", "project", `${rooms.init} --add`);
      assertEquals(again.code, 0, again.output);
      assertEquals(rooms.sh(null, "project", "git status --short").output, "");
    });

    await t.step("what it cannot add to, it names, and writes nothing", () => {
      for (
        const [text, complaint] of [["{ // mine\n}", "JSON"], ["[]", "not a JSON object"]] as const
      ) {
        Deno.mkdirSync(rooms.at("odd"));
        Deno.writeTextFileSync(rooms.at("odd/package.json"), text);
        const { code, output } = rooms.sh("node20", "odd", `${rooms.init} --add`);
        assertEquals(code, 2, output);
        assertStringIncludes(output, 'Cannot add to "package.json", nothing was written: ');
        assertStringIncludes(output, complaint);
        assertEquals([...Deno.readDirSync(rooms.at("odd"))].length, 1);
        Deno.removeSync(rooms.at("odd"), { recursive: true });
      }
      Deno.mkdirSync(rooms.at("odd"));
      Deno.writeTextFileSync(rooms.at("elsewhere.json"), "{}");
      Deno.symlinkSync(rooms.at("elsewhere.json"), rooms.at("odd/package.json"));
      const { code, output } = rooms.sh("node20", "odd", `${rooms.init} --add`);
      assertEquals(code, 2, output);
      assertEquals(Deno.readTextFileSync(rooms.at("elsewhere.json")), "{}");
      assertEquals([...Deno.readDirSync(rooms.at("odd"))].length, 1);
    });
  } finally {
    rooms.end();
  }
});
