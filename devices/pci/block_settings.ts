/** What the settings of a PCI block say, read where their text has a meaning of its own. */
import { ConfigError } from "../config_error.ts";
import type { DeviceSettings } from "../lab_config.ts";
import {
  ACS_ABSENT,
  ACS_SERVICES,
  ACS_UNKNOWN,
  type AcsCapability,
  acsPresent,
  type AcsService,
  isAcsService,
} from "./peers/access_control.ts";
import { parseVendorDevice, type VendorDevice } from "./host_bridge.ts";

/**
 * `acs` as a block has it: left out or null is no capability, a list is what is switched on.
 * @param capable What it implements; all services when left out.
 */
export function readCapability(
  acs: DeviceSettings["acs"],
  capable: DeviceSettings["acsCapable"],
  path: readonly string[],
): AcsCapability {
  if (acs === undefined || acs === null) return ACS_ABSENT;
  if (acs === "unknown") return ACS_UNKNOWN;
  const enabled = readServices(acs, [...path, "acs"]);
  return capable === undefined
    ? acsPresent(enabled)
    : acsPresent(enabled, readServices(capable, [...path, "acs_capable"]));
}

function readServices(names: readonly string[], path: readonly string[]): readonly AcsService[] {
  return names.map((name) => {
    if (isAcsService(name)) return name;
    throw new ConfigError(
      path,
      `There is no access control service "${name}"`,
      `one of ${ACS_SERVICES.join(", ")}`,
    );
  });
}

/** `vendor_device` as a host bridge has it; null when it has none. */
export function readVendorDevice(
  text: string | undefined,
  path: readonly string[],
): VendorDevice | null {
  if (text === undefined) return null;
  const pair = parseVendorDevice(text);
  if (pair !== null) return pair;
  throw new ConfigError(
    [...path, "vendor_device"],
    `"${text}" names no vendor and device`,
    'four hexadecimal digits each, such as "8086:2030"',
  );
}
