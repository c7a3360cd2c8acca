// Every text that a module asks for by a fixed name is there, in both languages.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { WORDS } from '../web/js/words.js';

const js = new URL('../web/js/', import.meta.url);

test('each text is in the table', () => {
  const missing = [];
  for (const file of [...readdirSync(js).filter((f) => f.endsWith('.js')).map((f) => new URL(f, js)), new URL('../index.html', js)]) {
    const text = readFileSync(file, 'utf8');
    for (const [, called, marked] of text.matchAll(/\bt\('(\w+)'[,)]|data-t(?:-label)?="(\w+)"/g)) if (!WORDS[called || marked]) missing.push(`${file.pathname.split('/').at(-1)}: ${called || marked}`);
  }
  assert.deepEqual(missing, []);
});

test('each text has two languages', () => {
  for (const [key, entry] of Object.entries(WORDS)) assert.ok(entry.length === 2 && entry[0] && entry[1], key);
});
