/** Parses a command line into the hunt's target and settings. Prints errors. */
import { hashOf, HostLoader } from "@dmalab/cli";
import { isSourceOfC, loadScenario, sourceOfCText } from "@dmalab/cli/scenario";
import { basename, printError, type Screen } from "@dmalab/cli/extend";
import { givenMachine } from "../requests/given_machine.ts";
import type { HuntOptions } from "../requests/hunt.ts";
import { type HuntSettings, type HuntWords, readHuntOptions } from "../requests/hunt_options.ts";
import type { Program } from "@dmalab/lang/run";
import { kernelNamed, quirksOf, resolveKernel } from "@dmalab/runtime/kernels";

/** Default maximum number of cases of a driver. */
const DRIVER_CASES = 1_000_000;
const DRIVER_SEED = 1;

/** A hunt with random requests, on a file's machine or on random ones. */
export interface OpenedHunt {
  /** A hash of the hunted files; empty for random machines. */
  readonly files: string;
  readonly settings: HuntSettings;
  readonly where?: NonNullable<HuntOptions["where"]>;
}

export interface DriverHuntSettings {
  readonly program: Program;
  /** The path by which a scenario in the same folder uses the file. */
  readonly file: string;
  readonly loader: HostLoader;
  readonly seed: number;
  /** Largest number of cases of each driver. */
  readonly cases: number;
  /** Time limit for all drivers together; Infinity for none. */
  readonly seconds: number;
}

export interface OpenedDrivers {
  /** A hash of the hunted files. */
  readonly files: string;
  readonly drivers: DriverHuntSettings;
}

/** A hash of a program's parts: its texts, and the code of its drivers in C. */
async function hashOfFiles({ files, registry }: Program): Promise<string> {
  const modules = [...registry.cModules?.() ?? []].map(({ bytes }) => hashOf(bytes));
  const texts = files.map(({ name, text }) => [basename(name), text]);
  const made = JSON.stringify([texts, await Promise.all(modules)]);
  return await hashOf(new TextEncoder().encode(made));
}

/**
 * @param path The scenario with the drivers or the machine for the hunt; null for random machines.
 */
export async function openHunt(
  path: string | null,
  words: HuntWords,
  screen: Screen,
): Promise<OpenedHunt | OpenedDrivers | null> {
  if (path !== null && isSourceOfC(path)) {
    printError(sourceOfCText(path), screen);
    return null;
  }
  const refuse = (problem: string) => {
    printError(problem, screen);
    return null;
  };
  if (path === null) {
    const settings = readHuntOptions(words);
    return typeof settings === "string" ? refuse(settings) : { files: "", settings };
  }
  const { program } = await loadScenario(path, screen);
  if (program === null) return null;
  const file = basename(path);
  const files = await hashOfFiles(program);
  if (program.drivers.length > 0) {
    const opened = HostLoader.open(path);
    if (typeof opened === "string") return refuse(opened);
    const other = (["kernel", "quirks", "mode"] as const).find((word) => words[word] != null);
    if (other !== undefined) {
      return refuse(
        `\`--${other}\` is for random requests, and "${file}" has drivers: they are tested on its ` +
          "own machine and its variants",
      );
    }
    const { cases, seconds, seed } = words;
    return {
      files,
      drivers: {
        program,
        file,
        loader: opened.loader,
        seed: seed ?? DRIVER_SEED,
        cases: cases ?? (seconds === null ? DRIVER_CASES : Infinity),
        seconds: seconds ?? Infinity,
      },
    };
  }
  // Without `driver`, requests run through the simulated NVMe driver, not the one in C.
  const [module] = program.registry.cModules?.() ?? [];
  if (module !== undefined) {
    return refuse(
      `"${file}" has a driver in C, and nothing says which functions map and unmap a buffer: add a block ` +
        '`driver "NAME" { map = …, unmap = … }` with two functions of the script that call it ' +
        "(docs/hunt.md, A driver of yours)",
    );
  }
  if (words.mode != null) {
    return refuse(`\`--mode\` is for random machines; this hunt uses the machine of "${file}"`);
  }
  const { config } = program.machine;
  const settings = readHuntOptions(words, {
    kernel: kernelNamed(config.kernel),
    quirks: quirksOf(resolveKernel(config)),
  });
  if (typeof settings === "string") return refuse(settings);
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened);
  const machine = givenMachine(config, file);
  if (typeof machine === "string") return refuse(machine);
  return { files, settings, where: { machine, loader: opened.loader } };
}
