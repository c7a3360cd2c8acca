// The texts of the page. One entry, two languages: [English, Spanish]. {x} is filled in; "a|b" is
// one|other, chosen by {n}. Engine, Monitor, Central, OK, KO and
// CONNECTION_ERROR are names: never translated.
import { PAGES } from './words-pages.js';

const WORDS = {
  ...PAGES,
  skip: ['Skip to the charge points', 'Ir a los puntos de carga'],
  search: ['Find id', 'Buscar id'],
  theme: ['Light or dark', 'Claro u oscuro'],
  language: ['Language', 'Idioma'],
  board: ['Board', 'Panel'],
  nav_board: ['Board', 'Panel'], nav_incidents: ['Incidents', 'Incidencias'], nav_uptime: ['Uptime', 'Disponibilidad'], nav_table: ['Table', 'Tabla'], nav_audit: ['Audit', 'Auditoría'],

  activated: ['Activated', 'Activado'], faulted: ['Faulted', 'Averiado'], disconnected: ['Disconnected', 'Desconectado'],
  expected: ['Expected', 'Esperado'], unverified: ['Unverified', 'Sin verificar'], last_known_faulted: ['Last known faulted', 'Último estado: averiado'],
  expected_n: ['expected', 'esperado|esperados'], unverified_n: ['unverified', 'sin verificar'], last_known_faulted_n: ['last known faulted', 'último: averiado'],
  activated_n: ['activated', 'activado|activados'], faulted_n: ['faulted', 'averiado|averiados'], disconnected_n: ['disconnected', 'desconectado|desconectados'],

  h_fault: ['<b>{n} faulted.</b> The oldest, {cp}, for {dur}.', '<b>{n} averiados.</b> El más antiguo, {cp}, desde hace {dur}.'],
  h_fault1: ['<b>1 faulted:</b> {cp}, for {dur}.', '<b>1 averiado:</b> {cp}, desde hace {dur}.'],
  h_none: ['Nothing is faulted. {n} of {all} watched.', 'Nada averiado. {n} de {all} vigilados.'],
  h_last1: ['<b>1 last known faulted:</b> {cp}, not heard for {dur}.', '<b>1 averiado según lo último:</b> {cp}, sin oír desde hace {dur}.'],
  h_last: ['<b>{n} last known faulted.</b> {cp}, not heard for {dur}.', '<b>{n} averiados según lo último.</b> {cp}, sin oír desde hace {dur}.'],
  h_more: ['{n} more last known faulted.', 'Otro, averiado según lo último.|Otros {n}, averiados según lo último.'],
  h_lost: ['At {at}, <b>{n} faulted.</b> Not known since.', 'A las {at}, <b>{n} averiado.</b> Desde entonces no se sabe.|A las {at}, <b>{n} averiados.</b> Desde entonces no se sabe.'],
  h_empty: ['No charge point has registered yet.', 'Aún no se ha registrado ningún punto de carga.'],

  believe: ['Can it be believed?', '¿Se puede creer?'],
  b_ok: ['<b>Yes.</b> {n} of {all} heard within {s}.', '<b>Sí.</b> {n} de {all} oídos hace menos de {s}.'],
  b_part: ['<b>In part.</b> {n} of {all} heard within {s}.', '<b>En parte.</b> {n} de {all} oídos hace menos de {s}.'],
  b_quiet: ['<b>In part.</b> No Monitor sends heartbeats.', '<b>En parte.</b> Ningún Monitor envía latidos.'],
  b_nobody: ['<b>No.</b> No Monitor is heard.', '<b>No.</b> No se oye a ningún Monitor.'],
  b_none: ['Nothing has been seen yet.', 'Aún no se ha visto nada.'],
  b_lost: ['<b>No.</b> Nothing here is younger than {s}.', '<b>No.</b> Nada de esto tiene menos de {s}.'],
  n_mon: ['Monitors', 'Monitores'], n_page: ['This page', 'Esta página'], l_tcp: ['reports, heartbeats', 'avisos, latidos'],
  live: ['Live', 'En directo'], lost: ['Lost', 'Perdido'],

  cps: ['{n} charge point|{n} charge points', '{n} punto de carga|{n} puntos de carga'],
  dots: ['{n} charge points, a dot for each; find one by its id', '{n} puntos de carga, uno por punto; busque uno por su id'],
  shown: ['{n} of {all} shown', '{n} de {all} a la vista'], clear: ['Clear', 'Quitar'],
  for: ['for {d}', 'desde hace {d}'],
  seen: ['seen {s} ago', 'visto hace {s}'], heard: ['heard {d} ago', 'oído hace {d}'],
  beats: ['heartbeats', 'latidos'], beats_every: ['heartbeats, every {s}', 'latidos, cada {s}'],
  beats_miss: ['{n} heartbeat missing|{n} heartbeats missing', 'falta {n} latido|faltan {n} latidos'],
  beats_quiet: ['no heartbeat for {d}', 'sin latidos desde hace {d}'],
  beats_last: ['last heartbeat {t}', 'último latido {t}'],
  beats_none: ['sends no heartbeats', 'no envía latidos'],
  beats_wait: ['no heartbeat yet', 'aún sin latidos'],
  speakers: ['{n} Monitors speak for it', '{n} Monitores hablan por él'],

  c_ko: ['Engine answers <code>KO</code>', 'El Engine responde <code>KO</code>'],
  c_noanswer: ['No answer from the Engine', 'El Engine no responde'],
  c_reported: ['Its Monitor reports a failure', 'Su Monitor avisa de una avería'],
  c_ok: ['Engine answers <code>OK</code>', 'El Engine responde <code>OK</code>'],
  c_monitoring: ['Watched, no verdict yet', 'Vigilado, aún sin veredicto'],
  c_registered: ['Registered; nothing told since', 'Registrado; nada más desde entonces'],
  c_recovered: ['Recovery reported', 'Recuperación avisada'],
  c_no_message: ['Nothing received for {d}: not verified', 'Nada recibido desde hace {d}: sin verificar'],
  c_no_outcome: ['Its Monitor has no result to report', 'Su Monitor no tiene resultado que dar'],
  c_last: ['Faulted since {t}. {r}', 'Averiado desde {t}. {r}'],
  r_never_heard: ['Expected, never heard', 'Esperado, nunca oído'],
  r_said_goodbye: ['Monitor signed off', 'El Monitor se despidió'],
  r_connection_lost: ['Monitor left without a word', 'El Monitor se fue sin avisar'],
  r_silent: ['Monitor silent: heartbeats missed', 'Monitor mudo: faltan latidos'],
  r_central_restarted: ['Not heard since Central restarted', 'Sin oír desde que Central arrancó'],
  r_not_listed: ['No longer in Central\u2019s registry', 'Ya no está en el registro de Central'],

  feed: ['As it happens', 'En directo'], feed_sub: ['heartbeats OK are not listed', 'los latidos OK no se listan'],
  feed_until: ['until {t}', 'hasta las {t}'], feed_hold: ['held while you read', 'en pausa mientras lee'],
  f_registered: ['Registered from {a}', 'Registrado desde {a}'],
  f_engine_recovered: ['Recovered after {d}', 'Recuperado tras {d}'],
  f_heartbeat_ok: ['OK again after {d}', 'OK de nuevo tras {d}'],
  f_heartbeat_monitoring: ['Heard again after {d}', 'Oído de nuevo tras {d}'],
  f_engine_failure: ['Monitor reports a failure', 'El Monitor avisa de una avería'],
  f_heartbeat_ko: ['Heartbeat: KO', 'Latido: KO'],
  f_heartbeat_connection_error: ['Heartbeat: CONNECTION_ERROR', 'Latido: CONNECTION_ERROR'],
  f_listen: ['Listening on {a}', 'Escuchando en {a}'],

  lost_t: ['This page lost Central {d} ago.', 'Esta página perdió Central hace {d}.'],
  lost_1: ['What you see is from {t}. It may have changed.', 'Lo que ve es de las {t}. Puede haber cambiado.'],
  lost_2: ['Monitors go on checking; nothing they see is lost.', 'Los Monitores siguen comprobando; nada de lo que ven se pierde.'],
  lost_3: ['Trying again in {s} (attempt {n})', 'Nuevo intento en {s} (intento {n})'],
  lost_try: ['Trying now (attempt {n})', 'Probando (intento {n})'], now: ['Try now', 'Probar ya'],

  e_title: ['Central is listening. Start a Monitor.', 'Central está escuchando. Arranque un Monitor.'],
  e_sub: ['Run this where the charge point is. It registers, and a tile appears here within a second.', 'Ejecútelo donde está el punto de carga. Se registra, y en un segundo aparece aquí su ficha.'],
  e_sub_local: ['Run this on this machine. Where the charge point is, write this machine\u2019s address instead of {a}. It registers, and a tile appears here within a second.', 'Ejecútelo en esta máquina. Donde está el punto de carga, escriba la dirección de esta máquina en lugar de {a}. Se registra, y en un segundo aparece aquí su ficha.'],
  e_none: ['No Engine at hand? This simulates one:', '¿Sin un Engine a mano? Esto simula uno:'],
  e_tour: ['Or see everything at once, on this machine only:', 'O véalo todo a la vez, solo en esta máquina:'],
  copy: ['Copy', 'Copiar'], copied: ['Copied', 'Copiado'],
  e_1: ['Central listens on {a}', 'Central escucha en {a}'], e_1b: ['for {d}', 'desde hace {d}'],
  e_2: ['A Monitor registers', 'Un Monitor se registra'], e_2b: ['none has yet', 'ninguno todavía'],
  e_3: ['Its heartbeats say how the Engine is', 'Sus latidos dicen cómo está el Engine'], e_3b: ['every {s}', 'cada {s}'],
  e_help: ['Nothing arrives? On the Monitor\u2019s machine, {cmd} tries Central, Engine and Kafka apart and says which one fails.', '¿No llega nada? En la máquina del Monitor, {cmd} prueba Central, Engine y Kafka por separado y dice cuál falla.'],
  e_ghost: ['waiting', 'esperando'],
  loading: ['Asking Central', 'Preguntando a Central'],
};

export const lang = () => (document.documentElement.lang === 'es' ? 'es' : 'en');

// t is the text for a key. Values are put in as they are: the caller escapes what came
// from the network.
export function t(key, v = {}) {
  const entry = WORDS[key];
  if (!entry) return key;
  let s = entry[lang() === 'es' ? 1 : 0];
  if (s.includes('|')) {
    const [one, other] = s.split('|');
    s = +String(v.n).replace(/\D/g, '') === 1 ? one : other;
  }
  return s.replace(/\{(\w+)\}/g, (_, k) => (v[k] === undefined ? '' : v[k]));
}
