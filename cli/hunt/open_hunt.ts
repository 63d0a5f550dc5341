/** From a command line to what is hunted in, and where; what is wrong has been said. */
import { HostLoader } from "../host_loader.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import type { Screen } from "../screen.ts";
import { givenMachine } from "../../instruments/hunt/given_machine.ts";
import type { HuntOptions } from "../../instruments/hunt/hunt.ts";
import {
  type HuntSettings,
  type HuntWords,
  readHuntOptions,
} from "../../instruments/hunt/hunt_options.ts";
import { resolveKernel } from "../../runtime/kernels/kernels.ts";

export interface OpenedHunt {
  readonly settings: HuntSettings;
  readonly where?: NonNullable<HuntOptions["where"]>;
}

/** @param path The scenario whose machine is hunted on; null for random machines. */
export function openHunt(
  path: string | null,
  words: HuntWords,
  screen: Screen,
): OpenedHunt | null {
  const refuse = (problem: string) => {
    screen.err(`error: ${problem}\n`);
    return null;
  };
  if (path === null) {
    const settings = readHuntOptions(words);
    return typeof settings === "string" ? refuse(settings) : { settings };
  }
  const { program } = loadScenario(path, screen);
  if (program === null) return null;
  const { config } = program.machine;
  const settings = readHuntOptions(words, {
    kernel: config.kernel,
    quirks: resolveKernel(config).quirks,
  });
  if (typeof settings === "string") return refuse(settings);
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened);
  const machine = givenMachine(config, path.replace(/^.*[\\/]/, ""));
  if (typeof machine === "string") return refuse(machine);
  return { settings, where: { machine, loader: opened.loader } };
}
