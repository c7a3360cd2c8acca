// The board without charge points: the command that starts a Monitor, with Central's
// address as this browser reached it.
import { t } from './words.js';
import { esc, dur, every, host } from './format.js';

const ghosts = (n, first = '') => `<ul class="tiles small ghosts" aria-hidden="true">${first}${'<li><div class="ghost"></div></li>'.repeat(n)}</ul>`;
const block = (text) => `<div class="cmd"><pre><code>${esc(text)}</code></pre><button class="copy" type="button">${t('copy')}</button></div>`;

export const loading = () => `<section class="boardp empty" id="board"><div class="ec"><h2>${t('loading')}…</h2></div>${ghosts(12)}</section>`;

// address is where a Monitor reaches Central: the name in the browser's address
// bar, unless Central listens on one address only.
export function address(listen) {
  const port = (listen.match(/:(\d+)$/) || [])[1] || '5000';
  const bound = host(listen);
  const anywhere = bound === '' || bound === '0.0.0.0' || bound === '::';
  return { host: anywhere ? location.hostname.replace(/^\[|\]$/g, '') || 'localhost' : bound, port };
}

// local: an address that means this machine on every machine.
const local = (h) => h === 'localhost' || h === '::1' || h.startsWith('127.');

export function empty(s, now) {
  const a = address(s.listen), shown = a.host.includes(':') ? `[${a.host}]:${a.port}` : `${a.host}:${a.port}`;
  const port = a.port === '5000' ? [] : [`--central-port ${a.port}`];
  const cmd = ['ev-cp-m', '--cp-id CP_001', `--central-ip ${a.host}`, ...port, ...(s.tls ? ['--central-tls'] : []), '--engine-ip localhost --engine-port 5001'].join(' \\\n  ');
  const first = `<li><div class="ghost first"><b>CP_001</b><span>${t('e_ghost')}</span></div></li>`;
  return `<section class="boardp empty" id="board"><div class="ec"><h2>${t('e_title')}</h2><p>${t(local(a.host) ? 'e_sub_local' : 'e_sub', { a: esc(a.host) })}</p>${block(cmd)}
    <ol class="steps"><li class="done"><i></i><b>${t('e_1', { a: esc(shown) })}</b><span data-k="listen">${t('e_1b', { d: dur(now - s.started) })}</span></li>
    <li class="wait"><i></i><b>${t('e_2')}</b><span>${t('e_2b')}</span></li><li><i></i><b>${t('e_3')}</b><span>${t('e_3b', { s: every(s.heartbeat) })}</span></li></ol>
    <div class="two"><div><p>${t('e_none')}</p>${block('ev-cp-e --listen :5001')}</div><div><p>${t('e_tour')}</p>${block('ev-demo')}</div></div>
    <p class="help">${t('e_help', { cmd: '<code>ev-cp-m --test</code>' })}</p></div>${ghosts(5, first)}</section>`;
}

export function bindCopy(root) {
  for (const b of root.querySelectorAll('.copy')) b.onclick = async () => {
    const code = b.previousElementSibling;
    try { await navigator.clipboard.writeText(code.textContent); } catch (_) { const all = getSelection(); if (all) all.selectAllChildren(code); }
    b.textContent = t('copied');
    setTimeout(() => { b.textContent = t('copy'); }, 1600);
  };
}
