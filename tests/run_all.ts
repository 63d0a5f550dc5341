/**
 * `deno task test [OPTIONS OF deno test]`: every test of the project, the examples among them.
 *
 * Checks the types, runs `deno test` with the permissions that the tests need, and ends with one line
 * that scripts can read: `N passed, N failed`.
 *
 * Deno gives every file a world of its own, and loading the sources anew for each of hundreds of
 * small files takes longer than running them. Nothing here keeps state in its modules, so a folder's
 * files share a world; long files keep their own, to run beside each other.
 */
import { join, relative, toFileUrl } from "@std/path";
import { runDeno, testCounts } from "./deno_process.ts";
import { filesBelow, ROOT } from "./source_text.ts";

/**
 * Reading sources and data, writing temporary folders, starting Deno for the command line's own
 * tests, and what the npm packages look up in the environment.
 */
const PERMISSIONS = ["-R", "-W", "--allow-run", "--allow-env", "--allow-sys"];
const FOLDERS = ["cli", "conformance", "devices", "instruments", "lang", "runtime", "tests"];

/** Files of several seconds each. */
export const LONG_TESTS = [
  "cli/bench/bench_test.ts",
  "devices/checker_test.ts",
  "devices/nvme/malformed_commands_test.ts",
  "instruments/hunt/hunt_test.ts",
  "instruments/hunt/museum_test.ts",
  "lang/syntax/robustness_test.ts",
  "tests/behaviour_digest_test.ts",
  "tests/c_block_test.ts",
  "tests/c_debug_test.ts",
  "tests/c_driver_test.ts",
  "tests/c_headers_test.ts",
  "tests/c_helpers_test.ts",
  "tests/c_hostile_test.ts",
  "tests/c_nic_test.ts",
  "tests/c_nvme_test.ts",
  "tests/cli_test.ts",
  "tests/conformance_test.ts",
  "tests/examples_test.ts",
  "tests/fault_sweep_requests_test.ts",
  "tests/fuzz_test.ts",
  "tests/hostile/hostile_test.ts",
  "tests/package_test.ts",
  "tests/property/requests_property_test.ts",
  "tests/recording_moves_test.ts",
  "tests/recording_tables_test.ts",
  "tests/start_test.ts",
  "tests/test_command_test.ts",
];

/** The project's test files by the world that they share. */
function worlds(): Map<string, string[]> {
  const files = FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)))
    .filter((path) => path.endsWith("_test.ts"));
  return Map.groupBy(files, (path) => {
    const name = relative(ROOT, path).replaceAll("\\", "/");
    const shared = name.split("/").slice(0, -1).slice(0, 2);
    return (LONG_TESTS.includes(name) ? name.slice(0, -3).split("/") : shared).join("_");
  });
}

function numbersOf(result: { success: boolean; output: string }): [passed: number, failed: number] {
  const counts = testCounts(result.output);
  // It may not come so far as to count: a file that cannot be loaded, say.
  if (counts === null) return [0, 1];
  return [counts.passed, !result.success && counts.failed === 0 ? 1 : counts.failed];
}

async function runAll(): Promise<[passed: number, failed: number]> {
  const types = await runDeno(["check", "--quiet", "."], { folder: ROOT, show: true });
  if (!types.success) return [0, 1];
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-" });
  try {
    const modules = [...worlds()].map(([name, files]) => {
      const module = join(folder, `${name}.ts`);
      const lines = files.map((file) => `import ${JSON.stringify(toFileUrl(file).href)};\n`);
      Deno.writeTextFileSync(module, lines.join(""));
      return module;
    });
    const options = ["--parallel", "--no-check", "--no-prompt", ...PERMISSIONS, ...Deno.args];
    const config = ["--config", join(ROOT, "deno.json")];
    return numbersOf(
      await runDeno(["test", ...config, ...options, ...modules], { folder: ROOT, show: true }),
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const [passed, failed] = await runAll();
  console.log(`\n${passed} passed, ${failed} failed`);
  Deno.exit(failed === 0 && passed > 0 ? 0 : 1);
}
