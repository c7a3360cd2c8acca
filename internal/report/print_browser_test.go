package report

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/testbed"
)

var mediaBox = regexp.MustCompile(`/MediaBox \[0 0 (\d+)\.?\d* (\d+)\.?\d*\]`)

// TestPrintsOnA4: Chromium prints the page on A4 (595 x 842 points), on several sheets where
// the outages need them.
func TestPrintsOnA4(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		testbed.SkipMissing(t, "chromium")
	}
	d := document("north")
	d.Ports[0].Outages = slices.Repeat([]ledger.OutageAnswer{d.Ports[0].Outages[0]}, 150)
	page, err := d.HTML(language.English)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	if err := os.WriteFile(in, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+dir,
		"--no-pdf-header-footer", "--print-to-pdf="+out, "file://"+in).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	pdf, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	sheets := mediaBox.FindAllStringSubmatch(string(pdf), -1)
	for _, s := range sheets {
		if !strings.HasPrefix(s[1], "59") || !strings.HasPrefix(s[2], "84") {
			t.Errorf("a sheet of %s x %s points", s[1], s[2])
		}
	}
	if len(sheets) < 3 || len(sheets) > 10 {
		t.Errorf("%d sheets for 150 outages", len(sheets))
	}
}
