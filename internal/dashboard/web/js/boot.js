// Sets theme and language before the first paint. The URL wins, then the last choice,
// then the system.
(function () {
  const q = new URLSearchParams(location.search);
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem('ev') || '{}'); } catch (_) { /* private mode */ }
  const theme = q.get('theme') || kept.theme;
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const lang = q.get('lang') || kept.lang || ((navigator.language || 'en').startsWith('es') ? 'es' : 'en');
  document.documentElement.lang = lang === 'es' ? 'es' : 'en';
})();
