/** Access Control Services: which peer transactions a port sends up instead of across. */

/** The services, by their names in scripts. @see PCI Express Base Specification, 6.12 */
export const ACS_SERVICES = [
  "source_validation",
  "translation_blocking",
  "request_redirect",
  "completion_redirect",
  "upstream_forwarding",
  "egress_control",
  "direct_translated",
] as const;

export type AcsService = (typeof ACS_SERVICES)[number];

export function isAcsService(name: string): name is AcsService {
  return (ACS_SERVICES as readonly string[]).includes(name);
}

/**
 * Whether a function with these services redirects peer traffic.
 * @see behaviour/p2p.md 9.4, "ACS redirect"
 */
export function redirects(services: ReadonlySet<AcsService>): boolean {
  return services.has("request_redirect") || services.has("completion_redirect") ||
    services.has("egress_control");
}
