package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// effort is how long and how often is measured.
type effort struct {
	starts int           // of each kind
	rounds int           // of the comparison
	warm   time.Duration // before each round's window
	window time.Duration // of each round
	watch  time.Duration // that intervals are collected
	faults int           // of each kind
	gobN   string        // runs of each Go benchmark
	gobT   string        // length of each
}

// The document is written from full. One minute is what "resident after 60 s of
// watching" says; with fewer than five rounds a median says little.
var (
	full  = effort{starts: 20, rounds: 5, warm: 3 * time.Second, window: time.Minute, watch: 3 * time.Minute, faults: 10, gobN: "5", gobT: "1s"}
	quick = effort{starts: 4, rounds: 2, warm: 2 * time.Second, window: 12 * time.Second, watch: 15 * time.Second, faults: 2, gobN: "1", gobT: "200ms"}
)

// measure takes the steps one after another; one that fails does not keep the
// others from being measured, but keeps the document as it is.
func measure(ctx context.Context, l *lab, o options) error {
	began := readMachine(ctx)
	fmt.Println(began.String())
	var tables []table
	var failed []error
	for _, s := range steps {
		if !o.wants(s.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s  %s …\n", time.Now().Format(time.TimeOnly), s.name)
		got, err := s.measure(ctx, l)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
		}
		tables = append(tables, got...)
		for _, t := range got {
			fmt.Printf("\n%s\n\n%s", t.title, t.markdown())
		}
	}
	tables = append(tables, began.table(loadAverage()))
	if err := errors.Join(append(failed, ctx.Err())...); err != nil {
		return fmt.Errorf("not everything could be measured:\n%w", err)
	}
	if o.document == "" {
		return nil
	}
	return rewrite(o.document, tables)
}
