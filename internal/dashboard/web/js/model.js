// What the overview makes of the charge points: what needs attention, since when, and what can
// be believed. No DOM; a test runs it in Node.
// @ts-check

/** @typedef {import('./store.js').ChargePoint} ChargePoint */
/**
 * What is known of time and of the sources.
 * @typedef {Object} Moment
 * @property {number} now Central's clock @property {boolean} lost the link to Central is
 * @property {number} knownUntil now, or when the link was lost
 * @property {Kafka} kafka
 * @property {(cp: ChargePoint) => boolean} match the filters
 */
/** How the events are read. @typedef {{state: 'none' | 'waiting' | 'ok' | 'lost', since: number, behind: number | null, records: number}} Kafka */

// By urgency.
export const STATES = ['faulted', 'disconnected', 'maintenance', 'activated'];
export const TOGETHER = 5; // s: a site whose charge points fail within this failed as one
export const PART = 0.75; // of a site, to be called the site
const AGREE = 10; // s that one source may be behind the other before they disagree
const QUIET = 5; // s without an event, beyond two intervals, and the events count as lost

/**
 * How the events are read. Silence counts as a loss while Monitors are connected that write
 * some each interval.
 * @param {any} reading of the last frame; null: no history is kept
 * @param {Iterable<ChargePoint>} cps @param {number} now @returns {Kafka}
 */
export function kafkaOf(reading, cps, now) {
  if (!reading) return { state: 'none', since: 0, behind: null, records: 0 };
  const { behind, records, arrived } = reading;
  if (reading.error) return { state: 'lost', since: Math.min(reading.since, arrived || reading.since), behind, records };
  if (!arrived) return { state: 'waiting', since: 0, behind, records };
  let shortest = Infinity;
  if (now - arrived > QUIET) for (const cp of cps) if (isConnected(cp) && cp.events && cp.events.interval) shortest = Math.min(shortest, cp.events.interval);
  if (now - arrived > QUIET + 2 * shortest) return { state: 'lost', since: arrived, behind, records };
  return { state: 'ok', since: 0, behind, records };
}

/** @param {ChargePoint} cp */
export const isConnected = (cp) => (cp.reported_state || cp.state) === 'activated' || (cp.reported_state || cp.state) === 'faulted';

/** The incident of a faulted charge point, as the events tell it; null: they do not. @param {ChargePoint} cp */
export const openOf = (cp) => (cp.events && cp.events.open ? cp.events.open : null);

/**
 * Since when a charge point is in its state. For a fault that is its first failed check, which
 * only the events tell; without them it began before Central was told, and the time is a bound.
 * @param {ChargePoint} cp @returns {{at: number, bound: boolean}}
 */
export function sinceOf(cp) {
  const open = openOf(cp);
  if (cp.state !== 'faulted') return { at: cp.maintenance ? cp.maintenance.from : cp.since || 0, bound: false };
  return open && open.since <= cp.since + AGREE ? { at: open.since, bound: false } : { at: cp.since, bound: true };
}

/**
 * Whether the two sources say the same of the Engine: 'agree', 'report' (the report says faulted,
 * the events OK), 'events' (the other way round), '' (one of them says nothing).
 * @param {ChargePoint} cp @param {Moment} m
 */
export function agreement(cp, m) {
  if (!cp.events || m.kafka.state !== 'ok') return '';
  const open = openOf(cp);
  if (cp.state === 'faulted') {
    if (open) return 'agree';
    return cp.events.last_ok > cp.since && m.knownUntil - cp.since > AGREE ? 'report' : '';
  }
  return cp.state === 'activated' && open && m.knownUntil - open.since > AGREE + 5 ? 'events' : '';
}

/**
 * One row of what needs attention: a charge point, or a site whose charge points failed together.
 * @typedef {{key: string, state: string, since: number, bound: boolean, cp: ChargePoint | null, site: string, cps: ChargePoint[], of: number, within: number}} Row
 */

/** How urgent a row is. @param {string} state */
const rank = (state) => (STATES.includes(state) ? STATES.indexOf(state) : STATES.length);

/**
 * What needs attention, the most urgent first, and of these the oldest. Maintenance is planned: it
 * needs nobody while its window is open.
 * @param {Iterable<ChargePoint>} cps @param {Moment} m @returns {Row[]}
 */
export function attention(cps, m) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Map<string, number>} */
  const sizes = new Map();
  /** @type {Map<string, Row[]>} */
  const bySite = new Map();
  for (const cp of cps) {
    if (cp.site) sizes.set(cp.site, (sizes.get(cp.site) || 0) + 1);
    const clash = agreement(cp, m) === 'events';
    const bad = cp.state === 'faulted' || clash || cp.state === 'disconnected' && cp.reason !== 'not_listed';
    if (!bad) continue;
    const { at, bound } = clash ? { at: openOf(cp).since, bound: false } : sinceOf(cp);
    /** @type {Row} */
    const row = { key: 'cp ' + cp.cp_id, state: clash || cp.last_known_fault ? 'faulted' : cp.state, since: at, bound, cp, site: cp.site || '', cps: [cp], of: 1, within: 0 };
    if (cp.site && !clash) {
      const key = cp.state + ' ' + cp.site, list = bySite.get(key);
      if (list) list.push(row); else bySite.set(key, [row]);
    } else rows.push(row);
  }
  for (const [key, list] of bySite) rows.push(...together(key, list, sizes.get(list[0].site) || 0));
  return rows.sort((a, b) => rank(a.state) - rank(b.state) || a.since - b.since || (a.key < b.key ? -1 : 1));
}

/** Joins the rows of a site that began together. @param {string} key @param {Row[]} list of one state @param {number} size of the site @returns {Row[]} */
function together(key, list, size) {
  if (list.length < 2 || list.length < PART * size) return list;
  list.sort((a, b) => a.since - b.since);
  let from = 0, most = 0, best = 0;
  for (let to = 0; to < list.length; to++) {
    while (list[to].since - list[from].since > TOGETHER) from++;
    if (to - from + 1 > most) { most = to - from + 1; best = from; }
  }
  if (most < 2 || most < PART * size) return list;
  const group = list.slice(best, best + most), state = group[0].cps[0].state;
  const cps = group.map((r) => r.cps[0]);
  return [...list.slice(0, best), ...list.slice(best + most), {
    key: 'site ' + key, state, since: group[0].since, bound: group.some((r) => r.bound), cp: null, site: group[0].site, cps, of: size, within: group[most - 1].since - group[0].since,
  }];
}

/** The sites by name, each with its charge points in order; '' last. @param {ChargePoint[]} all in order */
export function sitesOf(all) {
  /** @type {Map<string, ChargePoint[]>} */
  const sites = new Map();
  for (const cp of all) {
    const name = cp.site || '', list = sites.get(name);
    if (list) list.push(cp); else sites.set(name, [cp]);
  }
  return [...sites].map(([name, cps]) => ({ name, cps })).sort((a, b) => (a.name === '' ? 1 : b.name === '' ? -1 : compare(a.name, b.name)));
}

// Site 2 stands before Site 10, CP_2 before CP_10.
const { compare } = new Intl.Collator('en', { numeric: true });

// Before a number in an id stands how many digits it has: of two numbers the longer is the larger.
/** @param {string} id */
const orderKey = (id) => id.replace(/0*(\d+)/g, (_, digits) => '0' + String.fromCharCode(digits.length) + digits);

/** Ids in natural order. Thousands take a tenth of the time that a Collator takes. @param {Iterable<string>} ids */
export const inOrder = (ids) => [...ids].map((id) => ({ id, key: orderKey(id) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.id < b.id ? -1 : 1)).map((x) => x.id);
