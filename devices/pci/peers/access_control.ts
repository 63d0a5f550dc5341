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

/** Whether a function has the capability. `unknown` is what a listing taken without rights says. */
type AcsPresence = "present" | "absent" | "unknown";

/** A function's capability: its services, and the enabled ones. */
export interface AcsCapability {
  readonly presence: AcsPresence;
  /** The services it implements; none when it is not present. */
  readonly supported: ReadonlySet<AcsService>;
  /** The control bits that are set: some of `supported`. */
  readonly enabled: ReadonlySet<AcsService>;
}

const NOTHING: ReadonlySet<AcsService> = new Set();

/** The function has no such capability. */
export const ACS_ABSENT: AcsCapability = {
  presence: "absent",
  supported: NOTHING,
  enabled: NOTHING,
};

/** Whether it has one is unknown. It counts as absent wherever an answer is needed. */
export const ACS_UNKNOWN: AcsCapability = {
  presence: "unknown",
  supported: NOTHING,
  enabled: NOTHING,
};

/**
 * A capability that is there.
 * @param enabled The control bits that are set.
 * @param supported What it implements; all services when left out.
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
 * Services that redirect peer traffic, in the kernel's eyes, and that the boot parameter switches off.
 * @see rules/p2p.md 9.4, "ACS redirect"
 */
export const REDIRECTION: readonly AcsService[] = [
  "request_redirect",
  "completion_redirect",
  "egress_control",
];
