import test from 'node:test';
import assert from 'node:assert/strict';

// What a page has and Node has not.
const sources = [];
globalThis.document = { hidden: false, addEventListener() {} };
globalThis.addEventListener = () => {};
globalThis.setInterval = () => 0;
globalThis.EventSource = class {
  constructor() { this.handlers = {}; sources.push(this); }
  addEventListener(name, handler) { this.handlers[name] = handler; }
  close() {}
  send(name, data, id = '') { this.handlers[name]({ data: JSON.stringify(data), lastEventId: id }); }
};
const { Stream } = await import('../web/js/stream.js');
const busy = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); };
const now = Date.now() / 1000;
/** @param {(d: any) => void} [delta] */
function open(delta = () => {}) {
  const snapshots = [];
  const stream = new Stream('/events', { snapshot: (d) => snapshots.push(d), delta, beat() {}, state() {}, failed() {} });
  return { stream, snapshots, source: sources.at(-1) };
}
const task = () => new Promise((done) => { setTimeout(done, 20); });

test('many frames at once are used in order, over several tasks', async () => {
  const used = [];
  const { source } = open((d) => { busy(3); used.push(d.n); });
  for (let n = 0; n < 20; n++) source.send('delta', { now, n }, 'x-' + n);
  assert.ok(used.length >= 1 && used.length < 20, `${used.length} in the first task`);
  while (used.length < 20) await task();
  assert.deepEqual(used, Array.from({ length: 20 }, (_, n) => n));
});

test('one frame is used with its event', () => {
  const used = [];
  const { source } = open((d) => used.push(d.n));
  source.send('delta', { now, n: 1 }, 'x-1');
  assert.deepEqual(used, [1]);
});

test('the parts of a snapshot are one; what came of one before the link broke is not used', async () => {
  const { stream, snapshots, source } = open();
  source.send('part', { cps: ['A'] });
  stream.connect();
  const again = sources.at(-1);
  source.send('part', { cps: ['B'] }); // of the closed one
  again.send('part', { cps: ['A'] });
  again.send('part', { cps: ['B'] });
  again.send('snapshot', { now, cps: ['C'] }, 'x-7');
  await task();
  assert.deepEqual(snapshots.map((d) => d.cps), [['A', 'B', 'C']]);
  assert.equal(stream.lastId, 'x-7');
});

test('frames that wait when the link breaks are asked for again', async () => {
  const used = [];
  const { stream, source } = open((d) => { busy(10); used.push(d.n); });
  source.send('delta', { now, n: 1 }, 'x-1');
  source.send('delta', { now, n: 2 }, 'x-2');
  source.onerror();
  await task();
  assert.deepEqual(used, [1]);
  assert.ok(stream.lost && stream.lastId === 'x-1');
});
