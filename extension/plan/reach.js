// Where the extension goes of itself: the host's rules, as far as an address tells, for what is asked for before the host
// has seen a plan. The host looks closer, at what names are resolved to.

/** Networks that are not everyone's: of IPv4; names; all of IPv6 but the global addresses, without those that hold an IPv4 one. */
const PRIVATE =
  /^((0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.[\d.]+|(.*\.)?(localhost|local|internal)\.?|\[((?![23])|2002:|2001:0?:).*\])$/;

/**
 * May an address be followed to another? From a public one to no private network, and from https to nothing in the clear.
 * @param {string} from absolute @param {string} to absolute
 */
export function mayLead(from, to) {
  const [source, target] = [new URL(from), new URL(to)];
  const staysPublic = isPrivate(source.hostname) || !isPrivate(target.hostname);
  return staysPublic && (source.protocol !== 'https:' || target.protocol === 'https:');
}

/** @param {string} hostname as the URL standard folds it */
const isPrivate = (hostname) => PRIVATE.test(hostname);
