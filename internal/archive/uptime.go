package archive

import (
	"context"
	"errors"
	"slices"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/ledger"
	"evcp/internal/sqlite"
)

// PortSelection is which ports a report is about; "" is any.
type PortSelection struct {
	CP   evcp.CPID
	Site string
}

// ErrNoPort is a PortSelection that fits none.
var ErrNoPort = errors.New("there is no such port")

// Uptime computes a report at the position. It reads the history of one port after the other,
// since that of all may be large, a few ahead of the one that is computed. ports nil: each charge
// point is one.
func (v *HistoryView) Uptime(ctx context.Context, q ledger.Question, ports []ledger.ChargingPort, only PortSelection, version string) (u ledger.Uptime, err error) {
	if q.Exclusions, err = v.Exclusions(); err != nil {
		return u, err
	}
	named := ports != nil
	if !named {
		cps, err := v.CPs()
		if err != nil {
			return u, err
		}
		for _, cp := range cps {
			ports = append(ports, ledger.PortOf(cp, ""))
		}
	}
	if only.CP != "" {
		ports = slices.DeleteFunc(slices.Clone(ports), func(p ledger.ChargingPort) bool {
			return !slices.ContainsFunc(p.Lines, func(l ledger.PortLine) bool { return l.CP == only.CP })
		})
	}
	computed, added := q.Begin(), 0
	err = v.eachPort(ctx, ports, func(p ledger.ChargingPort, kept []KeptHistory) {
		known := ledger.PortHistory{}
		for i, r := range kept {
			known[p.Lines[i].CP] = ledger.WatchedCP{Segments: r.Segments(), Offline: history.OfflineOf(r.Numberings)}
			if !named {
				p.Site = history.SiteOf(r.Numberings)
			}
		}
		if only.Site == "" || p.Site == only.Site {
			computed.Add(p, known)
			added++
		}
	})
	if err != nil {
		return u, err
	}
	if added == 0 && only != (PortSelection{}) {
		return u, ErrNoPort
	}
	u = computed.End(ledger.Inputs{Topic: v.Progress.Topic, Offsets: v.Progress.Next, Annotation: v.Annotation, Version: version})
	u.Notes = append(u.Notes, v.Notes()...)
	return u, nil
}

// readAhead is how many ports are read before they are computed.
const readAhead = 4

// readPort is a port, and what the file has of the charge points of its lines.
type readPort struct {
	ledger.ChargingPort
	kept []KeptHistory
	err  error
}

// eachPort runs do for each port in order. Meanwhile another goroutine reads the next ones: one
// half of the work is SQLite's.
func (v *HistoryView) eachPort(ctx context.Context, ports []ledger.ChargingPort, do func(ledger.ChargingPort, []KeptHistory)) (err error) {
	read := make(chan readPort, readAhead)
	go func() {
		defer close(read)
		for _, p := range ports {
			r := readPort{ChargingPort: p, err: ctx.Err()}
			for _, l := range p.Lines {
				if r.err != nil {
					break
				}
				var kept KeptHistory
				kept, r.err = v.CP(l.CP)
				r.kept = append(r.kept, kept)
			}
			read <- r
			if r.err != nil {
				return
			}
		}
	}()
	for r := range read { // to its end: the goroutine has ended then
		if err = r.err; err == nil {
			do(r.ChargingPort, r.kept)
		}
	}
	return err
}

// Segments are those of the charge point.
func (r KeptHistory) Segments() []history.CPSegment { return history.Merge(r.Numberings, r.First) }

// Incidents are those of the charge point.
func (r KeptHistory) Incidents() []history.IncidentDetail {
	return history.Incidents(r.Numberings, r.First)
}

// Sites are where the charge points were last said to be; one that was never said to be
// anywhere is missing.
func (v *HistoryView) Sites() (map[evcp.CPID]string, error) {
	sites := map[evcp.CPID]string{}
	const list = `SELECT cp_id, site FROM elements WHERE kind = 'site' AND serial <= ? ORDER BY cp_id, from_at`
	return sites, v.db.Query(list, func(row *sqlite.Stmt) error {
		sites[evcp.CPID(row.ColumnText(0))] = row.ColumnText(1)
		return nil
	}, v.Progress.Serial)
}

// refreshAge is how old the last commit may be for who reads the history of a running Central.
const refreshAge = 2 * time.Second

// Refresh commits, unless the last commit is less than two seconds old.
func (a *Archive) Refresh() error {
	if time.Since(a.committed) < refreshAge {
		return nil
	}
	return a.Commit()
}
