import test from 'node:test';
import assert from 'node:assert/strict';
import { Folder } from '../web/js/feedfold.js';

const item = (kind, cp_id, at) => ({ kind, cp_id, at });

test('forty registrations are three lines, and a fault among them is seen', () => {
  const f = new Folder();
  f.add([...Array.from({ length: 40 }, (_, i) => item('registered', 'CP_' + i, 100)), item('faulted', 'CP_7', 100)], 100);
  assert.equal(f.lines.length, 4);
  assert.ok(f.lines.some((l) => l.item.kind === 'faulted' && !l.more));
  assert.equal(f.lines.find((l) => l.more)?.more, 38);
});

test('a flood that goes on is counted in its line', () => {
  const f = new Folder();
  for (let s = 0; s < 30; s++) f.add(Array.from({ length: 200 }, (_, i) => item('check_failed', 'CP_' + i, s)), s);
  const folded = f.lines.filter((l) => l.more);
  assert.equal(folded.length, 1);
  assert.equal(folded[0].more + f.lines.length - 1, 6000);
  assert.equal(folded[0].cps.size, 200);
});

test('no second has more than five lines beside those that count, and never more than sixty stay', () => {
  const f = new Folder();
  for (let s = 0; s < 100; s++) {
    const before = f.last;
    f.add(['faulted', 'disconnected', 'ok_again', 'check_failed', 'registered', 'incident_opened', 'recovered'].map((k) => item(k, 'A', s * 10)), s * 10);
    assert.ok(f.last - before <= 7);
    assert.ok(f.lines.filter((l) => l.item.at === s * 10 && !l.more).length <= 5);
  }
  assert.ok(f.lines.length <= 60);
});

test('the newest stands first, and lines that stood keep their number', () => {
  const f = new Folder();
  f.fill([item('faulted', 'B', 20), item('registered', 'A', 10)]);
  assert.deepEqual(f.lines.map((l) => l.item.cp_id), ['B', 'A']);
  const [first] = f.lines;
  f.add([item('faulted', 'C', 30)], 30);
  assert.equal(f.lines[1].id, first.id);
});

test('what was not sent one by one is counted too', () => {
  const f = new Folder();
  f.addUnlisted(500, 10);
  f.addUnlisted(20, 11);
  assert.deepEqual([f.lines.length, f.lines[0].more], [1, 520]);
});
