/** Keys of every block that stands for a PCI function: where it is, and its access control. */
import { optional, setting, type ShapeOf } from "@dmalab/runtime";
import {
  ACS_ABSENT,
  ACS_SERVICES,
  ACS_UNKNOWN,
  type AcsCapability,
  acsPresent,
  type AcsService,
} from "./peers/access_control.ts";
import { parsePlace } from "./pci_address.ts";

/** What `acs` says: what is switched on; null for no such capability. */
type AcsSetting = readonly AcsService[] | "all" | "unknown" | null;

export const ACS: ShapeOf<AcsSetting> = {
  kind: "words",
  choices: ACS_SERVICES,
  orWords: ["all", "unknown"],
  orNone: true,
};
const SERVICES: ShapeOf<readonly AcsService[]> = { kind: "words", choices: ACS_SERVICES };
const PLACE: ShapeOf<string> = {
  kind: "text",
  form: 'a bus, a device and a function such as "3b:00.0"',
  accepts: (text) => parsePlace(text) !== null,
};

export const FUNCTION_SETTINGS = {
  acs: setting("acs", ACS, null, {
    doc:
      "Access control services that are switched on; all: those that `acs_capable` lists; none: it " +
      "has no such capability; unknown: it could not be read.",
  }),
  acsCapable: optional("acs_capable", SERVICES, {
    leftOut: "all",
    doc: "Access control services that its capability implements.",
  }),
  at: optional("at", PLACE, {
    leftOut: "assigned as firmware does",
    doc: "Where the function is, in a machine that is there already: bus, device, function.",
  }),
};

/** The services that `acs` switches on. */
export function switchedOn(
  acs: readonly AcsService[] | "all",
  capable: readonly AcsService[] = ACS_SERVICES,
): readonly AcsService[] {
  return acs === "all" ? capable : acs;
}

/** The capability that a block's keys describe. */
export function capabilityOf(
  acs: AcsSetting | undefined,
  capable: readonly AcsService[] = ACS_SERVICES,
): AcsCapability {
  if (acs === undefined || acs === null) return ACS_ABSENT;
  if (acs === "unknown") return ACS_UNKNOWN;
  return acsPresent(switchedOn(acs, capable), capable);
}
