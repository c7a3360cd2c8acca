// The list of keys, with the switch that turns off those without Ctrl or Alt (WCAG 2.1.4).
// @ts-check
import { t } from './words.js';
import { $, el } from './dom.js';

const KEYS = [['/', 'k_search'], ['Esc', 'k_esc'], ['← ↑ ↓ →', 'k_arrows'], ['j k', 'k_jk'], ['Enter', 'k_enter'], ['?', 'k_help']];

/**
 * Makes the dialog. @param {(on: boolean) => void} turn @param {() => boolean} isOn
 * @returns {{showModal: () => void}}
 */
export function helpDialog(turn, isOn) {
  const dialog = /** @type {HTMLDialogElement} */ (el('<dialog class="keys"></dialog>'));
  document.body.append(dialog);
  dialog.addEventListener('change', (e) => { if (e.target instanceof HTMLInputElement) turn(e.target.checked); });
  return {
    showModal() {
      dialog.innerHTML = `<h2>${t('help')}</h2><dl>${KEYS.map(([k, w]) => `<dt><kbd>${k}</kbd></dt><dd>${t(w)}</dd>`).join('')}</dl>
        <label><input type="checkbox"${isOn() ? ' checked' : ''}> ${t('k_off')}</label><button type="button" class="button">${t('help_close')}</button>`;
      dialog.showModal();
      const close = $('button', dialog);
      if (close) { close.onclick = () => dialog.close(); close.focus(); }
    },
  };
}
