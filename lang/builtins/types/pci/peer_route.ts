/** A way from one PCI function to another one's memory. */
import type { PlainOf } from "../../describe/form.ts";
import { type PciIommuGroup, type PeerRoute, redirectChange } from "@dmalab/devices/pci";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { peerStory } from "../../explain/peer_answer.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

const CHANGE = {
  functions: ["string"],
  parameter: "string",
  map_type: "word",
  distance: "int",
  groups_before: [["string"]],
  groups_after: [["string"]],
} as const;

export const PEER_ROUTE: HandleType<PeerRoute> = {
  name: "peer_route",
  doc: "The route from a client to a provider's memory, recomputed; `explain` gives the reason.",
  fields: fieldsOf<PeerRoute>((f) => ({
    provider: f.string("The device with the memory.", (route) => route.provider.name),
    client: f.string("The device that accesses it.", (route) => route.client.name),
    distance: f.int("Hops from both up to the common bridge.", (route) => route.distance),
    map_type: f.word(
      "The result: bus_addr, thru_host_bridge or not_supported.",
      (route) => route.mapType,
    ),
    hops: f.list(
      "string",
      "The names along the route, from the provider to the client.",
      (route) => route.hops,
    ),
    common_bridge: f.string(
      "The nearest bridge above both; none if there is none.",
      (route) => route.commonBridge?.name ?? null,
    ),
    redirecting: f.list(
      "string",
      "Names of functions on the route whose ACS redirects peer traffic to the root complex.",
      (route) => route.redirecting.map(({ name }) => name),
    ),
    uncertain: f.list(
      "string",
      "Names of functions on the route of which the ACS state is unknown.",
      (route) => route.uncertain.map(({ name }) => name),
    ),
    change: f.of(
      CHANGE,
      "The smallest ACS change that keeps the route below the common bridge: { functions, " +
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

function changeOf(route: PeerRoute, context: ExecutionContext): PlainOf<typeof CHANGE> {
  const { cpu, functions } = context.lab.topology;
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
export function groupNames(groups: readonly PciIommuGroup[]): readonly (readonly string[])[] {
  return groups.map(({ functions }) => functions.map(({ name }) => name));
}
