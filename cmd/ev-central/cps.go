package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/operations"
	"evcp/internal/status"
)

// listPath is where a running Central lists its charge points, on the socket in its state
// folder, by POST as the others.
const listPath = "/api/v1/cps"

// listQuestion is which of them, and from where.
type listQuestion struct {
	Text  string    `json:"text"`  // a part of the id, in any case; "" is any
	State string    `json:"state"` // "" is any
	Site  string    `json:"site"`  // "" is any
	After evcp.CPID `json:"after"` // the last one of the page before
}

// listPage is a page of the list, by id.
type listPage struct {
	ChargePoints []listRow `json:"charge_points"`
	More         bool      `json:"more"`
}

// listRow is one charge point.
type listRow struct {
	CP         evcp.CPID `json:"cp_id"`
	State      string    `json:"state"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since"`
	Unverified bool      `json:"unverified"`
	Owner      string    `json:"owner"`       // who has taken its incident; "" is nobody
	Maintained time.Time `json:"maintenance"` // until when it is in maintenance; zero: it is not
}

// listPageSize bounds one answer: some 150 bytes for each.
const listPageSize = 2000

// expected is the state of a charge point of the registry that was never heard.
const expected = "expected"

func (p *centralProcess) handleList(mux *http.ServeMux) {
	mux.HandleFunc("POST "+listPath, func(w http.ResponseWriter, r *http.Request) {
		var q listQuestion
		if err := json.NewDecoder(io.LimitReader(r.Body, maxAnnotation)).Decode(&q); err != nil {
			status.WriteProblem(w, http.StatusBadRequest, err)
			return
		}
		var sites map[evcp.CPID]string
		if q.Site != "" {
			var err error
			if sites, err = p.sites(r.Context()); err != nil {
				status.WriteProblem(w, http.StatusServiceUnavailable, err)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(q.page(p.central.CPs(), sites, p.board.operations.Overlays(time.Now()))) // the client may have gone
	})
}

// sites are where the events say that the charge points are.
func (p *centralProcess) sites(ctx context.Context) (map[evcp.CPID]string, error) {
	if p.follower == nil {
		return nil, errNoHistory
	}
	v, err := p.past().Open(ctx, "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = v.Close() }() // it has only read
	return v.Sites()
}

func (q listQuestion) page(all []central.CPView, sites map[evcp.CPID]string, entered func(evcp.CPID) operations.Overlay) listPage {
	page := listPage{ChargePoints: []listRow{}}
	slices.SortFunc(all, func(a, b central.CPView) int { return cmp.Compare(a.ID, b.ID) })
	for _, v := range all {
		row := listRow{CP: v.ID, State: v.State.String(), Reason: v.Reason.String(), Since: v.Since, Unverified: v.Unverified != cpstate.Verified}
		if !v.Known() {
			row.State, row.Reason = expected, ""
		}
		if v.ID <= q.After || q.State != "" && row.State != q.State || q.Site != "" && sites[v.ID] != q.Site ||
			!strings.Contains(strings.ToLower(string(v.ID)), strings.ToLower(q.Text)) {
			continue
		}
		if len(page.ChargePoints) == listPageSize {
			page.More = true
			break
		}
		o := entered(v.ID)
		if o.Owner != nil {
			row.Owner = o.Owner.Name
		}
		if o.Maintenance != nil {
			row.Maintained = o.Maintenance.To.Time()
		}
		page.ChargePoints = append(page.ChargePoints, row)
	}
	return page
}

// list prints the charge points of the running Central.
func (c historyCommand) list(ctx context.Context, now time.Time) error {
	q := listQuestion{Text: c.operand, State: c.state, Site: c.site}
	listed := 0
	for more := true; more; {
		var page listPage
		if err := c.ask(ctx, listPath, q, &page); noCentral(err) {
			return language.Errorf("no Central runs in %s", c.dir)
		} else if err != nil {
			return language.Errorf("cps: %w", err)
		}
		for _, row := range page.ChargePoints {
			fmt.Fprintln(c.stdout, c.line(row, now))
			q.After = row.CP
		}
		listed += len(page.ChargePoints)
		more = page.More
	}
	if listed == 0 {
		return language.New("cps: there is no such charge point")
	}
	return nil
}

// listShapes are the shapes of the states.
var listShapes = map[string]display.Shape{
	cpstate.Activated.String(): display.Up, cpstate.Faulted.String(): display.Failed, cpstate.Disconnected.String(): display.Gone, expected: display.Note,
}

// line is one row: shape, id, state, for how long, why, and what people entered.
func (c historyCommand) line(row listRow, now time.Time) string {
	lasted := "–"
	if !row.Since.IsZero() {
		lasted = display.Duration(now.Sub(row.Since))
	}
	shape, reason := listShapes[row.State], row.Reason
	if row.Unverified {
		shape, reason = display.Unknown, reason+", "+c.said.Text("unverified")
	}
	if !row.Maintained.IsZero() {
		reason += ", " + c.said.Sprintf("in maintenance until %s UTC", row.Maintained.UTC().Format("2006-01-02 15:04"))
	}
	if row.Owner != "" {
		reason += ", " + c.said.Sprintf("%s has it", row.Owner)
	}
	reason = strings.TrimPrefix(reason, ", ")
	return strings.TrimRight(fmt.Sprintf("%s %s  %s  %8s  %s", shape.Mark(), display.Pad(display.Safe(string(row.CP)), 16),
		display.Pad(c.said.Text(row.State), 13), lasted, display.Safe(reason)), " ")
}
