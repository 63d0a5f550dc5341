/** How a peer's memory is reached, in words. */
import type { Facts, Told } from "./told.ts";

/** What a host bridge, or who it was asked of, said. @see behaviour/p2p.md 9.4 */
const HOST_BRIDGES: Readonly<Record<string, string>> = {
  cpu: "the CPU's host bridges are known to pass it",
  listed: "the host bridges are listed as passing it",
  not_listed: "a host bridge is not listed as passing it",
  same_bridge_only: "the host bridge passes it only below itself",
};

/** A route between the provider of memory and the device that is to use it. */
export function routeTold(facts: Facts<"p2p.route">): Told {
  const distance = facts.fields.distance;
  const type = facts.fields.map_type;
  const title = `memory of ${facts.fields.provider}: ${type}${
    type === "not_supported" ? "" : `, distance ${distance}`
  }`;
  return { title, why: reasons(facts).join("; ") };
}

function reasons(facts: Facts<"p2p.route">): string[] {
  const common = facts.input("common_bridge");
  const redirecting = facts.input("redirecting");
  const bridge = facts.input("host_bridge");
  return [
    typeof common === "string" ? `both are below ${common}` : "no switch has both below it",
    ...Array.isArray(redirecting) && redirecting.length > 0
      ? [`access control redirects at ${redirecting.join(", ")}`]
      : [],
    ...typeof bridge === "string" && HOST_BRIDGES[bridge] !== undefined
      ? [HOST_BRIDGES[bridge]]
      : [],
    ...facts.fields.cached ? ["remembered from before"] : [],
    ...facts.fields.map_type === "not_supported"
      ? [`explain topology().route(${facts.fields.provider}, ${facts.fields.client}) says more`]
      : [],
  ];
}
