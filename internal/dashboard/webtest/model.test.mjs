import test from 'node:test';
import assert from 'node:assert/strict';
import { attention, kafkaOf, sinceOf, sitesOf, agreement, inOrder } from '../web/js/model.js';

const now = 1_700_000_000;
const moment = { now, lost: false, knownUntil: now, kafka: { state: 'ok' }, match: () => true };
const cp = (cp_id, more) => ({ cp_id, state: 'activated', since: now - 3600, ...more });
const open = (since, more) => ({ interval: 1, last_ok: since - 1, open: { since, cause: 'timeout', failed_checks: 4, not_judged: 0, told: since + 2, ...more } });

test('a fault began at its first failed check, and without events no later than the report', () => {
  assert.deepEqual(sinceOf(cp('A', { state: 'faulted', since: now - 10, events: open(now - 12) })), { at: now - 12, bound: false });
  assert.deepEqual(sinceOf(cp('A', { state: 'faulted', since: now - 10 })), { at: now - 10, bound: true });
});

test('the two sources agree, or one contradicts the other', () => {
  assert.equal(agreement(cp('A', { state: 'faulted', since: now - 60, events: open(now - 62) }), moment), 'agree');
  assert.equal(agreement(cp('A', { state: 'faulted', since: now - 60, events: { last_ok: now - 5 } }), moment), 'report');
  assert.equal(agreement(cp('A', { events: open(now - 60) }), moment), 'events');
  assert.equal(agreement(cp('A', { events: open(now - 3) }), moment), '', 'a report may be on its way');
  assert.equal(agreement(cp('A', { state: 'faulted', since: now - 60, events: open(now - 62) }), { ...moment, kafka: { state: 'lost' } }), '');
});

test('faulted first, of these the oldest; what is well needs nobody', () => {
  const rows = attention([cp('C', { state: 'disconnected', since: now - 900 }), cp('A', { state: 'faulted', since: now - 10 }), cp('B', { state: 'faulted', since: now - 60 }), cp('D')], moment);
  assert.deepEqual(rows.map((r) => r.cp.cp_id), ['B', 'A', 'C']);
});

test('maintenance is planned and needs nobody', () => {
  const rows = attention([cp('A', { site: 'Norte', state: 'maintenance', reported_state: 'faulted', maintenance: { from: now - 60, to: now + 60, reason: 'cable' } }), cp('B', { state: 'faulted', since: now - 60 })], moment);
  assert.deepEqual(rows.map((r) => r.cp.cp_id), ['B']);
});

test('a site that fails within five seconds is one row, the earlier one stays its own', () => {
  const site = (n, since) => cp('S' + n, { site: 'Norte', state: 'disconnected', since });
  const rows = attention([site(1, now - 30), site(2, now - 29), site(3, now - 26), site(4, now - 25.5), site(5, now - 600)], moment);
  assert.equal(rows.length, 2);
  const [own, group] = rows;
  assert.equal(own.cp.cp_id, 'S5');
  assert.deepEqual([group.cp, group.cps.length, group.of, group.within], [null, 4, 5, 4.5]);
});

test('two of a site of ten are two rows', () => {
  const all = Array.from({ length: 10 }, (_, i) => cp('S' + i, { site: 'Norte', ...(i < 2 && { state: 'faulted', since: now - i }) }));
  assert.equal(attention(all, moment).length, 2);
});

test('events that stay away are lost, unless nobody is there to write them', () => {
  const reading = { behind: 0.1, records: 5, arrived: now - 30 };
  assert.equal(kafkaOf(null, [], now).state, 'none');
  assert.equal(kafkaOf({ ...reading, arrived: null }, [], now).state, 'waiting');
  assert.equal(kafkaOf(reading, [cp('A', { events: { interval: 1 } })], now).state, 'lost');
  assert.equal(kafkaOf(reading, [cp('A', { events: { interval: 60 } })], now).state, 'ok', 'a check a minute');
  assert.equal(kafkaOf(reading, [cp('A', { state: 'disconnected', events: { interval: 1 } })], now).state, 'ok');
  assert.deepEqual(kafkaOf({ ...reading, arrived: now, error: 'refused', since: now - 4 }, [], now), { state: 'lost', since: now - 4, behind: 0.1, records: 5 });
});

test('ids and sites stand in natural order, what has no site last', () => {
  assert.deepEqual(inOrder(['CP_10', 'CP_2', 'CP_002', 'CP_1']), ['CP_1', 'CP_002', 'CP_2', 'CP_10']);
  assert.deepEqual(sitesOf([cp('A'), cp('B', { site: 'Site 10' }), cp('C', { site: 'Site 2' })]).map((s) => s.name), ['Site 2', 'Site 10', '']);
});
