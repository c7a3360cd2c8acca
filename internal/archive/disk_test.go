package archive

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"evcp"
	"evcp/internal/kafka"
	"evcp/internal/sqlite"
)

// BenchmarkBytesPerDay measures what a charge point takes in history.db that is checked once a
// second for a day, with answers after 0.6 to 5 ms and four outages of a minute that Central is
// told of. docs/OPERATIONS.md says what it measured.
func BenchmarkBytesPerDay(b *testing.B) {
	const cps, outages = 20, 4
	for b.Loop() {
		a := openArchive(b, b.TempDir())
		day := dayOf(cps, outages)
		for s := range 86_400 {
			if err := a.Take(day(s)); err != nil {
				b.Fatal(err)
			}
			if s%600 == 599 {
				if err := a.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		}
		var elements, packed int64
		if err := a.db.QueryInts(`SELECT (SELECT count(*) FROM elements), (SELECT sum(length(packed)) FROM minutes)`, &elements, &packed); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(elements)/cps/outages, "elements/outage")
		b.ReportMetric(float64(packed)/cps, "packed-B")
		for _, table := range []struct {
			name string
			per  float64
		}{{"minutes", cps}, {"open_minutes", cps}, {"elements", cps * outages}, {"folds", cps}} {
			b.ReportMetric(float64(takenBy(b, a.db, table.name))/table.per, table.name+"-B")
		}
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// dayOf makes the records of a day, second by second.
func dayOf(cps, outages int) func(s int) kafka.ReadBatch {
	random := rand.New(rand.NewPCG(1, 2))
	policy := evcp.Policy{Fall: 3, Rise: 1, Interval: time.Second, Timeout: 900 * time.Millisecond, Instance: "site-7"}
	states := make([]evcp.State, cps)
	offset := int64(0)
	return func(s int) (batch kafka.ReadBatch) {
		for i := range states {
			var events []evcp.Event
			observe := func(o evcp.Observation) {
				o.CP, o.At = evcp.CPID(fmt.Sprintf("CP_%05d", i)), origin.Add(time.Duration(s)*time.Second)
				states[i], events = policy.Next(states[i], o, events)
			}
			if s == 0 {
				observe(evcp.Observation{Kind: evcp.Started, Version: "test"})
			}
			o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: time.Duration(600+random.ExpFloat64()*700) * time.Microsecond}
			if begin := s % (86_400 / outages); begin >= 3600 && begin < 3660 {
				o = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused, Latency: 200 * time.Microsecond}
			}
			was := states[i].Incident
			observe(evcp.Observation{Kind: evcp.Checked, Outcome: o})
			if now := states[i].Incident; now.Open && !was.Open {
				observe(evcp.Observation{Kind: evcp.FailureReported, Incident: now.ID, Response: "Failure report received", Latency: time.Millisecond})
			}
			for _, e := range events {
				batch.Records = append(batch.Records, kafka.TopicRecord{Offset: offset, Value: e.AppendJSON(nil)})
				offset++
			}
		}
		return batch
	}
}

// takenBy is how many bytes of the file a table and its indexes take. The table is gone then.
func takenBy(b *testing.B, db *sqlite.DB, table string) int64 {
	b.Helper()
	size := func() int64 {
		if err := db.Exec(`VACUUM`); err != nil {
			b.Fatal(err)
		}
		used, _, err := db.Usage()
		if err != nil {
			b.Fatal(err)
		}
		return used
	}
	before := size()
	if err := db.Exec(`DROP TABLE ` + table); err != nil {
		b.Fatal(err)
	}
	return before - size()
}
