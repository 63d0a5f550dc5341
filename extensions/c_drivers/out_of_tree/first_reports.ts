/** First reports of many drivers. What makes them is loaded when the first one is wanted. */
import type { InitDriver, Screen } from "@dmalab/cli/extend";
import type { FirstReport } from "./first_report.ts";

export { type FirstReport, NO_REPORT } from "./first_report.ts";

/**
 * Makes the scenario and the report of one of many drivers of a tree, and runs its first test.
 *
 * @throws {TreeError} If the driver cannot be read.
 */
export async function reportOfMany(
  asked: Parameters<InitDriver>[0],
  screen: Screen,
): Promise<FirstReport> {
  const { DriverInit } = await import("./init_driver.ts");
  const init = new DriverInit(asked, screen, { isOneOfMany: true });
  await init.run();
  return init.found;
}
