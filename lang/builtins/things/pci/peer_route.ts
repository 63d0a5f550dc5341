/** A way from one PCI function to another one's memory. */
import type { PlainOf } from "../../describe/form.ts";
import type { IommuGroup } from "../../../../devices/pci/iommu_groups.ts";
import { redirectChange } from "../../../../devices/pci/peers/redirect_change.ts";
import type { PeerRoute } from "../../../../devices/pci/peers/route.ts";
import type { Run } from "../../../values/run.ts";
import { peerStory } from "../../explain/peer_answer.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

const CHANGE = {
  functions: ["string"],
  parameter: "string",
  map_type: "word",
  distance: "int",
  groups_before: [["string"]],
  groups_after: [["string"]],
} as const;

export const PEER_ROUTE: TypeSpec<PeerRoute> = {
  name: "peer_route",
  doc: "How one device reaches another one's memory, worked out anew; `explain` says why.",
  fields: fieldsOf<PeerRoute>((f) => ({
    provider: f.string("The device with the memory.", (route) => route.provider.name),
    client: f.string("Who reaches it.", (route) => route.client.name),
    distance: f.int("Steps up from both to where they meet.", (route) => route.distance),
    map_type: f.word(
      "The answer: bus_addr, thru_host_bridge or not_supported.",
      (route) => route.mapType,
    ),
    hops: f.list(
      "string",
      "The names on the way, from the provider to the client.",
      (route) => route.hops,
    ),
    common_bridge: f.string(
      "The bridge above both; none when they meet in no bridge.",
      (route) => route.commonBridge?.name ?? null,
    ),
    redirecting: f.list(
      "string",
      "The names of functions on the way that send peer traffic up to the root.",
      (route) => route.redirecting.map(({ name }) => name),
    ),
    uncertain: f.list(
      "string",
      "The names of functions on the route of which it is unknown whether they do.",
      (route) => route.uncertain.map(({ name }) => name),
    ),
    change: f.of(
      CHANGE,
      "The smallest change that lets it stay below the common bridge: { functions, " +
        "parameter, map_type, distance, groups_before, groups_after }; none when there is none.",
      changeOf,
    ),
  })),
  methods: [],
  format: ({ provider, client, mapType, distance }) =>
    `${provider.name} to ${client.name}: ${mapType}, distance ${distance}`,
  show: peerStory,
  explain: peerStory,
};

function changeOf(route: PeerRoute, run: Run): PlainOf<typeof CHANGE> {
  const { cpu, functions } = run.lab.topology;
  const change = redirectChange(route, functions, cpu);
  if (change === null) return null;
  return {
    functions: change.functions.map(({ name }) => name),
    parameter: change.parameter,
    map_type: change.after.mapType,
    distance: change.after.distance,
    groups_before: groupNames(change.groupsBefore),
    groups_after: groupNames(change.groupsAfter),
  };
}

/** Groups as lists of names. */
export function groupNames(groups: readonly IommuGroup[]): readonly (readonly string[])[] {
  return groups.map(({ functions }) => functions.map(({ name }) => name));
}
