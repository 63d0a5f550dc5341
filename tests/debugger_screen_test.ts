/**
 * The debugger at a pseudo-terminal: the contents of its panes. It must always restore the
 * terminal.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { LEFT_MAPPED } from "@dmalab/cli/debug";
import { programLine } from "./dmalab_program.ts";
import { CTRL_Z, DOWN, ENTER, ESCAPE, hasPty, LEFT, Pty, RIGHT, TAB, UP } from "./pty.ts";
import { ROOT } from "./source_text.ts";

/** Two runs: one that fails, and one with this many turns of a loop. */
const scriptOf = (turns: number) =>
  `${LEFT_MAPPED}test "goes on" {
  let n = 0
  while n < ${turns} { n += 1 }
  print "\\u{1b}[2J\\u{1b}]0;mine\\u{7}"
}
`;
/** Searching through this many turns takes seconds. */
const MANY_TURNS = 15_000_000;

const DEBUG = `${programLine("-R")} debug left.dma`;
const THROWS = `"${Deno.execPath()}" run --no-prompt -A "${
  join(ROOT, "tests/debugger_throws_main.ts")
}"`;

interface Shell {
  readonly pty: Pty;
  /** The path of the terminal's device. */
  readonly device: string;
  /** The system's settings of the terminal. */
  settings(): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** Waits for the shell, and checks that the terminal is as before. @returns The exit code. */
  left(): Promise<number>;
}

async function withShell(
  columns: number,
  rows: number,
  talk: (shell: Shell) => Promise<void>,
  turns = 1,
): Promise<void> {
  using folder = new TempFolder({ "left.dma": scriptOf(turns) });
  await using pty = new Pty(folder.path);
  await pty.see(/\$ /);
  // At its prompt, the shell turns on marks for pasted text. The test must not mistake them for the
  // debugger's marks.
  await pty.press("bind 'set enable-bracketed-paste off'\ntty\n");
  const device = (await pty.see(/\/dev\/pts\/\d+/)).match(/\/dev\/pts\/\d+/)![0];
  const resize = (columns: number, rows: number) => pty.resize(columns, rows, device);
  await resize(columns, rows);
  const settings = async () => {
    await pty.press("stty -g\n");
    return (await pty.see(/^[\da-f:]{40,}$/m)).match(/[\da-f:]{40,}/)![0];
  };
  const before = await settings();
  await talk({
    pty,
    device,
    resize,
    settings,
    async left() {
      // Keys pressed before the shell's prompt appears may be lost.
      await pty.see(/\$ $/);
      await pty.press("echo left with $?.\n");
      const code = Number((await pty.see(/left with \d+\./)).match(/left with (\d+)\./)![1]);
      assertEquals(pty.changedModes, [], "alternate screen, cursor, marks of what is pasted");
      assertEquals(await settings(), before, "settings of the terminal");
      return code;
    },
  });
}

const ignore = !hasPty();

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore, fn });
}

test("80 by 24: a run is chosen, opens where it failed, and its leak is found by keys", () =>
  withShell(80, 24, async ({ left, pty }) => {
    await pty.press(`${DEBUG}\n`);
    await pty.seeScreen(/which run\? +2 of 2 runs\n» 1 +FAILED +all is unmapped\n +2 +ok +goes on/);
    await pty.screenAfter("goes", /1 of 2 runs\n» 2 +ok +goes on/);
    await pty.screenAfter("\x7f\x7f\x7f\x7f2", /1 of 2 runs\n» 2 +ok +goes on/);
    await pty.press("\x7f" + ENTER);
    const opened = await pty.seeScreen(/assert iommu\.live_mappings == 0\n.*\n +\| +1 +false/);
    const lines = opened.split("\n");
    assertEquals(lines.length, 24);
    assertMatch(lines[0]!, /^ event 18\/18 +0ns +FAILED +left\.dma +run 1\/2 +"all is unmapped"/);
    assertMatch(opened, /^ > 11 {4}assert iommu\.live_mappings/m);
    assertMatch(opened, /^»>18 {3}= done/m);
    // An event may be as wide as the screen.
    assertMatch(opened, /^ {2}17 {3}dma\.unmap {2}0xffff_d000 → 0x4000_0000 .* to_device iommu/m);
    assertMatch(opened, /│ {3}left: mapping of 4KiB at 0xfffd_f000/);
    assertMatch(opened, /^─ addresses .*\n ssd 0xfffd_f000 #+\.+#/m);
    const back = await pty.screenAfter(LEFT.repeat(5), /event 13\/18/);
    assertMatch(back, /^ {2}14 {3}iommu\.unmap/m);
    const changed = await pty.screenAfter(RIGHT, /event 14\/18/);
    assertMatch(changed, /- page_table ssd 0xffff_d000 .*│/, "what the move has ended");
    assertMatch(changed, /0xfffd_f000 #+\.+#+\.-#+ 0xffff_ffff/, "and where");
    await pty.press("y");
    await pty.seeScreen(
      /event 14 has no decision: iommu\.unmap.*\nthe last decision before it: event 11/,
    );
    // Every command can be typed and completed with Tab.
    await pty.screenAfter(":mapp", /^:mapp/m);
    await pty.screenAfter(`${ESCAPE}`, /\? f1 keys/);
    await pty.screenAfter(`:tab${TAB} mapp${TAB}${ENTER}`, /\[state: mappings, 2 rows\]/);
    // Enter goes to the event that wrote the row; u goes back.
    await pty.screenAfter(ENTER, /event 11\/18/);
    assertMatch(pty.lines.join("\n"), /^ > {2}4 {4}let two = dma_map_phys/m);
    await pty.screenAfter("u", /event 14\/18/);
    await pty.screenAfter(UP, /^ > {2}5 {4}dma_unmap_phys/m);
    await pty.press("q");
    assertEquals(await left(), 0);
    // The command in front of this text may be long, and a terminal breaks lines anywhere.
    assertStringIncludes(pty.lines.join(""), "debug left.dma", "the shell's own screen is back");
  }));

test("200 by 60 has every pane, 60 by 20 has pages, and the screen follows its window", () =>
  withShell(200, 60, async ({ left, pty, resize }) => {
    const wide = await pty.screenAfter(`${DEBUG} --run 1\n`, /error\[E0901\]/);
    assertEquals(wide.split("\n").length, 60);
    for (
      const title of ["source left.dma", "[events 1 to 18]", "state: ", "watches: ", "addresses "]
    ) {
      assertStringIncludes(wide, title);
    }
    assertMatch(wide, /^ {4}1 {2}machine \{ iommu \{ mode = strict \} pci .*│/m);
    await resize(60, 20);
    const small = await pty.seeScreen(/^ source \[events\] state {2}watches {2}addresses/m);
    const lines = small.split("\n");
    assertEquals(lines.length, 20);
    assert(lines.every((line) => line.length <= 60));
    assertMatch(small, /^ > 11 {4}assert iommu\.live_mappings == 0/m);
    await pty.press(TAB + TAB);
    // A frame may come in several pieces, with its title first.
    await pty.seeScreen(
      / source {2}events {2}state \[watches\] addresses[^]*^» {2}buf: buffer of 4KiB/m,
    );
    await resize(20, 5);
    await pty.seeScreen(/^ event 18\/18 {2}0ns/m);
    await resize(80, 24);
    await pty.seeScreen(/─ source left\.dma ─+\n/);
    const keys = await pty.screenAfter("?", /── keys {2}lines 1 to/);
    assertMatch(keys, /^→ +:step +step N events forward/m);
    await pty.press("qq");
    assertEquals(await left(), 0);
  }));

test("Ctrl-Z gives the shell its screen, and fg goes on", () =>
  withShell(80, 24, async ({ device, left, pty, settings }) => {
    const before = await settings();
    await pty.screenAfter(`${DEBUG} --run 1\n`, /event 18\/18/);
    await pty.press(CTRL_Z, /Stopped[^]*\$ /);
    assertEquals(pty.changedModes, [], device);
    assertEquals(await settings(), before);
    await pty.screenAfter("fg\n", /^ event 18\/18/m);
    assertEquals(pty.changedModes.includes("1049"), true);
    await pty.screenAfter(LEFT, /event 17\/18/);
    await pty.press("q");
    assertEquals(await left(), 0);
  }));

for (const [signal, code] of [["TERM", 143], ["HUP", 129], ["QUIT", 131]] as const) {
  const name = `a debugger that SIG${signal} ends leaves the terminal as it was`;
  test(
    signal === "TERM" ? name : `${name} (long)`,
    () =>
      withShell(80, 24, async ({ left, pty }) => {
        await pty.screenAfter(`${DEBUG} --run 1 & pid=$!; fg\n`, /event 18\/18/);
        const pids = await new Deno.Command("pgrep", { args: ["-f", "debug left.dma --run 1"] })
          .output();
        const own = new TextDecoder().decode(pids.stdout).trim().split("\n").map(Number);
        assert(own.length > 0);
        for (const pid of own) Deno.kill(pid, `SIG${signal}`);
        assertEquals(await left(), code);
      }),
  );
}

for (const where of ["frame", "timer", "promise"] as const) {
  const name = `a mistake of our own, thrown in a ${where}, leaves the terminal as it was`;
  test(
    where === "frame" ? name : `${name} (long)`,
    () =>
      withShell(80, 24, async ({ left, pty }) => {
        await pty.screenAfter(`${THROWS} ${where}\n`, /planted\.dma/);
        await pty.screenAfter(DOWN, /> 2 {4}let page/);
        await pty.press(DOWN);
        await pty.see(new RegExp(`error\\[E0999\\]: bug in dmalab: planted in a ${where}`));
        assertEquals(await left(), 5);
      }),
  );
}

test("what a script prints does not command the terminal, and Ctrl-C ends a search", () =>
  withShell(80, 24, async ({ left, pty }) => {
    await pty.screenAfter(`${DEBUG} --run 2\n`, /event 0\/0 +0ns +START/);
    await pty.press(":goto end" + ENTER + ":rewind n == 17" + ENTER);
    // The search only reads keys after it has run for a while.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await pty.screenAfter("\x03", /Interrupted; the position is unchanged/);
    await pty.seeScreen(/event 0\/0 +0ns +END/);
    await pty.press("q");
    assertEquals(await left(), 0);
  }, MANY_TURNS));

test("dmalab test --debug opens where the first test failed, and ends as the tests did", () =>
  withShell(80, 24, async ({ left, pty }) => {
    await pty.press(`${DEBUG.replace(" debug left.dma", " test left.dma --debug")}\n`);
    // The values are printed last. The output of the tests contains them, too; only the debugger's
    // output has the marked line before them.
    const opened = await pty.seeScreen(/^ > 11 {4}assert[^]*\n +\| +1 +false/m);
    assertMatch(opened, /^ event 18\/18 +0ns +FAILED +left\.dma +run 1\/2/m);
    await pty.screenAfter(LEFT, /event 17\/18/);
    await pty.press("q");
    assertEquals(await left(), 1);
    const shown = pty.lines.join("\n");
    assertMatch(shown, /debug it: dmalab debug left\.dma --match "all is unmapped" --seed 0x1/);
  }));

Deno.test({
  name: "the debugger's last row has whole hints at any width, and how to type a command",
  ignore: !hasPty(),
  fn: () =>
    withShell(60, 20, async ({ left, pty }) => {
      await pty.screenAfter(`${DEBUG}\n`, /Enter opens/);
      const screen = await pty.screenAfter(ENTER, /^ : command/m);
      const row = screen.split("\n").find((line) => line.startsWith(" : command"))!;
      const hints = row.slice(" : command".length).trim().split("  ");
      assert(row.length <= 60 && hints.length > 1, row);
      for (const hint of hints) assertMatch(hint, /^\S+(?: \S+)* [a-z]+$/, row);
      assertEquals(row.includes("…"), false, row);
      await pty.press("q");
      await left();
    }),
});
