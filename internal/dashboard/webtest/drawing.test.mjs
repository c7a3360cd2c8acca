import test from 'node:test';
import assert from 'node:assert/strict';

globalThis.document = { documentElement: { lang: 'en' } };
globalThis.location = { search: '', pathname: '/' };
const { bars, evidence, dayStrip, rateBars } = await import('../web/js/marks.js');
const { layoutDots, cellAt } = await import('../web/js/dotlayout.js');
const { peer, pct, pctUp, num } = await import('../web/js/format.js');
const { WORDS } = await import('../web/js/words.js');
const count = (text, what) => text.split(what).length - 1;

test('each outcome has its own mark', () => {
  for (const [letter, cls] of Object.entries({ O: 'e-o', K: 'e-k', C: 'e-n', U: 'e-u', '-': 'e-m' })) assert.match(bars(letter), new RegExp(`class="${cls}"`));
});

test('evidence: six before, the three that opened it underlined, how many followed, the last eight', () => {
  const text = evidence({ before: 'OOOOOO', opening: 'KKK', failed_checks: 848, not_judged: 0 }, 'KKKKKKKK', false);
  assert.deepEqual([count(text, 'e-o'), count(text, 'e-k'), count(text, 'e-mark')], [6, 11, 1]);
  assert.match(text, />\+837</);
  const young = evidence({ before: 'OO', opening: 'CCC', failed_checks: 4, not_judged: 0 }, 'OOCCCC', false);
  assert.equal(count(young, 'e-n'), 4);
  assert.ok(!young.includes('e-more'));
});

test('a second of outage in a day is two pixels wide', () => {
  const day = { from: '2026-10-30T00:00:00Z', to: '2026-10-31T00:00:00Z' }, at = Date.parse(day.from) / 1000 + 40000;
  const text = dayStrip(day, { not_up: [{ from: at, to: at + 1, state: 'down' }], begin: null, unknown: false }, 140, 10);
  assert.match(text, /class="g-down" x="[\d.]+" y="0" width="2.0"/);
  assert.match(dayStrip(day, undefined, 140, 10), /g-unobserved/);
});

test('a backlog that was read at once is a broken bar and leaves the others their height', () => {
  const drawn = rateBars([...new Array(58).fill(6), 17000, 6], 0);
  assert.equal(drawn.match(/broken/g)?.length, 1);
  assert.match(drawn, /height="22.6"/);
  assert.doesNotMatch(rateBars(new Array(60).fill(6), 0), /broken/);
});
test('what is not known of the last seconds is hatched', () => assert.match(rateBars(new Array(60).fill(5), 10), /g-unobserved" x="125"/));

test('ten thousand marks fit, each in its own place, and are found there', () => {
  const sites = Array.from({ length: 200 }, (_, s) => ({ name: 'S' + s, cps: Array.from({ length: 50 }, (_, i) => ({ cp_id: `S${s}-${i}`, state: 'activated' })) }));
  const l = layoutDots(sites, 1440, 860);
  assert.equal(l.cells.length, 10000);
  assert.equal(new Set(l.cells.map((c) => c.x + ',' + c.y)).size, 10000);
  for (const i of [0, 49, 50, 5000, 9999]) assert.equal(cellAt(l, l.cells[i].x + 1, l.cells[i].y + 1), i);
  assert.equal(cellAt(l, -1, -1), -1);
  const one = layoutDots([{ name: '', cps: sites.flatMap((s) => s.cps) }], 1440, 860);
  assert.ok(one.cells.every((c) => c.x + one.pitch <= 1440 && c.x >= 0), 'without sites it is as wide as the pane');
});

test('text of a charger is bounded, and shows what a terminal would obey', () => {
  assert.equal(peer('KO <b>x</b>\u001b[31m'), 'KO &lt;b&gt;x&lt;/b&gt;\\x1b[31m');
  assert.equal([...peer('x'.repeat(100))].length, 48);
});

test('uptime is cut, what is bad is rounded up', () => {
  assert.equal(pct('99.999').replace('\u00a0', ' '), '99.99 %');
  assert.equal(pct('100.000').replace('\u00a0', ' '), '100.00 %');
  assert.equal(pctUp(0.00001).replace('\u00a0', ' '), '0.01 %');
  assert.equal(num(10000), '10,000');
});

test('every text has both languages and the same places to fill', () => {
  for (const [key, [en, es]] of Object.entries(WORDS)) {
    assert.ok(en && es, key);
    const places = (s) => [...new Set(s.match(/\{\w+\}/g) || [])].sort().join();
    const [one] = es.split('|');
    assert.ok(places(es) === places(en) || places(one).length <= places(en).length, `${key}: ${places(en)} and ${places(es)}`);
  }
});
