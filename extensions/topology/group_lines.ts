/**
 * Describes the IOMMU groups of several functions. For each group, gives the reasons why its
 * functions cannot be in separate groups.
 */
import { type GroupCause, iommuGroups, type PciFunction } from "@dmalab/devices";
import type { ImportedMachine } from "./lspci/imported_machine.ts";
import { formatBus } from "./lspci/listed_function.ts";
import { SERVICE_LETTERS } from "@dmalab/lang/explain";
import { groupsListed } from "./tree_picture.ts";
import { formatCount, wrapText } from "@dmalab/lang/text";

/** Largest number of members and of causes that are printed; further ones are only counted. */
const MAX_MEMBERS = 12;
const MAX_CAUSES = 3;
/** Largest number of groups that are printed; further ones are only counted. --json prints all. */
const MAX_GROUPS = 12;

/**
 * A few lines for each group that has several functions, if at least one of these functions is
 * shown.
 * @param shown The functions that the picture shows.
 */
export function groupLines(
  machine: ImportedMachine,
  shown: ReadonlySet<PciFunction>,
  columns: number,
): string[] {
  const modelled = iommuGroups(machine);
  const cutLines = (groupsListed(machine) ? [] : [...machine.assumed])
    .flatMap(({ domain, rootBus }) =>
      indented(
        `what is above bus ${formatBus(domain, rootBus)} is not in the text: groups there may be ` +
          "parts of larger ones",
        columns,
        "  ",
      )
    );
  const groups = (groupsListed(machine) ? listedGroups(machine, modelled) : modelled)
    .filter(({ functions }) => functions.length > 1 && functions.some((func) => shown.has(func)));
  if (groups.length === 0) return ["every function shown is in a group of its own", ...cutLines];
  return [
    "groups of several functions (all functions of a group go to one guest):",
    ...groups.slice(0, MAX_GROUPS).flatMap(({ functions, causes }) => [
      ...indented(membersText(functions), columns, "  "),
      ...causes.slice(0, MAX_CAUSES).flatMap((cause) =>
        indented(causeText(cause), columns, "    ")
      ),
      ...causes.length > MAX_CAUSES
        ? [`    and ${formatCount(causes.length - MAX_CAUSES, "more reason")}`]
        : [],
    ]),
    ...groups.length > MAX_GROUPS
      ? [`  and ${formatCount(groups.length - MAX_GROUPS, "more group")}; --json has all`]
      : [],
    ...cutLines,
  ];
}

interface SharedGroup {
  readonly functions: readonly PciFunction[];
  readonly causes: readonly GroupCause[];
}

/** The groups of the listing. If the model has the same group, the group is shown with its causes. */
function listedGroups(
  { functions, listed }: ImportedMachine,
  modelled: readonly SharedGroup[],
): readonly SharedGroup[] {
  const members = Map.groupBy(functions, (func) => listed.get(func)!.iommuGroup!);
  return [...members.values()].map((group) => {
    const same = modelled.find((each) =>
      each.functions.length === group.length && each.functions.every((func) => group.includes(func))
    );
    return { functions: group, causes: same?.causes ?? [] };
  });
}

function membersText(functions: readonly PciFunction[]): string {
  const names = functions.slice(0, MAX_MEMBERS).map(({ name }) => name).join(" ");
  const rest = functions.length - MAX_MEMBERS;
  return rest > 0 ? `${names} and ${rest} more` : names;
}

/**
 * The missing services of a function, and the functions that are in one group because these
 * services are missing.
 */
function causeText({ func, joins, missing }: GroupCause): string {
  if (joins === "conventional") {
    return `${func.name} leads to conventional PCI: all functions below share its requester ID`;
  }
  const lacks = func.acs.presence === "absent"
    ? "has no ACS"
    : func.acs.presence === "unknown"
    ? "may have ACS (unknown)"
    : `lacks ${missing.map((service) => SERVICE_LETTERS[service]).join(" ")}`;
  return joins === "port"
    ? `${func.name} ${lacks}: functions below it are not isolated`
    : `${func.name} ${lacks}: the functions of its device are not isolated`;
}

function indented(text: string, columns: number, indent: string): string[] {
  return wrapText(text, columns - indent.length).map((line) => `${indent}${line}`);
}
