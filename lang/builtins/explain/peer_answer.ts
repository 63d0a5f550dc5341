/** Why a route between two peers is of its kind. */
import type { MachineEvent } from "../../../runtime/events.ts";
import { findRoute, type PeerRoute } from "../../../devices/pci/peers/route.ts";
import type { Run } from "../../values/run.ts";
import { routeStory } from "./route_story.ts";

/** The kinds of peer memory, which a script has as words. */
const MAP_TYPES: ReadonlySet<string> = new Set([
  "bus_addr",
  "thru_host_bridge",
  "not_supported",
]);

/**
 * Explains the last route of that kind.
 * @returns Null when the word is no kind of peer memory, or no route was of that kind.
 */
export function peerAnswerStory(kind: string, run: Run): string[] | null {
  if (!MAP_TYPES.has(kind)) return null;
  const asked = run.recorder.events.findLast((event): event is MachineEvent<"p2p.route"> =>
    event.name === "p2p.route" && (event as MachineEvent<"p2p.route">).fields.map_type === kind
  );
  if (asked === undefined) return null;
  const { topology } = run.lab;
  const provider = topology.find(asked.fields.provider);
  const client = topology.find(asked.fields.client);
  if (provider === undefined || client === undefined) return null;
  const route = findRoute(provider, client, topology.cpu);
  const story = peerStory(route, run);
  return route.mapType === kind ? story : [
    `the answer ${kind} was cached before something changed (p2p.9.5);`,
    "computed now, it would be another:",
    "",
    ...story,
  ];
}

/** A route of a machine of a script. */
export function peerStory(route: PeerRoute, run: Run): string[] {
  const { cpu, functions } = run.lab.topology;
  const doubts = route.mapType === "bus_addr" && route.uncertain.length > 0
    ? [`ACS redirect of ${route.uncertain.map(({ name }) => name).join(", ")} is unknown`]
    : [];
  return routeStory(route, { cpu, functions, doubts });
}
