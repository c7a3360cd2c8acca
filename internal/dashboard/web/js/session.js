// Who is signed in.
// @ts-check
import { base } from './router.js';

/** csrf goes into the header X-CSRF-Token of each request that changes something. */
export let csrf = '';

/** Asks Central who is signed in; null: nobody, or this Central has no accounts. */
export async function readSession() {
  try {
    const r = await fetch(base + 'api/v1/session');
    if (!r.ok) return null;
    const s = await r.json();
    csrf = s.csrf || '';
    return s.name ? { name: String(s.name), role: String(s.role) } : null;
  } catch (_) {
    return null; // Central is away
  }
}

/** Whether Central says nothing to who is not signed in, and nobody is. */
export async function mustSignIn() {
  try {
    const s = await (await fetch(base + 'api/v1/session')).json();
    return s.public === false && !s.name;
  } catch (_) {
    return false; // it is away
  }
}
