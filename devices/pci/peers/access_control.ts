/**
 * Access Control Services: which peer transactions a port redirects upstream instead of routing
 * them directly.
 */

/** The services, with their names in scripts. @see PCI Express Base Specification, 6.12 */
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

/**
 * Whether a function has the capability. It is `unknown` in a listing that was made without
 * privileges.
 */
type AcsPresence = "present" | "absent" | "unknown";

/** A function's ACS capability: the supported and the enabled services. */
export interface AcsCapability {
  readonly presence: AcsPresence;
  /** The services that the capability implements; empty if the capability is not present. */
  readonly supported: ReadonlySet<AcsService>;
  /** The services with a set control bit: a subset of `supported`. */
  readonly enabled: ReadonlySet<AcsService>;
}

const NOTHING: ReadonlySet<AcsService> = new Set();

/** The value for a function without the capability. */
export const ACS_ABSENT: AcsCapability = {
  presence: "absent",
  supported: NOTHING,
  enabled: NOTHING,
};

/**
 * The value if it is unknown whether a function has the capability. For decisions the capability
 * counts as absent.
 */
export const ACS_UNKNOWN: AcsCapability = {
  presence: "unknown",
  supported: NOTHING,
  enabled: NOTHING,
};

/**
 * Makes a capability.
 * @param enabled The services with a set control bit.
 * @param supported The implemented services; by default all.
 */
export function acsPresent(
  enabled: Iterable<AcsService>,
  supported: Iterable<AcsService> = ACS_SERVICES,
): AcsCapability {
  const on = new Set(enabled);
  return { presence: "present", supported: new Set([...supported, ...on]), enabled: on };
}

export function isAcsService(name: string): name is AcsService {
  return (ACS_SERVICES as readonly string[]).includes(name);
}

/**
 * Services that redirect peer traffic in the kernel's view. The boot parameter
 * `pci=disable_acs_redir=…` disables these services.
 *
 * @see rules/p2p.md 9.4, "ACS redirect"
 */
export const REDIRECTION: readonly AcsService[] = [
  "request_redirect",
  "completion_redirect",
  "egress_control",
];
