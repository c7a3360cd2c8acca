package dashboard

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"evcp/internal/archive"
)

// TestASlowHistoryHoldsUpNobody: while the disk of the history hangs, a change that needs it waits
// alone: others read and write board.db.
func TestASlowHistoryHoldsUpNobody(t *testing.T) {
	s := startPeopleSite(t, AccessRules{}, false)
	asked, gone := make(chan struct{}, 2), make(chan struct{})
	free := sync.OnceFunc(func() { close(gone) })
	past := testHistory(t)
	hang := func() { asked <- struct{}{}; <-gone }
	open, annotate := past.Open, past.Annotate
	past.Open = func(ctx context.Context, at string) (*archive.HistoryView, error) { hang(); return open(ctx, at) }
	past.Annotate = func(ctx context.Context, n archive.Annotation) (int64, error) { hang(); return annotate(ctx, n) }
	s.url = "http://" + serveOn(t, New(Options{Central: s.central, Version: "test", History: past, Accounts: s.accounts, Operations: s.operations})) + "/"
	s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 ENGINE_FAILURE")
	ana := s.signIn("ana")
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer free()
	for path, body := range map[string]string{
		"api/v1/maintenance": `{"cp_id":"CP_001","to":"` + inAMonth() + `","reason":"roof"}`, // only the events know it
		"api/v1/exclusions":  `{"cp_id":"CP_1","from":"2026-10-30T00:00:00Z","to":"2026-10-31T00:00:00Z","reason":"grid","note":"x"}`,
	} {
		waiting.Go(func() {
			if a := ana.ask(http.MethodPost, path, body, keyHeader, "once"+path); a.code != http.StatusCreated {
				t.Errorf("%s: %d %s", path, a.code, a.body)
			}
		})
	}
	<-asked
	<-asked
	others := make(chan int)
	go func() {
		others <- ana.ask(http.MethodGet, "api/v1/audit", "").code
		others <- ana.ask(http.MethodPut, "api/v1/cps/CP_1/owner", `{}`).code
	}()
	for range 2 {
		select {
		case code := <-others:
			if code != http.StatusOK {
				t.Errorf("an answer meanwhile: %d", code)
			}
		case <-time.After(patience):
			t.Error("nobody is answered while the history hangs")
			free()
			<-others
		}
	}
	free()
	waiting.Wait()
	if a := ana.ask(http.MethodPost, "api/v1/exclusions", `{"cp_id":"CP_1","from":"2026-10-30T00:00:00Z","to":"2026-10-31T00:00:00Z","reason":"grid","note":"x"}`, keyHeader, "onceapi/v1/exclusions"); a.code != http.StatusCreated || a.header.Get(replayedHeader) != "true" {
		t.Errorf("the same request again: %d %v %s", a.code, a.header, a.body)
	}
}
