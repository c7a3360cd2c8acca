package outbox

import (
	"strings"
	"testing"
)

// TestSetAside: an event that the receiver refuses is reported as dropped, counted, and
// kept in its table, by a commit that follows or by Close.
func TestSetAside(t *testing.T) {
	for name, commits := range map[string]bool{"a commit follows": true, "Close follows": false} {
		t.Run(name, func(t *testing.T) {
			w := newTestBox(t, t.TempDir(), Options{Readers: []string{Kafka}})
			w.check("CP_001", ko())
			w.check("CP_001", ok())
			w.flush()
			c := w.box.Cursor(Kafka)
			lines, last := w.readAll(c)
			c.SetAside(Line(lines[0]), "refused by Kafka: MESSAGE_TOO_LARGE")
			c.Advance(last)
			if commits {
				w.check("CP_002", ok())
				w.flush()
			}
			if n := w.box.Stats().Dropped["health_check"]; n != 1 {
				t.Errorf("%d counted", n)
			}
			if n := c.GivenUp(); n != 1 {
				t.Errorf("%d given up", n)
			}
			w.close()
			if rows := query(t, w.dir, `SELECT reason || ' ' || event FROM set_aside`); len(rows) != 1 || rows[0] != "refused by Kafka: MESSAGE_TOO_LARGE "+strings.TrimSuffix(lines[0], "\n") {
				t.Errorf("set aside: %q", rows)
			}
			w.open()
			w.check("CP_001", ok()) // the first Append lets drops of before be reported
			w.flush()
			w.close()
			want := dropRange{cp: "CP_001", epoch: Line(lines[0]).ID().Epoch, from: 1, to: 1, count: 1, facts: 1, reason: "refused by Kafka: MESSAGE_TOO_LARGE"}
			if d := w.drops(); len(d) == 0 || d[0] != want {
				t.Errorf("reported: %+v, want %+v", d, want)
			}
			pending := int64(1) // what was appended since Advance
			if commits {
				pending = 2
			}
			if n, _ := w.box.Cursor(Kafka).Pending(); n != pending {
				t.Errorf("%d events are pending, want %d", n, pending)
			}
		})
	}
}
