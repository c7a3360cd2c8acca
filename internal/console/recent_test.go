package console

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestRecent keeps the last lines as logfmt, whatever the log's own format and whether it
// could be written or not; an answer keeps none.
func TestRecent(t *testing.T) {
	full, err := os.Open(os.DevNull) // not for writing
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, log := range []bool{true, false} {
		c := Open(Options{Out: full, Format: Text, Log: log})
		for i := range maxRecent + 5 {
			c.Logger().Info(fmt.Sprint("line ", i), CP("CP_001"))
		}
		c.Logger().Debug("not logged")
		lines := c.Recent()
		c.Close()
		if !log {
			if len(lines) > 0 {
				t.Errorf("an answer kept %d lines", len(lines))
			}
			continue
		}
		if len(lines) != maxRecent || !strings.HasSuffix(lines[0], `level=info cp=CP_001 msg="line 5"`) || slices.Contains(lines, "not logged") || !strings.Contains(lines[maxRecent-1], "line 204") {
			t.Errorf("%d lines from %s to %s", len(lines), lines[0], lines[len(lines)-1])
		}
	}
}
