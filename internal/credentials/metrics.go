package credentials

import (
	"slices"

	"evcp/internal/metrics"
)

// Metrics writes when the certificates expire that are in use.
func (s *Store) Metrics(m *metrics.Writer) {
	m.Gauge("evcp_certificate_expiry_timestamp_seconds", "When the certificate in use expires, by the setting that names its file.")
	files := slices.DeleteFunc(s.Files(), func(f File) bool { return f.Expires.IsZero() })
	for i, f := range files {
		before := slices.ContainsFunc(files[:i], func(g File) bool { return g.Use == f.Use })
		for _, g := range files[i:] { // the sites of a fleet may have one each: the first that expires
			if g.Use == f.Use && g.Expires.Before(f.Expires) {
				f.Expires = g.Expires
			}
		}
		if !before {
			m.Time(f.Expires, "use", f.Use)
		}
	}
}
