package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/generator"
	"evcp/internal/kafka"
)

// generatedYear is a year of charge points whose outages are known: 2026 in UTC, and a day
// before and after.
type generatedYear struct {
	cps    int
	policy evcp.Policy
	down   func(n int) []generator.Outage // of the n-th charge point, from 0
	off    func(n int) []generator.Outage
}

// yearPartitions are those of the topic; a charge point is in one of them.
const yearPartitions = 3

func stampAt(month time.Month, day, hour int) evcp.Stamp {
	return evcp.StampOf(time.Date(2026, month, day, hour, 0, 0, 0, time.UTC))
}

// generatedYears by name. The incidents begin with the first failed check.
var generatedYears = map[string]generatedYear{
	// known: checks every 900 s. The n-th charge point is down for n times 900 s, from the fifth
	// of each month at six. Those with a seven at the end are not watched for a week of March.
	"known": {
		cps:    100,
		policy: evcp.Policy{Fall: 1, Rise: 1, Instance: "generated", Interval: 900 * time.Second, Timeout: 9 * time.Second},
		down: func(n int) (all []generator.Outage) {
			for month := time.January; month <= time.December; month++ {
				from := stampAt(month, 5, 6)
				all = append(all, generator.Outage{From: from, To: from.Add(time.Duration(n) * 900 * time.Second)})
			}
			return all
		},
		off: func(n int) []generator.Outage {
			if n%10 != 7 {
				return nil
			}
			return []generator.Outage{{From: stampAt(time.March, 10, 0), To: stampAt(time.March, 17, 0)}}
		},
	},
	// many: checks every 24 h, and every fourth of them fails.
	"many": {
		cps:    10_000,
		policy: evcp.Policy{Fall: 1, Rise: 1, Instance: "generated", Interval: 24 * time.Hour, Timeout: 9 * time.Second},
		down: func(n int) (all []generator.Outage) {
			for day := 1 + n%4; day <= 365; day += 4 {
				all = append(all, generator.Outage{From: stampAt(time.January, day, 0), To: stampAt(time.January, day+1, 0)})
			}
			return all
		},
		off: func(int) []generator.Outage { return nil },
	},
}

func (y generatedYear) watch(n int) generator.Watch {
	return generator.Watch{
		CP: cpName(n), Policy: y.policy, From: stampAt(time.January, 0, 0), To: stampAt(time.December, 33, 0), Down: y.down(n), Off: y.off(n),
	}
}

// yearBatch is how many records are taken at once.
const yearBatch = 20_000

// writeYear makes the history of a year in a folder, as a Central that reads the partitions one
// after the other, in this order or from the last one on.
func writeYear(dir, name string, backwards bool) (err error) {
	y, known := generatedYears[name]
	if !known {
		return fmt.Errorf("%q is no generated year", name)
	}
	a, err := archive.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Commit(), a.Close()) }()
	if err := a.SetTopic("monitor-events"); err != nil {
		return err
	}
	for i := range yearPartitions {
		if backwards {
			i = yearPartitions - 1 - i
		}
		if err := y.writePartition(a, i); err != nil {
			return err
		}
	}
	return nil
}

func (y generatedYear) writePartition(a *archive.Archive, partition int) error {
	var b kafka.ReadBatch
	var values []byte
	offset := int64(0)
	take := func() error {
		err := a.Take(b)
		if err == nil && a.Uncommitted() > yearBatch {
			err = a.Commit()
		}
		b.Records, values = b.Records[:0], values[:0]
		return err
	}
	for n := partition; n < y.cps; n += yearPartitions {
		for e := range y.watch(n).Events() {
			begin := len(values)
			values = e.AppendJSON(values)
			b.Records = append(b.Records, kafka.TopicRecord{Partition: int32(partition), Offset: offset, Value: values[begin:len(values):len(values)]})
			if offset++; len(b.Records) == yearBatch {
				if err := take(); err != nil {
					return err
				}
			}
		}
	}
	return take()
}
