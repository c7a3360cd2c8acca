package explain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
)

// TestFiles: explain lists every file, status those that need somebody.
func TestFiles(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	in := func(d time.Duration) Moment { return Moment(evcp.StampOf(now.Add(d))) }
	const day = 24 * time.Hour
	v := newView(MonitorStatus{Now: in(0), Files: []FileStatus{
		{Use: "central-ca", Expires: in(300 * day)},
		{Use: "kafka-password-file"},
		{Use: "central-cert", Expires: in(7 * day)},
		{Use: "engine-cert", Expires: in(-day), Rejected: "no PEM"},
		{Use: "engine-ca", Expires: in(31 * day), Rejected: "is no file"},
	}}, View{Zone: time.UTC, Columns: 200})
	const rejected = "             It has changed, and can't be used; the old content stays in use: "
	all := []string{
		"  ● File     --central-ca           expires on 2027-09-24, in 300d0h",
		"  ● File     --kafka-password-file  in use",
		"  ? File     --central-cert         expires on 2026-12-05, in 7d0h",
		"  ▲ File     --engine-cert          expired on 2026-11-27",
		rejected + "no PEM",
		"  ○ File     --engine-ca            expires on 2026-12-29, in 31d0h",
		rejected + "is no file",
	}
	if got := v.files(false); !slices.Equal(got, all) {
		t.Errorf("explain says\n%s", strings.Join(got, "\n"))
	}
	if got := v.files(true); !slices.Equal(got, all[2:]) {
		t.Errorf("status says\n%s", strings.Join(got, "\n"))
	}
}
