/** Why a route between two peers has a certain kind. */
import type { MachineEvent } from "@dmalab/runtime";
import { findRoute, type PeerRoute } from "@dmalab/devices";
import { wrapText } from "../../text/columns.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { noProvider } from "./no_provider.ts";
import { routeStory } from "./route_story.ts";

/** The kinds of peer memory. They are words in scripts. */
const MAP_TYPES: ReadonlySet<string> = new Set([
  "bus_addr",
  "thru_host_bridge",
  "not_supported",
]);

type Asked = MachineEvent<"call.pci_p2pdma_map_type">;

/**
 * Explains the last query that had a given result: by its route, or by the reason why there was no
 * route.
 * @returns Null when the word is not a kind of peer memory, or no query had that result.
 */
export function peerAnswerStory(kind: string, context: ExecutionContext): string[] | null {
  if (!MAP_TYPES.has(kind)) return null;
  const { events } = context.recorder;
  const at = events.findLastIndex((event, index) =>
    event.name === "p2p.route"
      ? (event as MachineEvent<"p2p.route">).fields.map_type === kind
      : isUnrouted(event, events[index + 1], kind)
  );
  if (at < 0) return null;
  const asked = events[at] as MachineEvent<"p2p.route"> | Asked;
  const { topology } = context.lab;
  const provider = topology.find(asked.fields.provider);
  const client = topology.find(asked.fields.client);
  if (provider === undefined || client === undefined) return null;
  if (asked.name !== "p2p.route" && topology.providers.of(provider) === null) {
    const { hint, message } = noProvider(provider);
    return wrapText(`${kind}: ${message} (p2p.9.4); ${hint}`, context.columns);
  }
  const route = findRoute(provider, client, topology.cpu);
  const story = peerStory(route, context);
  return route.mapType === kind ? story : [
    `the answer ${kind} was cached before something changed (p2p.9.5);`,
    "computed now, it would be another:",
    "",
    ...story,
  ];
}

/** Whether a query was answered without a route, because there was no provider. */
function isUnrouted(event: MachineEvent, next: MachineEvent | undefined, kind: string): boolean {
  return event.name === "call.pci_p2pdma_map_type" && next?.name === "ret.pci_p2pdma_map_type" &&
    next.fields.result === kind;
}

/** The story of a route on a script's machine. */
export function peerStory(route: PeerRoute, context: ExecutionContext): string[] {
  const { cpu, functions } = context.lab.topology;
  const doubts = route.mapType === "bus_addr" && route.uncertain.length > 0
    ? [`ACS redirect of ${route.uncertain.map(({ name }) => name).join(", ")} is unknown`]
    : [];
  return routeStory(route, { cpu, functions, doubts });
}
