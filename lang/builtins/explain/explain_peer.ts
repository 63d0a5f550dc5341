/** How a peer's memory is reached, in words. */
import type { EventFacts, Explanation } from "./explanation.ts";

/** The host-bridge check. @see rules/p2p.md 9.4 */
const HOST_BRIDGES: Readonly<Record<string, string>> = {
  cpu: "every host bridge of this CPU passes it",
  listed: "the host bridges are whitelisted",
  not_listed: "a host bridge is not whitelisted",
  same_bridge_only: "the host bridge is whitelisted only for traffic below itself",
};

/** A route between the provider of memory and the device that is to use it. */
export function explainRoute(facts: EventFacts<"p2p.route">): Explanation {
  const distance = facts.fields.distance;
  const type = facts.fields.map_type;
  const title = `memory of ${facts.fields.provider}: ${type}${
    type === "not_supported" ? "" : `, distance ${distance}`
  }`;
  return { title, why: reasons(facts).join("; ") };
}

function reasons(facts: EventFacts<"p2p.route">): string[] {
  const common = facts.input("common_bridge");
  const redirecting = facts.input("redirecting");
  const bridge = facts.input("host_bridge");
  return [
    typeof common === "string"
      ? `closest common upstream bridge ${common}`
      : "no common upstream bridge",
    ...Array.isArray(redirecting) && redirecting.length > 0
      ? [`ACS redirects at ${redirecting.join(", ")}`]
      : [],
    ...typeof bridge === "string" && HOST_BRIDGES[bridge] !== undefined
      ? [HOST_BRIDGES[bridge]]
      : [],
    ...facts.fields.cached ? ["cached from an earlier call"] : [],
    ...facts.fields.map_type === "not_supported"
      ? [`explain topology().route(${facts.fields.provider}, ${facts.fields.client}) says more`]
      : [],
  ];
}
