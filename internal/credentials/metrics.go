package credentials

import "evcp/internal/metrics"

// Metrics writes when the certificates expire that are in use.
func (s *Store) Metrics(m *metrics.Writer) {
	m.Gauge("evcp_certificate_expiry_timestamp_seconds", "When the certificate in use expires, by the setting that names its file.")
	for _, f := range s.Files() {
		if !f.Expires.IsZero() {
			m.Time(f.Expires, "use", f.Use)
		}
	}
}
