package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/language"
	"evcp/internal/ledger"
)

// FuzzReportFlags: the settings of a report give a window or an error that a person can read.
func FuzzReportFlags(f *testing.F) {
	f.Add("2026-10", "", "Europe/London", "2026-10-31 08:00", "7d")
	f.Add("", "2026", "UTC", "2026-10-31T08:00:00+02:00", "12h")
	f.Add("2026-13", "0", "Local", "now", "-1d")
	f.Add("\x1b[31m", "２０２６", "../../etc/passwd", "2026-02-30", "99999999999d")
	newest := evcp.StampOf(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	f.Fuzz(func(t *testing.T, month, year, zone, until, since string) {
		for _, d := range ledger.Definitions {
			c := historyCommand{reportSettings: reportSettings{definition: d, month: month, year: year, until: until, since: since, zone: time.UTC}}
			if d == ledger.UK {
				c.ports = "/nowhere"
			}
			if err := c.setZone(zone); err != nil && c.zone != time.UTC {
				t.Errorf("zone %q: %v, and it was taken", zone, err)
			}
			if at, err := parseAgo(since, newest, c.zone); err == nil && at > newest && !strings.Contains(since, "-") {
				t.Errorf("since %q is %s", since, at.Time())
			}
			q, _, err := c.question()
			if err == nil {
				var cut bool
				if cut, err = c.cut(&q, newest); err == nil && (q.From >= q.To || q.To > newest || cut && until == "") {
					t.Errorf("%q %q until %q: %s to %s, cut %t", month, year, until, q.From.Time(), q.To.Time(), cut)
				}
			}
			if err != nil && err.Error() == "" {
				t.Errorf("%q %q %q %q: an error without words", month, year, zone, until)
			}
		}
	})
}

// FuzzAnnotation: whatever is posted as an annotation is refused, or listed without harm.
func FuzzAnnotation(f *testing.F) {
	f.Add([]byte(`{"cp_id":"CP_001","from":1793404800000000,"to":1793491200000000,"reason":"grid","who":"ana","note":"<script>alert(1)</script>","link":"=1"}`))
	f.Add([]byte(`{"site":"\u001b[31m","from":-9223372036854775808,"to":9223372036854775807,"reason":"\u202e","who":"\u0000","Withdraws":0}`))
	f.Add([]byte(`{"Withdraws":1,"who":"x"}`))
	dir := f.TempDir()
	a, err := archive.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	f.Fuzz(func(t *testing.T, body []byte) {
		var n archive.Annotation
		if json.NewDecoder(io.LimitReader(bytes.NewReader(body), maxAnnotation)).Decode(&n) != nil {
			return
		}
		if _, err := a.Annotate(n); err != nil && n.Withdraws == 0 {
			t.Errorf("%+v: %v", n, err)
		}
		var out bytes.Buffer
		c := historyCommand{reportSettings: reportSettings{zone: time.UTC}, said: language.English, stdout: &out}
		if err := c.printAnnotations([]archive.Annotation{n}); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.Count(text, "\n") != 1 || strings.ContainsFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' }) {
			t.Errorf("listed as %q", text)
		}
	})
}
