// Exclusions: outages that do not count, each with who said so and why. They are added and
// withdrawn, and never changed.
// @ts-check
import { t } from './words.js';
import { esc, when } from './format.js';
import { change } from './api.js';
import { seconds } from './incident.js';
import { openForm, mayWrite, whyNot, localTime, fromLocal } from './forms.js';

export const REASONS = ['grid', 'vehicle', 'maintenance', 'vandalism', 'disaster'];

/** @param {any[]} list @param {import('./router.js').Context} context */
export function exclusionsSection(list, context) {
  const now = context.store.now(), may = mayWrite(context.me), rows = list.map((x) => `<tr data-key="x${x.id}" class="${x.withdrawn ? 'gone' : ''}"><th scope="row">${x.id}</th><td data-l="${t('th_cp')}">${esc(x.cp_id || x.site)}</td><td data-l="${t('ex_from')}">${when(seconds(x.from), now)} – ${when(seconds(x.to), now)}</td>
    <td data-l="${t('ex_reason')}">${t('reason_' + x.reason)}</td><td data-l="${t('ex_note')}">${esc(x.note || '')}${x.link ? ` ${link(x.link)}` : ''}</td><td data-l="${t('ex_who')}">${esc(x.who)}, ${when(seconds(x.declared), now)}</td>
    <td>${x.withdrawn ? t('ex_withdrawn') : `<button type="button" class="button" data-do="withdraw" data-of="${x.id}"${may ? '' : ' disabled'}>${t('ex_withdraw')}</button>`}</td></tr>`).join('');
  const head = ['ex_number', 'th_cp', 'ex_from', 'ex_reason', 'ex_note', 'ex_who', 'ex_do'].map((k) => `<th scope="col">${t(k)}</th>`).join('');
  return `<section class="exclusions"><h2>${t('ex_title')}</h2><p class="note">${t('ex_what')}</p>${rows ? `<table class="rows"><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>` : `<p class="note">${t('ex_none')}</p>`}
    <p class="more"><button type="button" class="button" data-do="exclude"${may ? '' : ' disabled'}>${t('ex_add')}</button> ${whyNot(context)}</p></section>`;
}
/** Evidence that somebody entered: a link only where it is one of the web. @param {string} text */
const link = (text) => (/^https?:\/\//.test(text) ? `<a href="${esc(text)}" rel="noreferrer noopener" target="_blank">${t('ex_link')}</a>` : esc(text));

/** @param {HTMLElement} b @param {import('./router.js').Context} context @param {any[]} list @param {() => void} done */
export function exclusionClick(b, context, list, done) {
  if (b.dataset.do === 'exclude') {
    const now = context.store.now();
    openForm({
      title: t('ex_add'), text: t('ex_what'), submit: t('ex_add'), opener: b,
      fields: [
        { name: 'cp_id', label: t('ex_cp') }, { name: 'site', label: t('ex_site') },
        { name: 'from', label: t('ex_begin'), type: 'datetime-local', value: localTime(now - 3600), required: true }, { name: 'to', label: t('ex_end'), type: 'datetime-local', value: localTime(now), required: true },
        { name: 'reason', label: t('ex_reason'), options: REASONS.map((r) => [r, t('reason_' + r)]) }, { name: 'note', label: t('ex_note'), type: 'textarea', required: true }, { name: 'link', label: t('ex_evidence'), type: 'url' },
      ],
      send: (v) => change('POST', 'exclusions', { ...(v.cp_id ? { cp_id: v.cp_id } : { site: v.site }), from: fromLocal(v.from), to: fromLocal(v.to), reason: v.reason, note: v.note, link: v.link }),
      done,
    });
  }
  if (b.dataset.do === 'withdraw') {
    const x = list.find((e) => String(e.id) === b.dataset.of);
    if (x) openForm({ title: t('ex_withdraw_t', { n: x.id, a: x.cp_id || x.site }), text: t('ex_withdraw_x'), submit: t('ex_withdraw'), opener: b, fields: [{ name: 'note', label: t('ex_note'), type: 'textarea', required: true }], send: (v) => change('POST', `exclusions/${x.id}/withdraw`, { note: v.note }), done });
  }
}
