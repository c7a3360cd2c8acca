import test from 'node:test';
import assert from 'node:assert/strict';

globalThis.document = { documentElement: { lang: 'en', dataset: {} } };
globalThis.location = new URL('http://localhost/');
const { bySite, readIncident, lastedText } = await import('../web/js/incident.js');
const { tally, percent, skyline, span } = await import('../web/js/cplanes.js');
const { figures, chart } = await import('../web/js/cpanswers.js');

const incident = (cp, site, first, more) => ({ key: cp + first, cp, site, first, recovered: first + 60, open: false, endUnseen: false, ...more });

test('a site whose charge points failed within 5 s is one row, if they are most of it', () => {
  const list = [incident('D', 'Sur', 2000), incident('C', 'Norte', 1004), incident('B', 'Norte', 1001), incident('A', 'Norte', 1000)];
  assert.deepEqual(bySite(list, () => 4).map((r) => r.map((i) => i.cp).join('')), ['D', 'CBA']);
  assert.deepEqual(bySite(list, () => 5).map((r) => r.length), [1, 1, 1, 1], 'three of five are not the site');
  assert.deepEqual(bySite([incident('B', 'Norte', 1006), incident('A', 'Norte', 1000)], () => 2).map((r) => r.length), [1, 1], 'too far apart');
  assert.deepEqual(bySite([incident('B', '', 1000), incident('A', '', 1000)], () => 2).map((r) => r.length), [1, 1], 'no site');
});

test('one incident has one set of times', () => {
  const i = readIncident({ cp_id: 'A', incident_id: 'x', cause: 'timeout', first_failed: '2026-10-31T00:40:00Z', detected: '2026-10-31T00:40:02Z', told: '2026-10-31T00:40:02.104Z', answered_us: 4000, recovered: null, open: true, end_unseen: false, failed_checks: 3, not_judged: 0, tcp_failure: null });
  assert.ok(Math.abs(i.told - i.first - 2.1) < 1e-6, 'the report was sent before its answer came');
  assert.match(lastedText(i, i.first + 61, false), /^1.min 01.s$/);
  assert.match(lastedText(i, i.first + 61, true), /^≥.1.min 01.s$/);
  assert.match(lastedText({ ...i, open: false, endUnseen: true }, 0, false), /^≥.2.s$/, 'nobody saw the end');
});

test('sums are whole: what no segment covers is unwatched, and time before the first is nobody’s', () => {
  const segments = [{ from: 100, to: 200, state: 'up', cause: '' }, { from: 200, to: 210, state: 'down', cause: 'refused' }, { from: 230, to: 300, state: 'up', cause: '' }];
  const { up, down, unwatched } = tally(segments, 0, 310);
  assert.deepEqual([up, down, unwatched], [170e6, 10e6, 30e6]);
  assert.deepEqual(tally(segments, 205, 240).parts.map((p) => [p.from, p.to, p.state].join(' ')), ['205 210 down', '210 230 unwatched', '230 240 up']);
  assert.equal(tally([], 0, 10).parts.length, 0);
});

test('a percentage is cut, so that 100 is all of it, and a month in microseconds loses nothing', () => {
  const month = 30 * 86400 * 1e6;
  assert.equal(percent(month - 1, month, 3), '99.999\u00a0%');
  assert.equal(percent(month, month, 3), '100.000\u00a0%');
  assert.equal(percent(0, 0, 3), '–');
  assert.match(span(10_000), /^0\.01.s$/);
});

test('a second of a month is two pixels wide', () => {
  const svg = skyline([{ from: 0, to: 86400 * 30, state: 'up', cause: '' }, { from: 1000, to: 1001, state: 'down', cause: '' }], [], 0, 86400 * 30, 400, 34);
  assert.match(svg, /class="g-faulted" x="[\d.]+" y="0" width="2\.0" height="34"/);
});

test('the chart knows verdicts, and what was not judged', () => {
  const checks = [...Array(300)].map((_, i) => ({ at: i, verdict: i < 200 ? 'ok' : i === 250 ? 'unjudged' : 'ko', ms: i === 250 ? null : 5, cause: '', reply: '' }));
  const f = figures(checks), svg = chart(checks, 300, 1, 640, 200);
  assert.deepEqual([f.failed, f.unjudged, f.median], [99, 1, 5]);
  assert.equal((svg.match(/class="g-faulted"/g) || []).length, 2, 'before and after what was not judged');
  assert.equal((svg.match(/class="g-unobserved"/g) || []).length, 1);
  assert.match(svg, /first failed/);
});
