/** A way from one PCI function to another one's memory. */
import type { IommuGroup } from "../../../../devices/pci/iommu_groups.ts";
import { redirectChange } from "../../../../devices/pci/peers/redirect_change.ts";
import type { PeerRoute } from "../../../../devices/pci/peers/route.ts";
import type { Value } from "../../../values/value.ts";
import type { Run } from "../../../values/run.ts";
import { list, record, word } from "../../arguments.ts";
import { peerStory } from "../../explain/peer_answer.ts";
import type { TypeSpec } from "../../../values/spec.ts";

export const PEER_ROUTE: TypeSpec<PeerRoute> = {
  name: "peer_route",
  doc: "How one device reaches another one's memory, worked out anew; `explain` says why.",
  fields: [
    {
      name: "provider",
      kind: "string",
      doc: "Who lends memory.",
      get: (route) => route.provider.name,
    },
    { name: "client", kind: "string", doc: "Who reaches it.", get: (route) => route.client.name },
    {
      name: "distance",
      kind: "int",
      doc: "Steps up from both to where they meet.",
      get: (route) => route.distance,
    },
    {
      name: "map_type",
      kind: "word",
      doc: "The answer: bus_addr, thru_host_bridge or not_supported.",
      get: (route) => word(route.mapType),
    },
    {
      name: "hops",
      kind: "list",
      of: "string",
      doc: "The names on the way, from the provider to the client.",
      get: (route) => list(route.hops),
    },
    {
      name: "common_bridge",
      kind: "string",
      doc: "The bridge above both; none when they meet in no bridge.",
      get: (route) => route.commonBridge?.name ?? null,
    },
    {
      name: "redirecting",
      kind: "list",
      doc: "The names of functions on the way that send peer traffic up to the root.",
      get: (route) => list(route.redirecting.map(({ name }) => name)),
    },
    {
      name: "uncertain",
      kind: "list",
      doc: "The names of functions on the way of which nobody knows whether they do.",
      get: (route) => list(route.uncertain.map(({ name }) => name)),
    },
    {
      name: "change",
      kind: "record",
      doc: "The smallest change that lets it stay below the common bridge: { functions, " +
        "parameter, map_type, distance, groups_before, groups_after }; none when there is none.",
      get: changeOf,
    },
  ],
  methods: [],
  format: ({ provider, client, mapType, distance }) =>
    `${provider.name} to ${client.name}: ${mapType}, distance ${distance}`,
  show: peerStory,
  explain: peerStory,
};

function changeOf(route: PeerRoute, run: Run): Value {
  const { cpu, functions } = run.lab.topology;
  const change = redirectChange(route, functions, cpu);
  if (change === null) return null;
  return record({
    functions: list(change.functions.map(({ name }) => name)),
    parameter: change.parameter,
    map_type: word(change.after.mapType),
    distance: change.after.distance,
    groups_before: groupList(change.groupsBefore),
    groups_after: groupList(change.groupsAfter),
  });
}

/** Groups as lists of names. */
export function groupList(groups: readonly IommuGroup[]): Value {
  return list(groups.map(({ functions }) => list(functions.map(({ name }) => name))));
}
