// Components as HTML strings. Every value from the network goes through esc().
import { t } from './words.js';
import { num, dur, durShort, durBound, age, every, when, NB } from './format.js';

export const shape = (st, cls = '') => `<svg class="shape s-${st} ${cls}" aria-hidden="true"><use href="#i-${st}"/></svg>`;

// KINDS are further sets of charge points to count and to filter by, shown when they are
// not empty. Their shape is that of a state, hollow.
export const KINDS = ['last_known_faulted', 'unverified', 'expected'];
export const kindShape = (kind) => (kind === 'expected' ? shape('expected') : shape(kind === 'unverified' ? 'activated' : 'faulted', 'hollow'));
export function isKind(cp, kind, now) {
  switch (kind) {
    case 'last_known_faulted': return !!cp.last_known_fault;
    case 'unverified': return isUnverified(cp, now);
    default: return cp.state === kind;
  }
}
export const isConnected = (cp) => cp.state === 'activated' || cp.state === 'faulted';

// m.knownUntil is now, or when the link was lost. While it is lost, durations are lower
// bounds.
export const lasted = (cp, m, f = dur) => (m.lost ? '≥' + NB + (f === durShort ? durBound : f)(m.knownUntil - cp.since) : f(m.knownUntil - cp.since));

// missing is how many heartbeats are overdue, at most MANY: beyond that the page shows
// the time without one.
const MANY = 6;
export function missing(cp, now) {
  if (!cp.heartbeat_gap || !cp.last_heartbeat || cp.reason === 'said_goodbye') return 0;
  const late = (now - cp.last_heartbeat) / Math.max(cp.heartbeat_gap, 1);
  return Math.max(0, Math.min(MANY, Math.floor(late - 0.35)));
}

// heartbeatBars draws one bar for each heartbeat, the newest right: OK low and solid, KO
// tall and solid, CONNECTION_ERROR tall and hollow, no verdict low and hollow, missing
// medium and dashed.
const SLOT = 6, BAR = 3.6, SLOTS = 48, WIDTH = SLOT * (SLOTS - 1) + BAR;
export function heartbeatBars(cp, miss, H) {
  const all = (cp.heartbeats + '-'.repeat(miss)).slice(-SLOTS);
  const x0 = (SLOTS - all.length) * SLOT;
  const bars = [...all].map((c, i) => bar(c, x0 + i * SLOT, H)).join('');
  return `<svg class="beats" viewBox="0 0 ${WIDTH} ${H}" preserveAspectRatio="none" aria-hidden="true"><path class="e-base" d="M0 ${H - 0.5}H${WIDTH}"/>${bars}</svg>`;
}
function bar(c, x, H) {
  const low = Math.round(H * 0.38), solid = (cls, h) => `<rect class="${cls}" x="${x}" y="${H - h}" width="${BAR}" height="${h}"/>`;
  const hollow = (cls, h) => `<rect class="${cls}" x="${(x + 0.5).toFixed(1)}" y="${H - h + 0.5}" width="${BAR - 1}" height="${h - 1}"/>`;
  switch (c) {
    case 'O': return solid('e-o', low);
    case 'K': return solid('e-k', H);
    case 'C': return hollow('e-n', H);
    case 'M': return hollow('e-u', low);
    default: return hollow('e-m', Math.round(H * 0.62));
  }
}

// reasonText is the line under the state: the reason, as far as Central knows it.
export function reasonText(cp, now) {
  const why = t('r_' + cp.reason);
  if (cp.last_known_fault) return t('c_last', { t: when(cp.last_known_fault.since, now), r: why });
  if (!isConnected(cp)) return why;
  if (cp.unverified_reason === 'no_message') return t('c_no_message', { d: durBound(now - cp.last_seen) });
  if (cp.unverified_reason === 'no_outcome') return t('c_no_outcome');
  if (cp.state === 'faulted') return t(cp.status === 'KO' ? 'c_ko' : cp.status === 'CONNECTION_ERROR' ? 'c_noanswer' : 'c_reported');
  if (cp.status === 'OK') return t('c_ok');
  if (cp.status === 'MONITORING') return t('c_monitoring');
  return t(cp.reason === 'engine_recovered' ? 'c_recovered' : 'c_registered');
}
// old: it sends no heartbeats, so Central can't notice its silence; it must not look fresh.
const OLD = 60;
export const isOld = (cp, now) => isConnected(cp) && !cp.heartbeat_gap && now - cp.last_seen > OLD;
// unverified: nothing supports its state any more. It is drawn hollow.
export const isUnverified = (cp, now) => !!cp.unverified || isOld(cp, now);

const stateName = (cp) => t(cp.last_known_fault ? 'last_known_faulted' : cp.state);
export function stateText(cp, m) {
  if (isOld(cp, m.now)) return t('heard', { d: durShort(m.now - cp.last_seen) });
  return cp.unverified ? `${t(cp.state)}, ${t('unverified_n')}` : cp.state === 'expected' ? t('r_never_heard') : stateName(cp);
}

// lastSeenText is the age of the last message: "seen" while heartbeats are expected,
// "heard" otherwise.
export const lastSeenText = (cp, now) => (!cp.last_seen ? NB : cp.state === 'disconnected' || isOld(cp, now)
  ? t('heard', { d: dur(now - cp.last_seen) }) : t('seen', { s: age(now - cp.last_seen) }));

export function heartbeatText(cp, now) {
  if (cp.state === 'expected') return NB;
  if (cp.state === 'disconnected') return lastHeartbeatText(cp, now);
  const miss = missing(cp, now);
  if (miss === MANY) return t('beats_quiet', { d: dur(now - cp.last_heartbeat) });
  if (miss > 0) return t('beats_miss', { n: num(miss) });
  if (cp.heartbeat_gap) return t('beats_every', { s: every(cp.heartbeat_gap) });
  if (cp.heartbeats) return t('beats');
  return t(now - cp.last_seen > 10 ? 'beats_none' : 'beats_wait');
}

// lastHeartbeatText is the time of the last heartbeat of a disconnected charge point; its
// age stands beside it.
function lastHeartbeatText(cp, now) {
  if (cp.last_heartbeat) return t('beats_last', { t: when(cp.last_heartbeat, now) });
  return cp.reason === 'central_restarted' ? NB : t('beats_none');
}
